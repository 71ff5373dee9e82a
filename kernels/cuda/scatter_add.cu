#include "common.cuh"

constexpr int IDS = 16;      // destinations of a block
constexpr int COLUMNS = 128; // elements of each destination, one a thread

// The first position in sorted ids whose id is not below `id`.
template <typename I>
__device__ inline long long lower_bound(const I* ids, long long k, long long id) {
  long long low = 0;
  long long high = k;
  while (low < high) {
    const long long middle = (low + high) / 2;
    if ((long long)ids[middle] < id)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

// y = x, plus updates[o, j, c] at y[o, ids[j], c], for x (outer, n, inner) and updates (outer, k,
// inner).
//
// A block owns IDS destinations and adds the updates that meet them in the order of j, so that
// every run gives the same sums.  It looks at all ids; if those were sorted beforehand (`order`
// tells where each was), it looks only at its own.  An element (o, c) is one column, which belongs
// to one thread.  Ids outside the axis are skipped.
template <typename T, typename I>
__global__ void __launch_bounds__(COLUMNS) scatter_add(
    const T* x, const I* ids, const long long* order, const T* updates, T* y, long long outer,
    long long n, long long k, long long inner) {
  using A = compute_t<T>;
  __shared__ A sums[IDS][COLUMNS];
  __shared__ long long positions[COLUMNS];
  __shared__ int targets[COLUMNS];
  __shared__ int found_by[COLUMNS / 32];
  const int thread = threadIdx.x;
  const int lane = thread & 31;
  const int warp = thread >> 5;
  const long long columns = outer * inner;
  const long long column_tiles = (columns + COLUMNS - 1) / COLUMNS;
  const long long tiles = (n + IDS - 1) / IDS * column_tiles;
  for (long long tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    const long long first_id = tile / column_tiles * IDS;
    const long long column = tile % column_tiles * COLUMNS + thread;
    const bool has_column = column < columns;
    const long long o = column / inner;
    const long long c = column % inner;
    for (int i = 0; i < IDS; ++i) sums[i][thread] = A(0);
    const long long begin = order ? lower_bound(ids, k, first_id) : 0;
    const long long end = order ? lower_bound(ids, k, first_id + IDS) : k;
    for (long long base = begin; base < end; base += COLUMNS) {
      // Which of the next ids are ours: written to a list that keeps their order.
      const long long at = base + thread;
      const long long target = at < end ? (long long)ids[at] - first_id : -1;
      const bool ours = target >= 0 && target < IDS && target + first_id < n;
      const unsigned int votes = __ballot_sync(0xffffffffu, ours);
      if (lane == 0) found_by[warp] = __popc(votes);
      __syncthreads();
      int place = __popc(votes & ((1u << lane) - 1));
      int found = 0;
      for (int w = 0; w < COLUMNS / 32; ++w) {
        if (w < warp) place += found_by[w];
        found += found_by[w];
      }
      if (ours) {
        positions[place] = order ? order[at] : at;
        targets[place] = (int)target;
      }
      __syncthreads();
      if (has_column) {
#pragma unroll 4
        for (int i = 0; i < found; ++i)
          sums[targets[i]][thread] += A(updates[(o * k + positions[i]) * inner + c]);
      }
    }
    if (has_column) {
      for (int i = 0; i < IDS && first_id + i < n; ++i) {
        const long long place = (o * n + first_id + i) * inner + c;
        y[place] = T(A(x[place]) + sums[i][thread]);
      }
    }
    __syncthreads();
  }
}

// y[o, ids[o, j, c], c] += updates[o, j, c] for y (outer, n, inner) and ids (outer, k, inner).  Each
// column (o, c) belongs to one thread, which adds in the order of j.
template <typename T, typename I>
__global__ void __launch_bounds__(COLUMNS) add_along_axis(
    const I* ids, const T* updates, T* y, long long outer, long long n, long long k,
    long long inner) {
  using A = compute_t<T>;
  for (long long column = first_index(); column < outer * inner; column += index_step()) {
    const long long o = divide(column, inner);
    const long long c = column - o * inner;
    for (long long j = 0; j < k; ++j) {
      const long long from = (o * k + j) * inner + c;
      const long long id = (long long)ids[from];
      if (id < 0 || id >= n) continue;
      T& to = y[(o * n + id) * inner + c];
      to = T(A(to) + A(updates[from]));
    }
  }
}
