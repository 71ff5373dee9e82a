// Scaled dot-product attention, without a matrix of all pairs in memory (Dao, 2023,
// FlashAttention-2).  The file that includes this says FEATURES, the most features of a head.
//
// A block of threads keeps some rows (queries, or in the gradient for keys and values: keys) in
// shared memory, 16 for each warp, and walks over the rows of the other side, STREAM at a time: one
// tile of them is fetched while another is multiplied.  Everything is added up in one thread's
// order: results are the same at every run.
#include "common.cuh"
#include "warp_tiles.cuh"

struct Attention {
  long long mask_steps[4];  // of batch, heads, queries, keys
  int queries, keys, heads, key_heads;
  int features, value_features;
  float scale;
  int is_causal;

  // The rows of a head in arrays of (batch, queries, heads, width) and (batch, keys, ...).
  template <typename T> __device__ Rows<T> of_queries(T* x, int b, int h, int width) const {
    return Rows<T>(x, b, h, queries, heads, width);
  }
  template <typename T> __device__ Rows<T> of_keys(T* x, int b, int h, int width) const {
    return Rows<T>(x, b, h, keys, key_heads, width);
  }
  __device__ int group() const { return heads / key_heads; }
};

constexpr int SHARED_BYTES = 48 << 10;  // what a block has without asking for more

// As many rows as fit in each of `tiles` tiles beside `kept` rows.
template <int BYTES> __host__ __device__ constexpr int rows_beside(int kept, int tiles) {
  int rows = 64;
  while ((kept + tiles * rows) * BYTES > SHARED_BYTES) rows /= 2;
  return rows;
}

template <typename T> struct Plan {
  static constexpr int STRIDE = TileRows<T, FEATURES>::STRIDE;
  static constexpr int BYTES = TileRows<T, FEATURES>::BYTES;
  static constexpr int WARPS = 2 * 64 * BYTES <= 36 << 10 ? 4 : 2;
  static constexpr int ROWS = 16 * WARPS;
  static constexpr int STREAM = rows_beside<BYTES>(ROWS, 2);
  static constexpr int STREAM_BACK = rows_beside<BYTES>(2 * ROWS, 3);
  static constexpr int KEPT_SIZE = ROWS * STRIDE;  // elements of tiles
  static constexpr int SIZE = STREAM * STRIDE;
  static constexpr int SIZE_BACK = STREAM_BACK * STRIDE;
};

// The score of a pair that a mask forbids.  It is finite, so that a query that may see no key weighs
// all of them alike.  Such a query has L = ALL_FORBIDDEN: e^(S - L) is 0 for every S.
constexpr float FORBIDDEN = -0x1p127f;
constexpr float ALL_FORBIDDEN = 0x1p127f;

// The score of a pair as the mask leaves it; minus infinity outside of the matrix of pairs.
struct Mask {
  const bool* allowed;
  const float* added;
  const Attention& s;
  long long first;  // of this batch and head

  __device__ Mask(const bool* allowed, const float* added, const Attention& s, int b, int h)
      : allowed(allowed), added(added), s(s),
        first(b * s.mask_steps[0] + h * s.mask_steps[1]) {}
  __device__ bool is_there() const { return allowed != nullptr || added != nullptr; }
  __device__ float operator()(float score, int query, int key) const {
    score *= s.scale;
    if (query >= s.queries || key >= s.keys) return -INFINITY;
    if (s.is_causal && key > query) return FORBIDDEN;
    const long long place = first + query * s.mask_steps[2] + key * s.mask_steps[3];
    if (allowed != nullptr) return allowed[place] ? score : FORBIDDEN;
    if (added == nullptr) return score;
    const float more = added[place];
    return more == -INFINITY ? FORBIDDEN : score + more;
  }
};

// The scores of a tile of products whose rows are queries or, TURNED, keys.  What lies inside of the
// matrix of pairs, off the diagonal and under no mask is only scaled.
template <bool TURNED, int N>
__device__ inline void score(float (&tile)[N][4], const Mask& masked, int row, int column) {
  const Attention& s = masked.s;
  const int query = TURNED ? column : row;
  const int key = TURNED ? row : column;
  const int last_query = query + (TURNED ? 8 * N : 16) - 1;
  const int last_key = key + (TURNED ? 16 : 8 * N) - 1;
  const bool plain = !masked.is_there() && last_query < s.queries && last_key < s.keys &&
                     (!s.is_causal || last_key <= query);
#pragma unroll
  for (int j = 0; j < N; ++j) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      if (plain) {
        tile[j][e] *= s.scale;
      } else {
        const int across = lane_group() + 8 * (e / 2);
        const int along = 8 * j + lane_pair() + e % 2;
        tile[j][e] = masked(
            tile[j][e], query + (TURNED ? along : across), key + (TURNED ? across : along));
      }
    }
  }
}

