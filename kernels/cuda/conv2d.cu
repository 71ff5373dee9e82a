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

struct Geometry {
  int n, h, w, c;         // of x
  int oh, ow, o;          // of y
  int kh, kw;             // of the filters
  int groups, cg, og;     // channels of a group: in and out
  int sh, sw, top, left;  // strides, and rows and columns of padding before the image
  int dh, dw;             // dilation
};

constexpr int TILE_M = 64;
constexpr int TILE_N = 64;
constexpr int TILE_K = 16;
constexpr int THREADS = 256;
constexpr int PER_THREAD = TILE_M * TILE_K / THREADS;  // elements of a tile that a thread loads
static_assert(TILE_M == TILE_N, "both operands are loaded alike");

// One operand of the product: `Outer` is the place along m or n, `Inner` the place along k, which
// are computed as seldom as possible, and `load` reads the element where the two meet.  ALONG_K
// tells that neighbours along k are neighbours in memory, so neighbouring threads should load them.
template <typename T> struct Patches {  // x, seen as (pixels of y) x (elements of a filter)
  static constexpr bool ALONG_K = true;
  struct Outer { int n, h, w; bool inside; };
  struct Inner { int h, w, c; bool inside; };
  const T* x;
  Geometry s;
  int group;

  __device__ Outer outer(long long m) const {
    const int pixels = s.oh * s.ow;
    const int n = (int)divide(m, pixels);
    const int pixel = (int)(m - (long long)n * pixels);
    const int oh = pixel / s.ow;
    return {n, oh * s.sh - s.top, (pixel - oh * s.ow) * s.sw - s.left, n < s.n};
  }
  __device__ Inner inner(long long k) const {
    const int tap = (int)divide(k, s.cg);
    const int kh = tap / s.kw;
    return {kh * s.dh, (tap - kh * s.kw) * s.dw, (int)(k - (long long)tap * s.cg), kh < s.kh};
  }
  __device__ T load(const Outer& a, const Inner& b) const {
    const int h = a.h + b.h;
    const int w = a.w + b.w;
    if (!a.inside || !b.inside || h < 0 || h >= s.h || w < 0 || w >= s.w) return T(0.0f);
    return x[(((long long)a.n * s.h + h) * s.w + w) * s.c + group * s.cg + b.c];
  }
};

template <typename T> struct PatchesTurned : Patches<T> {  // the same with m and k exchanged
  static constexpr bool ALONG_K = false;
  using Outer = typename Patches<T>::Inner;
  using Inner = typename Patches<T>::Outer;
  __device__ Outer outer(long long m) const { return Patches<T>::inner(m); }
  __device__ Inner inner(long long k) const { return Patches<T>::outer(k); }
  __device__ T load(const Outer& a, const Inner& b) const { return Patches<T>::load(b, a); }
};

template <typename T> struct Filters {  // w, seen as (elements of a filter) x (output channels)
  static constexpr bool ALONG_K = false;
  struct Outer { int o; bool inside; };
  struct Inner { long long row; bool inside; };
  const T* w;
  Geometry s;
  int group;

  __device__ Outer outer(long long n) const { return {group * s.og + (int)n, n < s.og}; }
  __device__ Inner inner(long long k) const { return {k * s.o, k < (long long)s.kh * s.kw * s.cg}; }
  __device__ T load(const Outer& a, const Inner& b) const {
    return a.inside && b.inside ? w[b.row + a.o] : T(0.0f);
  }
};

// The gradient g of y, seen as (pixels of x) x (tap, output channel): where a tap of the filter,
// laid over pixel (h, w) of x, has its window; strides leave out the windows between.
template <typename T> struct WindowsOver {
  static constexpr bool ALONG_K = true;
  struct Outer { int n, h, w; bool inside; };
  struct Inner { int h, w, o; bool inside; };
  const T* g;
  Geometry s;
  int group;

  __device__ Outer outer(long long m) const {
    const int pixels = s.h * s.w;
    const int n = (int)divide(m, pixels);
    const int pixel = (int)(m - (long long)n * pixels);
    const int h = pixel / s.w;
    return {n, h + s.top, pixel - h * s.w + s.left, n < s.n};
  }
  __device__ Inner inner(long long k) const {
    const int tap = (int)divide(k, s.og);
    const int kh = tap / s.kw;
    return {kh * s.dh, (tap - kh * s.kw) * s.dw, (int)(k - (long long)tap * s.og), kh < s.kh};
  }
  __device__ T load(const Outer& a, const Inner& b) const {
    const int h = a.h - b.h;
    const int w = a.w - b.w;
    if (!a.inside || !b.inside || h < 0 || w < 0) return T(0.0f);
    const int oh = h / s.sh;
    const int ow = w / s.sw;
    if (oh * s.sh != h || ow * s.sw != w || oh >= s.oh || ow >= s.ow) return T(0.0f);
    return g[(((long long)a.n * s.oh + oh) * s.ow + ow) * s.o + group * s.og + b.o];
  }
};

