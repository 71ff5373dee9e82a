// Convolution of images x (N, H, W, C) with filters w (KH, KW, C / groups, O), to y (N, OH, OW, O),
// and both gradients:
//
//   y[n, oh, ow, o] = sum over kh, kw, c of x[n, h, w, c] w[kh, kw, c, o]
//   with h = oh SH - top + kh DH and w = ow SW - left + kw DW
//
// Each is a product of matrices of which one is never built ("implicit GEMM"): a loader computes
// where an element of it lies in x or y.  Groups are separate products.  16-bit numbers are added
// up in float.
#include "common.cuh"
#include "conv2d_operands.cuh"

constexpr int TILE_K = 16;
constexpr int STRIDE = TILE_M + 1;

// The tile (m0, n0) of the product, summed over k in [k_begin, k_end): each of 16 x 16 threads has
// 4 x 4 results, which go to store(m, n, value).
template <typename T, typename Left, typename Right, typename Store>
__device__ inline void tile_product(
    const Left& left, const Right& right, long long m0, long long n0, long long k_begin,
    long long k_end, Store store) {
  using A = compute_t<T>;
  __shared__ A a_tile[TILE_K][STRIDE];
  __shared__ A b_tile[TILE_K][STRIDE];
  const TileLoader<A, Left, TILE_K, STRIDE> load_a(left, m0);
  const TileLoader<A, Right, TILE_K, STRIDE> load_b(right, n0);
  const int row = threadIdx.x / 16;
  const int column = threadIdx.x % 16;
  A sums[4][4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) sums[i][j] = A(0);
  }
  for (long long k = k_begin; k < k_end; k += TILE_K) {
    load_a.load(a_tile, k, k_end);
    load_b.load(b_tile, k, k_end);
    __syncthreads();
#pragma unroll
    for (int kk = 0; kk < TILE_K; ++kk) {
      A a[4];
      A b[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        a[i] = a_tile[kk][row + 16 * i];
        b[i] = b_tile[kk][column + 16 * i];
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) sums[i][j] += a[i] * b[j];
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) store(m0 + row + 16 * i, n0 + column + 16 * j, sums[i][j]);
  }
}

#include "conv2d_products.cuh"