// e^x, as exact as a weight that is rounded to T needs it.
template <typename T> __device__ inline float weight_of(float x) {
  return sizeof(T) == 2 ? __expf(x) : ::expf(x);
}

template <typename F> __device__ inline float quad_reduce(float value, F combine) {
  value = combine(value, __shfl_xor_sync(0xffffffffu, value, 1));
  return combine(value, __shfl_xor_sync(0xffffffffu, value, 2));
}

// The greater one; NaN is left to the sum of exponentials, which it reaches in any case.
struct Greater {
  __device__ float operator()(float a, float b) const { return a > b ? a : b; }
};

// The softmax of a thread's two rows while their scores come tile by tile, a quarter to each thread
// of a quad.
template <typename T> struct Softmax {
  float largest[2] = {-INFINITY, -INFINITY};
  float total[2] = {0.0f, 0.0f};  // of the thread's quarter

  // Whether a row has seen nothing but forbidden pairs.
  __device__ bool is_blind() const { return largest[0] == FORBIDDEN || largest[1] == FORBIDDEN; }
  // Scores become exponentials; what was summed with those before is scaled like these.
  template <int N, int M> __device__ void add(float (&scores)[N][4], float (&sums)[M][4]) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      float most = largest[i];
#pragma unroll
      for (int j = 0; j < N; ++j) {
#pragma unroll
        for (int e = 2 * i; e < 2 * i + 2; ++e) most = Greater()(scores[j][e], most);
      }
      most = quad_reduce(most, Greater());
      const float factor = weight_of<T>(largest[i] - most);
      largest[i] = most;
      total[i] *= factor;
      scale_row(sums, i, factor);
#pragma unroll
      for (int j = 0; j < N; ++j) {
#pragma unroll
        for (int e = 2 * i; e < 2 * i + 2; ++e) {
          scores[j][e] = weight_of<T>(scores[j][e] - most);
          total[i] += scores[j][e];
        }
      }
    }
  }
};

// Blocks: (tiles of queries, heads, batch).
template <typename T>
__global__ void __launch_bounds__(128, 1) attention(
    const T* query, const T* key, const T* value, const bool* allowed, const float* added, T* y,
    float* logs, const Attention s) {
  constexpr int STREAM = Plan<T>::STREAM;
  __align__(16) __shared__ T queries[Plan<T>::KEPT_SIZE];
  __align__(16) __shared__ T keys[Plan<T>::SIZE];
  __align__(16) __shared__ T values[Plan<T>::SIZE];
  const int h = blockIdx.y, b = blockIdx.z;
  const Rows<const T> k = s.of_keys(key, b, h / s.group(), s.features);
  const Rows<const T> v = s.of_keys(value, b, h / s.group(), s.value_features);
  const Mask masked(allowed, added, s, b, h);
  const int first = blockIdx.x * Plan<T>::ROWS;
  const int own = threadIdx.x / 32 * 16;  // the warp's first row
  fetch<FEATURES>(queries, s.of_queries(query, b, h, s.features), first);
  fetch<FEATURES>(keys, k, 0);
  float sums[FEATURES / 8][4];
  clear(sums);
  Softmax<T> softmax;
  int last = s.is_causal ? min(s.keys, first + Plan<T>::ROWS) : s.keys;
  for (int n = 0; n < last; n += STREAM) {
    float weights[STREAM / 8][4];
    clear(weights);
    arrived();
    fetch<FEATURES>(values, v, n);
    add_rows_product<T, FEATURES>(weights, queries + own * Plan<T>::STRIDE, keys);
    arrived();
    if (n + STREAM < last) fetch<FEATURES>(keys, k, n + STREAM);
    score<false>(weights, masked, first + own, n);
    softmax.add(weights, sums);
    add_weighted_rows<T, FEATURES>(sums, weights, values);
    if (n + STREAM < last || last == s.keys || !masked.is_there()) continue;
    if (__syncthreads_or(softmax.is_blind())) {  // blind queries weigh the keys after them too
      last = s.keys;
      fetch<FEATURES>(keys, k, n + STREAM);
    }
  }
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int row = first + own + lane_group() + 8 * i;
    const float all = quad_reduce(softmax.total[i], Sum());
    const float most = softmax.largest[i];
    scale_row(sums, i, __frcp_rn(all));
    if (row < s.queries && lane_pair() == 0)
      *s.of_queries(logs, b, h, 1).at(row) =
          most == FORBIDDEN && all == all ? ALL_FORBIDDEN : most + logarithm(all);
  }
  store(sums, s.of_queries(y, b, h, s.value_features), first + own);
}
