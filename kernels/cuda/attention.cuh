// Scaled dot-product attention and its gradient, without a matrix of all pairs in memory (Dao, 2023,
// FlashAttention-2). The file that includes this says FEATURES, the most features of a head.
//
// A block of threads keeps some rows (queries, or in the gradient for keys and values: keys) in
// shared memory, 16 for each warp, and walks over the rows of the other side, STREAM at a time.
// Everything is added up in one thread's order: results are the same at every run.
#include "common.cuh"
#include "warp_tiles.cuh"

struct Attention {
  long long mask_steps[4];  // of batch, heads, queries, keys
  int queries, keys, heads, key_heads;
  int features, value_features;
  float scale;
  int is_causal;
};

constexpr int SHARED_BYTES = 48 << 10;  // what a block has without asking for more

// As many rows as fit beside `kept` of them, with two tiles of each.
template <int BYTES> __host__ __device__ constexpr int rows_beside(int kept) {
  int rows = 64;
  while ((kept + 2 * rows) * BYTES > SHARED_BYTES) rows /= 2;
  return rows;
}

template <typename T> struct Plan {
  static constexpr int BYTES = TileRows<T, FEATURES>::BYTES;
  static constexpr int WARPS = 2 * 64 * BYTES <= 36 << 10 ? 4 : 2;
  static constexpr int ROWS = 16 * WARPS;
  static constexpr int STREAM = rows_beside<BYTES>(ROWS);
  static constexpr int STREAM_BACK = rows_beside<BYTES>(2 * ROWS);
};

// The first element of row `row` of (batch, length, heads, features).
__device__ inline long long place_of(int b, int row, int h, int length, int heads, int features) {
  return (((long long)b * length + row) * heads + h) * features;
}

// The score of a pair as the mask leaves it: minus infinity forbids it.
struct Mask {
  const bool* allowed;
  const float* added;
  const Attention& s;
  long long first;  // of this batch and head

  __device__ Mask(const bool* allowed, const float* added, const Attention& s, int b, int h)
      : allowed(allowed), added(added), s(s),
        first(b * s.mask_steps[0] + h * s.mask_steps[1]) {}
  __device__ float operator()(float score, int query, int key) const {
    score *= s.scale;
    if (query >= s.queries || key >= s.keys || (s.is_causal && key > query)) return -INFINITY;
    const long long place = first + query * s.mask_steps[2] + key * s.mask_steps[3];
    if (allowed != nullptr) return allowed[place] ? score : -INFINITY;
    if (added == nullptr) return score;
    const float more = added[place];
    return more == -INFINITY ? more : score + more;
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
  const bool plain = masked.allowed == nullptr && masked.added == nullptr &&
                     last_query < s.queries && last_key < s.keys &&
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

// Blocks: (tiles of queries, heads, batch).
template <typename T>
__global__ void __launch_bounds__(128, 1) attention(
    const T* query, const T* key, const T* value, const bool* allowed, const float* added, T* y,
    float* logs, const Attention s) {
  constexpr int STREAM = Plan<T>::STREAM;
  constexpr int STRIDE = TileRows<T, FEATURES>::STRIDE;
  __align__(16) __shared__ T queries[Plan<T>::ROWS * STRIDE];
  __align__(16) __shared__ T keys[STREAM * STRIDE];
  __align__(16) __shared__ T values[STREAM * STRIDE];
  const int h = blockIdx.y, b = blockIdx.z;
  const int key_head = h / (s.heads / s.key_heads);
  const int first = blockIdx.x * Plan<T>::ROWS;
  const int own = threadIdx.x / 32 * 16;  // the warp's first row
  const Mask masked(allowed, added, s, b, h);
  load_rows<T, FEATURES, Plan<T>::ROWS>(
      queries, query + place_of(b, first, h, s.queries, s.heads, s.features),
      (long long)s.heads * s.features, s.queries - first, s.features);
  float sums[FEATURES / 8][4];
  clear(sums);
  float largest[2] = {-INFINITY, -INFINITY};
  float total[2] = {0.0f, 0.0f};
  const int last = s.is_causal ? min(s.keys, first + Plan<T>::ROWS) : s.keys;
  for (int k = 0; k < last; k += STREAM) {
    __syncthreads();  // the tiles may still be read
    load_rows<T, FEATURES, STREAM>(
        keys, key + place_of(b, k, key_head, s.keys, s.key_heads, s.features),
        (long long)s.key_heads * s.features, s.keys - k, s.features);
    load_rows<T, FEATURES, STREAM>(
        values, value + place_of(b, k, key_head, s.keys, s.key_heads, s.value_features),
        (long long)s.key_heads * s.value_features, s.keys - k, s.value_features);
    __syncthreads();
    float weights[STREAM / 8][4];
    clear(weights);
    add_rows_product<T, FEATURES>(weights, queries + own * STRIDE, keys);
    score<false>(weights, masked, first + own, k);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      float most = largest[i];
#pragma unroll
      for (int j = 0; j < STREAM / 8; ++j) {
#pragma unroll
        for (int e = 2 * i; e < 2 * i + 2; ++e) most = Greater()(weights[j][e], most);
      }
      most = quad_reduce(most, Greater());
      const float shift = most == -INFINITY ? 0.0f : most;  // nothing was seen yet
      const float factor = weight_of<T>(largest[i] - shift);
      largest[i] = most;
      total[i] *= factor;
#pragma unroll
      for (int n = 0; n < FEATURES / 8; ++n) {
        sums[n][2 * i] *= factor;
        sums[n][2 * i + 1] *= factor;
      }
#pragma unroll
      for (int j = 0; j < STREAM / 8; ++j) {
#pragma unroll
        for (int e = 2 * i; e < 2 * i + 2; ++e) {
          weights[j][e] = weight_of<T>(weights[j][e] - shift);
          total[i] += weights[j][e];
        }
      }
    }
    add_weighted_rows<T, FEATURES>(sums, weights, values);
  }
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int row = first + own + lane_group() + 8 * i;
    const float all = quad_reduce(total[i], Sum());
    const float factor = all == 0.0f ? 1.0f : __frcp_rn(all);
#pragma unroll
    for (int n = 0; n < FEATURES / 8; ++n) {
      sums[n][2 * i] *= factor;
      sums[n][2 * i + 1] *= factor;
    }
    if (row < s.queries && lane_pair() == 0)
      logs[place_of(b, row, h, s.queries, s.heads, 1)] =
          all == 0.0f ? 0.0f : largest[i] + logarithm(all);
  }
  const int row = first + own;
  store_rows<T, FEATURES>(
      sums, y + place_of(b, row, h, s.queries, s.heads, s.value_features),
      (long long)s.heads * s.value_features, s.queries - row, s.value_features);
}

