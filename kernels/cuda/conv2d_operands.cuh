// The operands of the products of matrices that convolutions are; conv2d.cu explains them.
#include "conv2d_geometry.cuh"

constexpr int TILE_M = 64;
constexpr int TILE_N = 64;
constexpr int THREADS = 256;
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

// Loads tiles of an operand into shared memory, as [k][m] with rows of STRIDE elements.
template <typename A, typename Operand, int TILE_K, int STRIDE> struct TileLoader {
  static constexpr int PER_THREAD = TILE_M * TILE_K / THREADS;  // elements that a thread loads
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
  __device__ void load(A (*tile)[STRIDE], long long k, long long k_end) const {
    const int thread = threadIdx.x;
    if constexpr (Operand::ALONG_K) {
      const int kk = thread % TILE_K;
      const typename Operand::Inner inner = operand.inner(k + kk);
#pragma unroll
      for (int j = 0; j < PER_THREAD; ++j)
        tile[kk][thread / TILE_K + j * (THREADS / TILE_K)] =
            k + kk < k_end ? A(operand.load(outers[j], inner)) : A(0.0f);
    } else {
#pragma unroll
      for (int j = 0; j < PER_THREAD; ++j) {
        const int kk = thread / TILE_M + j * (THREADS / TILE_M);
        const typename Operand::Inner inner = operand.inner(k + kk);
        tile[kk][thread % TILE_M] = k + kk < k_end ? A(operand.load(outers[0], inner)) : A(0.0f);
      }
    }
  }
};
