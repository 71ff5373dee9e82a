// Normalization of rows, y = gamma n + beta with n = (x - mean) r and
// r = 1 / sqrt(mean((x - mean)^2) + epsilon); without `centered` the mean is not subtracted.
//
// gamma and beta are in the type of the arithmetic.  The variance is taken in a second pass, from
// differences that cannot cancel.
#include "common.cuh"
#include "held_rows.cuh"

template <typename A> struct Statistics { A mean, r; };
__device__ inline float inverse_root(float x) { return ::rsqrtf(x); }
__device__ inline double inverse_root(double x) { return ::rsqrt(x); }

template <typename A, typename Row>
__device__ inline Statistics<A> statistics_of(
    Row& x, long long columns, double epsilon, bool centered) {
  A mean = 0;
  if (centered) {
    x.each(columns, [&](long long, A value) { mean += value; });
    mean = row_reduce(mean, A(0), Sum()) / A(columns);
  }
  A squares = 0;
  x.each(columns, [&](long long, A value) { squares += (value - mean) * (value - mean); });
  squares = row_reduce(squares, A(0), Sum());
  return {mean, inverse_root(squares / A(columns) + A(epsilon))};
}

template <typename T>
__global__ void __launch_bounds__(256) layer_norm_held(
    const T* x, const void* gamma, const void* beta, T* y, long long rows, long long columns,
    double epsilon, bool centered) {
  using A = compute_t<T>;
  for (long long n = first_row(); n < rows; n += row_step()) {
    HeldRow<T> row;
    row.load(x + n * columns, columns);
    const Statistics<A> s = statistics_of<A>(row, columns, epsilon, centered);
    row.each(columns, [&](long long c, A& value) {
      value = (value - s.mean) * s.r * ((const A*)gamma)[c] + ((const A*)beta)[c];
    });
    row.store(y + n * columns, columns);
  }
}

template <typename T>
__global__ void __launch_bounds__(512) layer_norm(
    const T* x, const void* gamma, const void* beta, T* y, long long rows, long long columns,
    double epsilon, bool centered) {
  using A = compute_t<T>;
  for (long long n = first_row(); n < rows; n += row_step()) {
    ReadRow<T> row = {x + n * columns};
    const Statistics<A> s = statistics_of<A>(row, columns, epsilon, centered);
    row.each(columns, [&](long long c, A value) {
      y[n * columns + c] = T((value - s.mean) * s.r * ((const A*)gamma)[c] + ((const A*)beta)[c]);
    });
  }
}

// dx = r (h - mean(h) - n mean(h n)) with h = g gamma; without `centered` there is no mean(h).
template <typename T>
__global__ void __launch_bounds__(256) layer_norm_gradient_held(
    const T* g, const T* x, const void* gamma, T* dx, long long rows, long long columns,
    double epsilon, bool centered) {
  using A = compute_t<T>;
  for (long long n = first_row(); n < rows; n += row_step()) {
    HeldRow<T> normal;
    HeldRow<T> arriving;
    normal.load(x + n * columns, columns);
    arriving.load(g + n * columns, columns);
    const Statistics<A> s = statistics_of<A>(normal, columns, epsilon, centered);
    A total = 0;
    A product = 0;
#pragma unroll
    for (int p = 0; p < HeldRow<T>::PIECES; ++p) {
      const long long c = HeldRow<T>::place(p);
      if (c < columns) {
#pragma unroll
        for (int i = 0; i < HeldRow<T>::SIZE; ++i) {
          const A h = arriving.at[p][i] *= ((const A*)gamma)[c + i];
          const A value = normal.at[p][i] = (normal.at[p][i] - s.mean) * s.r;
          total += h;
          product += h * value;
        }
      }
    }
    total = centered ? row_reduce(total, A(0), Sum()) / A(columns) : A(0);
    product = row_reduce(product, A(0), Sum()) / A(columns);
#pragma unroll
    for (int p = 0; p < HeldRow<T>::PIECES; ++p) {
#pragma unroll
      for (int i = 0; i < HeldRow<T>::SIZE; ++i)
        arriving.at[p][i] = s.r * (arriving.at[p][i] - total - normal.at[p][i] * product);
    }
    arriving.store(dx + n * columns, columns);
  }
}

template <typename T>
__global__ void __launch_bounds__(512) layer_norm_gradient(
    const T* g, const T* x, const void* gamma, T* dx, long long rows, long long columns,
    double epsilon, bool centered) {
  using A = compute_t<T>;
  for (long long n = first_row(); n < rows; n += row_step()) {
    const T* arriving = g + n * columns;
    ReadRow<T> row = {x + n * columns};
    const Statistics<A> s = statistics_of<A>(row, columns, epsilon, centered);
    A total = 0;
    A product = 0;
    row.each(columns, [&](long long c, A value) {
      const A h = A(arriving[c]) * ((const A*)gamma)[c];
      total += h;
      product += h * (value - s.mean) * s.r;
    });
    total = centered ? row_reduce(total, A(0), Sum()) / A(columns) : A(0);
    product = row_reduce(product, A(0), Sum()) / A(columns);
    row.each(columns, [&](long long c, A value) {
      const A h = A(arriving[c]) * ((const A*)gamma)[c];
      dx[n * columns + c] = T(s.r * (h - total - (value - s.mean) * s.r * product));
    });
  }
}

// The mean and r of each row, as pairs in the type of the arithmetic.
template <typename T>
__global__ void __launch_bounds__(512) layer_norm_statistics(
    const T* x, void* pairs, long long rows, long long columns, double epsilon, bool centered) {
  using A = compute_t<T>;
  for (long long n = first_row(); n < rows; n += row_step()) {
    ReadRow<T> row = {x + n * columns};
    const Statistics<A> s = statistics_of<A>(row, columns, epsilon, centered);
    if (threadIdx.x == 0) ((Statistics<A>*)pairs)[n] = s;
  }
}

// The sum of g n over the rows.  Each thread has a column and each blockIdx.y a share of the rows,
// whose sum goes to a row of `parts`; these are added up afterwards in a fixed order.
template <typename T>
__global__ void __launch_bounds__(256) layer_norm_scale_gradient(
    const T* g, const T* x, const void* pairs, void* parts, long long rows, long long columns) {
  using A = compute_t<T>;
  const long long c = first_index();
  if (c >= columns) return;
  const long long share = (rows + gridDim.y - 1) / gridDim.y;
  const long long begin = blockIdx.y * share;
  const long long end = begin + share < rows ? begin + share : rows;
  A sum = 0;
  for (long long n = begin; n < end; ++n) {
    const Statistics<A> s = ((const Statistics<A>*)pairs)[n];
    sum += A(g[n * columns + c]) * (A(x[n * columns + c]) - s.mean) * s.r;
  }
  ((A*)parts)[blockIdx.y * columns + c] = sum;
}