// dQ = scale dS K, dS = P (G V^T - D), P = e^(S - L).  Blocks: (tiles of queries, heads, batch).
template <typename T>
__global__ void __launch_bounds__(128, 1) attention_query_gradient(
    const T* g, const T* query, const T* key, const T* value, const bool* allowed,
    const float* added, const float* logs, const float* delta, T* dq, const Attention s) {
  constexpr int STREAM = Plan<T>::STREAM_BACK;
  constexpr int STRIDE = TileRows<T, FEATURES>::STRIDE;
  __align__(16) __shared__ T queries[Plan<T>::ROWS * STRIDE];
  __align__(16) __shared__ T arriving[Plan<T>::ROWS * STRIDE];
  __align__(16) __shared__ T keys[STREAM * STRIDE];
  __align__(16) __shared__ T values[STREAM * STRIDE];
  const int h = blockIdx.y, b = blockIdx.z;
  const int key_head = h / (s.heads / s.key_heads);
  const int first = blockIdx.x * Plan<T>::ROWS;
  const int own = threadIdx.x / 32 * 16;
  const Mask masked(allowed, added, s, b, h);
  load_rows<T, FEATURES, Plan<T>::ROWS>(
      queries, query + place_of(b, first, h, s.queries, s.heads, s.features),
      (long long)s.heads * s.features, s.queries - first, s.features);
  load_rows<T, FEATURES, Plan<T>::ROWS>(
      arriving, g + place_of(b, first, h, s.queries, s.heads, s.value_features),
      (long long)s.heads * s.value_features, s.queries - first, s.value_features);
  float sums[FEATURES / 8][4];
  clear(sums);
  float log_of[2] = {0.0f, 0.0f};
  float delta_of[2] = {0.0f, 0.0f};
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int row = first + own + lane_group() + 8 * i;
    if (row < s.queries) {
      log_of[i] = logs[place_of(b, row, h, s.queries, s.heads, 1)];
      delta_of[i] = delta[place_of(b, row, h, s.queries, s.heads, 1)];
    }
  }
  const int last = s.is_causal ? min(s.keys, first + Plan<T>::ROWS) : s.keys;
  for (int k = 0; k < last; k += STREAM) {
    __syncthreads();
    load_rows<T, FEATURES, STREAM>(
        keys, key + place_of(b, k, key_head, s.keys, s.key_heads, s.features),
        (long long)s.key_heads * s.features, s.keys - k, s.features);
    load_rows<T, FEATURES, STREAM>(
        values, value + place_of(b, k, key_head, s.keys, s.key_heads, s.value_features),
        (long long)s.key_heads * s.value_features, s.keys - k, s.value_features);
    __syncthreads();
    float scores[STREAM / 8][4];
    float slopes[STREAM / 8][4];
    clear(scores);
    clear(slopes);
    add_rows_product<T, FEATURES>(scores, queries + own * STRIDE, keys);
    add_rows_product<T, FEATURES>(slopes, arriving + own * STRIDE, values);
    score<false>(scores, masked, first + own, k);
#pragma unroll
    for (int j = 0; j < STREAM / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const float weight = weight_of<T>(scores[j][e] - log_of[e / 2]);
        slopes[j][e] = weight * (slopes[j][e] - delta_of[e / 2]);
      }
    }
    add_weighted_rows<T, FEATURES>(sums, slopes, keys);
  }