template <typename T> struct FiltersTurned {  // w, seen as (tap, output channel) x (input channels)
  static constexpr bool ALONG_K = true;
  struct Outer { int c; bool inside; };
  struct Inner { long long tap; int o; bool inside; };
  const T* w;
  Geometry s;
  int group;

  __device__ Outer outer(long long n) const { return {(int)n, n < s.cg}; }
  __device__ Inner inner(long long k) const {
    const long long tap = divide(k, s.og);
    return {tap, group * s.og + (int)(k - tap * s.og), tap < (long long)s.kh * s.kw};
  }
  __device__ T load(const Outer& a, const Inner& b) const {
    return a.inside && b.inside ? w[(b.tap * s.cg + a.c) * s.o + b.o] : T(0.0f);
  }
};

template <typename T> struct Pixels {  // g, seen as (pixels of y) x (output channels)
  static constexpr bool ALONG_K = false;
  struct Outer { int o; bool inside; };
  struct Inner { long long row; bool inside; };
  const T* g;
  Geometry s;
  int group;

  __device__ Outer outer(long long n) const { return {group * s.og + (int)n, n < s.og}; }
  __device__ Inner inner(long long k) const { return {k * s.o, k < (long long)s.n * s.oh * s.ow}; }
  __device__ T load(const Outer& a, const Inner& b) const {
    return a.inside && b.inside ? g[b.row + a.o] : T(0.0f);
  }
};

// Loads tiles of an operand into shared memory, as [k][m]; each thread loads PER_THREAD elements.
template <typename A, typename Operand> struct TileLoader {
  static constexpr int OUTERS = Operand::ALONG_K ? PER_THREAD : 1;
  const Operand& operand;
  typename Operand::Outer outers[OUTERS];

  __device__ TileLoader(const Operand& operand, long long first) : operand(operand) {
    const int thread = threadIdx.x;
#pragma unroll
    for (int j = 0; j < OUTERS; ++j)
      outers[j] = operand.outer(
          first + (Operand::ALONG_K ? thread / TILE_K + j * (THREADS / TILE_K) : thread % TILE_M));
  }
  __device__ void load(A (*tile)[TILE_M + 1], long long k, long long k_end) const {
    const int thread = threadIdx.x;
    if constexpr (Operand::ALONG_K) {
      const int kk = thread % TILE_K;
      const typename Operand::Inner inner = operand.inner(k + kk);
#pragma unroll
      for (int j = 0; j < PER_THREAD; ++j)
        tile[kk][thread / TILE_K + j * (THREADS / TILE_K)] =
            k + kk < k_end ? A(operand.load(outers[j], inner)) : A(0);
    } else {
#pragma unroll
      for (int j = 0; j < PER_THREAD; ++j) {
        const int kk = thread / TILE_M + j * (THREADS / TILE_M);
        const typename Operand::Inner inner = operand.inner(k + kk);
        tile[kk][thread % TILE_M] = k + kk < k_end ? A(operand.load(outers[0], inner)) : A(0);
      }
    }
  }
};

// The tile (m0, n0) of the product, summed over k in [k_begin, k_end): each of 16 x 16 threads has
// 4 x 4 results, which go to store(m, n, value).
template <typename A, typename Left, typename Right, typename Store>
__device__ inline void tile_product(
    const Left& left, const Right& right, long long m0, long long n0, long long k_begin,
    long long k_end, Store store) {
  __shared__ A a_tile[TILE_K][TILE_M + 1];
  __shared__ A b_tile[TILE_K][TILE_N + 1];
  const TileLoader<A, Left> load_a(left, m0);
  const TileLoader<A, Right> load_b(right, n0);
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
