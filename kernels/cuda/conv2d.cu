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
template <typename A, typename Left, typename Right, typename Store>
__device__ inline void tile_product(
    const Left& left, const Right& right, long long m0, long long n0, long long k_begin,
    long long k_end, Store store) {
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

// Blocks: (tiles along m, tiles along n, groups).
template <typename T>
__global__ void __launch_bounds__(256) conv2d(
    const T* x, const T* w, T* y, const Geometry s) {
  const int group = blockIdx.z;
  const long long pixels = (long long)s.n * s.oh * s.ow;
  const long long k = (long long)s.kh * s.kw * s.cg;
  const Patches<T> left = {x, s, group};
  const Filters<T> right = {w, s, group};
  tile_product<compute_t<T>>(
      left, right, (long long)blockIdx.x * TILE_M, (long long)blockIdx.y * TILE_N, 0, k,
      [&](long long m, long long n, compute_t<T> value) {
        if (m < pixels && n < s.og) y[m * s.o + group * s.og + n] = T(value);
      });
}

template <typename T>
__global__ void __launch_bounds__(256) conv2d_input_gradient(
    const T* g, const T* w, T* dx, const Geometry s) {
  const int group = blockIdx.z;
  const long long pixels = (long long)s.n * s.h * s.w;
  const long long k = (long long)s.kh * s.kw * s.og;
  const WindowsOver<T> left = {g, s, group};
  const FiltersTurned<T> right = {w, s, group};
  tile_product<compute_t<T>>(
      left, right, (long long)blockIdx.x * TILE_M, (long long)blockIdx.y * TILE_N, 0, k,
      [&](long long m, long long n, compute_t<T> value) {
        if (m < pixels && n < s.cg) dx[m * s.c + group * s.cg + n] = T(value);
      });
}

// Blocks: (tiles along m, tiles along n, groups * splits).  The sum over all pixels is long, so it
// is split; `parts` (splits, KH, KW, C / groups, O) gets one sum each, which are added up
// afterwards in a fixed order.
template <typename T>
__global__ void __launch_bounds__(256) conv2d_filter_gradient(
    const T* x, const T* g, void* parts, const Geometry s, int splits) {
  using A = compute_t<T>;
  const int group = blockIdx.z / splits;
  const int split = blockIdx.z % splits;
  const long long k = (long long)s.n * s.oh * s.ow;
  const long long share = (k + splits - 1) / splits;
  const long long k_begin = split * share;
  const long long k_end = k_begin + share < k ? k_begin + share : k;
  const long long rows = (long long)s.kh * s.kw * s.cg;
  PatchesTurned<T> left;
  left.x = x;
  left.s = s;
  left.group = group;
  const Pixels<T> right = {g, s, group};
  A* part = (A*)parts + split * rows * s.o;
  tile_product<A>(
      left, right, (long long)blockIdx.x * TILE_M, (long long)blockIdx.y * TILE_N, k_begin, k_end,
      [&](long long m, long long n, A value) {
        if (m < rows && n < s.og) part[m * s.o + group * s.og + n] = value;
      });
}