#pragma unroll
  for (int n = 0; n < FEATURES / 8; ++n) {
#pragma unroll
    for (int e = 0; e < 4; ++e) sums[n][e] *= s.scale;
  }
  const int row = first + own;
  store_rows<T, FEATURES>(
      sums, dq + place_of(b, row, h, s.queries, s.heads, s.features),
      (long long)s.heads * s.features, s.queries - row, s.features);
}

// dK = scale dS^T Q and dV = P^T G, over all heads that a head of the keys serves.
// Blocks: (tiles of keys, heads of the keys, batch).
template <typename T>
__global__ void __launch_bounds__(128, 1) attention_key_gradient(
    const T* g, const T* query, const T* key, const T* value, const bool* allowed,
    const float* added, const float* logs, const float* delta, T* dk, T* dv, const Attention s) {
  constexpr int STREAM = Plan<T>::STREAM_BACK;
  constexpr int STRIDE = TileRows<T, FEATURES>::STRIDE;
  __align__(16) __shared__ T keys[Plan<T>::ROWS * STRIDE];
  __align__(16) __shared__ T values[Plan<T>::ROWS * STRIDE];
  __align__(16) __shared__ T queries[STREAM * STRIDE];
  __align__(16) __shared__ T arriving[STREAM * STRIDE];
  const int key_head = blockIdx.y, b = blockIdx.z;
  const int group = s.heads / s.key_heads;
  const int first = blockIdx.x * Plan<T>::ROWS;
  const int own = threadIdx.x / 32 * 16;
  load_rows<T, FEATURES, Plan<T>::ROWS>(
      keys, key + place_of(b, first, key_head, s.keys, s.key_heads, s.features),
      (long long)s.key_heads * s.features, s.keys - first, s.features);
  load_rows<T, FEATURES, Plan<T>::ROWS>(
      values, value + place_of(b, first, key_head, s.keys, s.key_heads, s.value_features),
      (long long)s.key_heads * s.value_features, s.keys - first, s.value_features);
  float of_keys[FEATURES / 8][4];
  float of_values[FEATURES / 8][4];
  clear(of_keys);
  clear(of_values);
  for (int h = key_head * group; h < (key_head + 1) * group; ++h) {
    const Mask masked(allowed, added, s, b, h);
    for (int q = s.is_causal ? first / STREAM * STREAM : 0; q < s.queries; q += STREAM) {
      __syncthreads();
      load_rows<T, FEATURES, STREAM>(
          queries, query + place_of(b, q, h, s.queries, s.heads, s.features),
          (long long)s.heads * s.features, s.queries - q, s.features);
      load_rows<T, FEATURES, STREAM>(
          arriving, g + place_of(b, q, h, s.queries, s.heads, s.value_features),
          (long long)s.heads * s.value_features, s.queries - q, s.value_features);
      __syncthreads();
      float weights[STREAM / 8][4];
      float slopes[STREAM / 8][4];
      clear(weights);
      clear(slopes);
      add_rows_product<T, FEATURES>(weights, keys + own * STRIDE, queries);
      add_rows_product<T, FEATURES>(slopes, values + own * STRIDE, arriving);
      score<true>(weights, masked, first + own, q);
#pragma unroll
      for (int j = 0; j < STREAM / 8; ++j) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          const int row = q + 8 * j + lane_pair() + i;  // of the queries, which are columns here
          const long long place = place_of(b, row, h, s.queries, s.heads, 1);
          const float log_of = row < s.queries ? logs[place] : 0.0f;
          const float delta_of = row < s.queries ? delta[place] : 0.0f;
#pragma unroll
          for (int e = i; e < 4; e += 2) {
            weights[j][e] = weight_of<T>(weights[j][e] - log_of);
            slopes[j][e] = weights[j][e] * (slopes[j][e] - delta_of);
          }
        }
      }
      add_weighted_rows<T, FEATURES>(of_values, weights, arriving);
      add_weighted_rows<T, FEATURES>(of_keys, slopes, queries);
    }
  }
#pragma unroll
  for (int n = 0; n < FEATURES / 8; ++n) {
#pragma unroll
    for (int e = 0; e < 4; ++e) of_keys[n][e] *= s.scale;
  }
  const int row = first + own;
  store_rows<T, FEATURES>(
      of_keys, dk + place_of(b, row, key_head, s.keys, s.key_heads, s.features),
      (long long)s.key_heads * s.features, s.keys - row, s.features);
  store_rows<T, FEATURES>(
      of_values, dv + place_of(b, row, key_head, s.keys, s.key_heads, s.value_features),
      (long long)s.key_heads * s.value_features, s.keys - row, s.value_features);
}
