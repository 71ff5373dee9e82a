// Convolution with few channels a group (depthwise, mostly): one thread an element of the result,
// since the tiles of conv2d.cu would be nearly empty.  Names and formula are those of conv2d.cu.
#include "common.cuh"
#include "conv2d_geometry.cuh"
#include "image_places.cuh"

template <typename T>
__global__ void __launch_bounds__(256) grouped_conv2d(
    const T* x, const T* w, T* y, const Geometry s) {
  const long long size = (long long)s.n * s.oh * s.ow * s.o;
  for (long long i = first_index(); i < size; i += index_step()) {
    const Place at(i, s.oh, s.ow, s.o);
    const int first = at.c / s.og * s.cg;
    compute_t<T> sum = 0;
    for (int kh = 0; kh < s.kh; ++kh) {
      const int h = at.h * s.sh - s.top + kh * s.dh;
      if (h < 0 || h >= s.h) continue;
      for (int kw = 0; kw < s.kw; ++kw) {
        const int column = at.w * s.sw - s.left + kw * s.dw;
        if (column < 0 || column >= s.w) continue;
        const T* from = x + ((at.n * s.h + h) * s.w + column) * s.c + first;
        const T* filter = w + (long long)(kh * s.kw + kw) * s.cg * s.o + at.c;
        for (int c = 0; c < s.cg; ++c)
          sum += compute_t<T>(from[c]) * compute_t<T>(filter[(long long)c * s.o]);
      }
    }
    y[i] = T(sum);
  }
}

template <typename T>
__global__ void __launch_bounds__(256) grouped_conv2d_input_gradient(
    const T* g, const T* w, T* dx, const Geometry s) {
  const long long size = (long long)s.n * s.h * s.w * s.c;
  for (long long i = first_index(); i < size; i += index_step()) {
    const Place at(i, s.h, s.w, s.c);
    const int group = at.c / s.cg;
    const int first = group * s.og;
    const int c = at.c - group * s.cg;
    compute_t<T> sum = 0;
    for (int kh = 0; kh < s.kh; ++kh) {
      const int from_h = at.h + s.top - kh * s.dh;
      if (from_h < 0 || from_h % s.sh || from_h / s.sh >= s.oh) continue;
      for (int kw = 0; kw < s.kw; ++kw) {
        const int from_w = at.w + s.left - kw * s.dw;
        if (from_w < 0 || from_w % s.sw || from_w / s.sw >= s.ow) continue;
        const T* from = g + ((at.n * s.oh + from_h / s.sh) * s.ow + from_w / s.sw) * s.o + first;
        const T* filter = w + ((long long)(kh * s.kw + kw) * s.cg + c) * s.o + first;
        for (int o = 0; o < s.og; ++o) sum += compute_t<T>(from[o]) * compute_t<T>(filter[o]);
      }
    }
    dx[i] = T(sum);
  }
}

// Blocks: (elements of the filters, splits); `parts` as in conv2d.cu.
template <typename T>
__global__ void __launch_bounds__(256) grouped_conv2d_filter_gradient(
    const T* x, const T* g, void* parts, const Geometry s, int splits) {
  using A = compute_t<T>;
  const long long size = (long long)s.kh * s.kw * s.cg * s.o;
  const long long pixels = (long long)s.n * s.oh * s.ow;
  const long long share = (pixels + splits - 1) / splits;
  const long long begin = blockIdx.y * share;
  const long long end = begin + share < pixels ? begin + share : pixels;
  for (long long i = first_index(); i < size; i += index_step()) {
    const Place filter(i, s.kw, s.cg, s.o);  // h: kw, w: channel of the group
    const int c = filter.w + filter.c / s.og * s.cg;
    const int shift_h = (int)filter.n * s.dh - s.top;
    const int shift_w = filter.h * s.dw - s.left;
    A sum = 0;
    Place at(begin, s.oh, s.ow, 1);
    for (long long pixel = begin; pixel < end; ++pixel) {
      const int h = at.h * s.sh + shift_h;
      const int column = at.w * s.sw + shift_w;
      if (h >= 0 && h < s.h && column >= 0 && column < s.w) {
        const A value = A(x[((at.n * s.h + h) * s.w + column) * s.c + c]);
        sum += value * A(g[pixel * s.o + filter.c]);
      }
      if (++at.w < s.ow) continue;
      at.w = 0;
      if (++at.h < s.oh) continue;
      at.h = 0;
      ++at.n;
    }
    ((A*)parts)[blockIdx.y * size + i] = sum;
  }
}
