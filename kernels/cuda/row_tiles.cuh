// Rows of numbers in memory, and tiles of them in shared memory, which are fetched while the block
// computes on others:
//
//   fetch<FEATURES>(tile, keys, 0);  // nobody may need any longer what the tile held
//   arrived();                       // all threads may read the tile, and write to those read before
//
// So the time that memory takes is hidden behind products where tiles take turns.
#include <cuda_pipeline_primitives.h>

template <typename T, int FEATURES> struct TileRows {
  static constexpr int PAD = 16 / sizeof(T);  // so that the rows begin in different banks
  static constexpr int STRIDE = FEATURES + PAD;
  static constexpr int BYTES = STRIDE * sizeof(T);
};

// The rows of one batch and head in x (batch, length, heads, features).
template <typename T> struct Rows {
  T* first;
  long long step;
  int length, features;

  __device__ Rows(T* x, int b, int h, int length, int heads, int features)
      : first(x + ((long long)b * length * heads + h) * features),
        step((long long)heads * features), length(length), features(features) {}
  __device__ T* at(int row) const { return first + row * step; }
};

// Fetches as many rows as the tile has, from `row` on; 0 where there are none.
template <int FEATURES, typename T, int SIZE>
__device__ inline void fetch(T (&tile)[SIZE], const Rows<const T>& x, int row) {
  constexpr int STRIDE = TileRows<T, FEATURES>::STRIDE;
  constexpr int ROWS = SIZE / STRIDE;
  constexpr int PIECE = 16 / sizeof(T);
  if (x.features % PIECE == 0 && ((unsigned long long)x.first & 15) == 0) {
    for (int i = threadIdx.x; i < ROWS * (FEATURES / PIECE); i += blockDim.x) {
      const int r = i / (FEATURES / PIECE);
      const int d = i % (FEATURES / PIECE) * PIECE;
      T* const place = tile + r * STRIDE + d;
      if (row + r < x.length && d < x.features)
        __pipeline_memcpy_async(place, x.at(row + r) + d, 16);
      else
        *(uint4*)place = {0, 0, 0, 0};
    }
  } else {
    for (int i = threadIdx.x; i < ROWS * FEATURES; i += blockDim.x) {
      const int r = i / FEATURES;
      const int d = i % FEATURES;
      const bool is_there = row + r < x.length && d < x.features;
      tile[r * STRIDE + d] = is_there ? x.at(row + r)[d] : T(0.0f);
    }
  }
}

// Waits for everything that any thread of the block has begun to fetch, and for the threads.
__device__ inline void arrived() {
  __pipeline_commit();
  __pipeline_wait_prior(0);
  __syncthreads();
}
