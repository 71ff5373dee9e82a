// Convolutions on tensor cores: the products of conv2d.cu, with sums in float.  Factors are 16-bit
// numbers, or floats that are rounded to TF32 (10 bits of mantissa).
//
// A block of 8 warps makes a tile of 64 x 64 results, each warp 16 x 32 of them.
#include <mma.h>
#include "common.cuh"
#include "conv2d_operands.cuh"

constexpr int TILE_K = 32;
constexpr int STRIDE = TILE_M + 8;  // of rows in shared memory; wmma wants multiples of 8
constexpr int SIDE = 16;

// What a number is multiplied as, and how many of them one instruction adds up.
template <typename T> struct Factor {
  using type = T;
  static constexpr int DEPTH = 16;
  template <typename Tile> __device__ static void round(Tile&) {}
};
template <> struct Factor<float> {
  using type = nvcuda::wmma::precision::tf32;
  static constexpr int DEPTH = 8;
  template <typename Tile> __device__ static void round(Tile& tile) {
#pragma unroll
    for (int i = 0; i < tile.num_elements; ++i) tile.x[i] = nvcuda::wmma::__float_to_tf32(tile.x[i]);
  }
};

template <typename T, typename Left, typename Right, typename Store>
__device__ inline void tile_product(
    const Left& left, const Right& right, long long m0, long long n0, long long k_begin,
    long long k_end, Store store) {
  using namespace nvcuda;
  using F = typename Factor<T>::type;
  constexpr int DEPTH = Factor<T>::DEPTH;
  // The tiles of the factors and, when they are done with, that of the results.
  __align__(32) __shared__ unsigned char memory[TILE_M * STRIDE * sizeof(float)];
  T(*a_tile)[STRIDE] = (T(*)[STRIDE])memory;
  T(*b_tile)[STRIDE] = a_tile + TILE_K;
  float* results = (float*)memory;
  static_assert(2 * TILE_K * sizeof(T) <= TILE_M * sizeof(float), "the factors fit");
  const TileLoader<T, Left, TILE_K, STRIDE> load_a(left, m0);
  const TileLoader<T, Right, TILE_K, STRIDE> load_b(right, n0);
  const int warp = threadIdx.x / 32;
  const int row = warp / 2 * SIDE;
  const int column = warp % 2 * 2 * SIDE;
  wmma::fragment<wmma::accumulator, SIDE, SIDE, DEPTH, float> sums[2];
#pragma unroll
  for (int j = 0; j < 2; ++j) wmma::fill_fragment(sums[j], 0.0f);
  for (long long k = k_begin; k < k_end; k += TILE_K) {
    load_a.load(a_tile, k, k_end);
    load_b.load(b_tile, k, k_end);
    __syncthreads();
#pragma unroll
    for (int kk = 0; kk < TILE_K; kk += DEPTH) {
      wmma::fragment<wmma::matrix_a, SIDE, SIDE, DEPTH, F, wmma::col_major> a;
      wmma::load_matrix_sync(a, &a_tile[kk][row], STRIDE);
      Factor<T>::round(a);
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        wmma::fragment<wmma::matrix_b, SIDE, SIDE, DEPTH, F, wmma::row_major> b;
        wmma::load_matrix_sync(b, &b_tile[kk][column + j * SIDE], STRIDE);
        Factor<T>::round(b);
        wmma::mma_sync(sums[j], a, b, sums[j]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int j = 0; j < 2; ++j)
    wmma::store_matrix_sync(
        results + row * STRIDE + column + j * SIDE, sums[j], STRIDE, wmma::mem_row_major);
  __syncthreads();
  for (int i = threadIdx.x; i < TILE_M * TILE_N; i += THREADS) {
    const int m = i / TILE_N;
    const int n = i % TILE_N;
    store(m0 + m, n0 + n, results[m * STRIDE + n]);
  }
}

#include "conv2d_products.cuh"
