// The kernels of conv2d.cu and conv2d_tensor.cu, each of which says what a tile_product is.

// Blocks: (tiles along m, tiles along n, groups).
template <typename T>
__global__ void __launch_bounds__(256) conv2d(
    const T* x, const T* w, T* y, const Geometry s) {
  const int group = blockIdx.z;
  const long long pixels = (long long)s.n * s.oh * s.ow;
  const long long k = (long long)s.kh * s.kw * s.cg;
  const Patches<T> left = {x, s, group};
  const Filters<T> right = {w, s, group};
  tile_product<T>(
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
  tile_product<T>(
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
  tile_product<T>(
      left, right, (long long)blockIdx.x * TILE_M, (long long)blockIdx.y * TILE_N, k_begin, k_end,
      [&](long long m, long long n, A value) {
        if (m < rows && n < s.og) part[m * s.o + group * s.og + n] = value;
      });
}
