// Pooling of images x (N, H, W, C) to y (N, OH, OW, C).  Cells of the padding never win and are not
// counted.  The gradients are gathered: one thread adds up what an element of x receives.
#include "common.cuh"
#include "image_places.cuh"

struct Windows {
  int n, h, w, c;         // of x
  int oh, ow;             // of y
  int kh, kw;             // of the window
  int sh, sw, top, left;  // strides, and rows and columns of padding before the image
};

// A part [begin, end) of an axis.
struct Range {
  int begin, end;
};
// The cells of window `index` that are inside the axis.
__device__ inline Range cells(int index, int stride, int before, int window, int size) {
  const int begin = index * stride - before;
  return {begin < 0 ? 0 : begin, begin + window < size ? begin + window : size};
}
// The windows that cover cell `at`.
__device__ inline Range covering(int at, int stride, int before, int window, int count) {
  const int reach = at + before - window + 1;
  const int begin = reach <= 0 ? 0 : (reach + stride - 1) / stride;
  const int end = (at + before) / stride + 1;
  return {begin, end < count ? end : count};
}

// The cell h * W + w of the first largest value in a window; -1 if all of it is padding.
template <typename T>
__device__ inline int largest_cell(const T* x, const Windows& s, const Place& at) {
  using A = compute_t<T>;
  const Range rows = cells(at.h, s.sh, s.top, s.kh, s.h);
  const Range columns = cells(at.w, s.sw, s.left, s.kw, s.w);
  int best = -1;
  A largest = 0;
  for (int h = rows.begin; h < rows.end; ++h) {
    for (int w = columns.begin; w < columns.end; ++w) {
      const A value = A(x[((at.n * s.h + h) * s.w + w) * s.c + at.c]);
      const bool first_nan = value != value && largest == largest;
      if (best < 0 || value > largest || first_nan) {
        best = h * s.w + w;
        largest = value;
      }
    }
  }
  return best;
}

// y = `values` at the place of the largest x of each window: the maximum itself where values is x.
template <typename T>
__global__ void __launch_bounds__(256) max_pool2d(
    const T* values, const T* x, T* y, const Windows s) {
  const long long size = (long long)s.n * s.oh * s.ow * s.c;
  for (long long i = first_index(); i < size; i += index_step()) {
    const Place at(i, s.oh, s.ow, s.c);
    const int cell = largest_cell(x, s, at);
    y[i] = cell < 0 ? T(-INFINITY) : values[(at.n * s.h * s.w + cell) * s.c + at.c];
  }
}

template <typename T>
__global__ void __launch_bounds__(256) max_pool2d_cells(const T* x, int* winners, const Windows s) {
  const long long size = (long long)s.n * s.oh * s.ow * s.c;
  for (long long i = first_index(); i < size; i += index_step())
    winners[i] = largest_cell(x, s, Place(i, s.oh, s.ow, s.c));
}

// dx = sum of g over the windows that this cell won.
template <typename T>
__global__ void __launch_bounds__(256) max_pool2d_gradient(
    const T* g, const int* winners, T* dx, const Windows s) {
  using A = compute_t<T>;
  const long long size = (long long)s.n * s.h * s.w * s.c;
  for (long long i = first_index(); i < size; i += index_step()) {
    const Place at(i, s.h, s.w, s.c);
    const Range rows = covering(at.h, s.sh, s.top, s.kh, s.oh);
    const Range columns = covering(at.w, s.sw, s.left, s.kw, s.ow);
    A sum = 0;
    for (int oh = rows.begin; oh < rows.end; ++oh) {
      for (int ow = columns.begin; ow < columns.end; ++ow) {
        const long long window = ((at.n * s.oh + oh) * s.ow + ow) * s.c + at.c;
        if (winners[window] == at.h * s.w + at.w) sum += A(g[window]);
      }
    }
    dx[i] = T(sum);
  }
}

// y = mean of the cells of each window that are inside the image.
template <typename T>
__global__ void __launch_bounds__(256) avg_pool2d(const T* x, T* y, const Windows s) {
  using A = compute_t<T>;
  const long long size = (long long)s.n * s.oh * s.ow * s.c;
  for (long long i = first_index(); i < size; i += index_step()) {
    const Place at(i, s.oh, s.ow, s.c);
    const Range rows = cells(at.h, s.sh, s.top, s.kh, s.h);
    const Range columns = cells(at.w, s.sw, s.left, s.kw, s.w);
    A sum = 0;
    for (int h = rows.begin; h < rows.end; ++h) {
      for (int w = columns.begin; w < columns.end; ++w)
        sum += A(x[((at.n * s.h + h) * s.w + w) * s.c + at.c]);
    }
    y[i] = T(sum / A((rows.end - rows.begin) * (columns.end - columns.begin)));
  }
}

template <typename T>
__global__ void __launch_bounds__(256) avg_pool2d_gradient(const T* g, T* dx, const Windows s) {
  using A = compute_t<T>;
  const long long size = (long long)s.n * s.h * s.w * s.c;
  for (long long i = first_index(); i < size; i += index_step()) {
    const Place at(i, s.h, s.w, s.c);
    const Range windows_h = covering(at.h, s.sh, s.top, s.kh, s.oh);
    const Range windows_w = covering(at.w, s.sw, s.left, s.kw, s.ow);
    A sum = 0;
    for (int oh = windows_h.begin; oh < windows_h.end; ++oh) {
      const Range rows = cells(oh, s.sh, s.top, s.kh, s.h);
      for (int ow = windows_w.begin; ow < windows_w.end; ++ow) {
        const Range columns = cells(ow, s.sw, s.left, s.kw, s.w);
        const A count = A((rows.end - rows.begin) * (columns.end - columns.begin));
        sum += A(g[((at.n * s.oh + oh) * s.ow + ow) * s.c + at.c]) / count;
      }
    }
    dx[i] = T(sum);
  }
}
