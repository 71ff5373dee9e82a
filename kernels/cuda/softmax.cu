#include "common.cuh"
#include "held_rows.cuh"

// y = exp(x - max) / sum(exp(x - max)), or with `logarithmic` its logarithm.
template <typename T>
__global__ void __launch_bounds__(512) softmax(
    const T* x, T* y, long long rows, long long columns, long long inner, bool logarithmic) {
  using A = compute_t<T>;
  for (long long r = first_row(); r < rows; r += row_step()) {
    const T* from = x + row_start(r, columns, inner);
    T* to = y + row_start(r, columns, inner);
    const A largest = row_largest(from, columns, inner);
    const A sum = row_sum_of_exponentials(from, columns, inner, largest);
    const A factor = A(1) / sum;
    const A log_sum = logarithm(sum);
    for (long long c = threadIdx.x; c < columns; c += blockDim.x) {
      const A shifted = A(from[c * inner]) - largest;
      to[c * inner] = T(logarithmic ? shifted - log_sum : exponential(shifted) * factor);
    }
  }
}

template <typename T>
__global__ void __launch_bounds__(256) softmax_held(
    const T* x, T* y, long long rows, long long columns, bool logarithmic) {
  using A = compute_t<T>;
  for (long long r = first_row(); r < rows; r += row_step()) {
    HeldRow<T> row;
    row.load(x + r * columns, columns);
    A largest = A(-INFINITY);
    row.each(columns, [&](long long, A value) { largest = Largest()(largest, value); });
    largest = row_reduce(largest, A(-INFINITY), Largest());
    A sum = 0;
    row.each(columns, [&](long long, A& value) {
      value -= largest;
      const A power = exponential(value);
      sum += power;
      if (!logarithmic) value = power;
    });
    sum = row_reduce(sum, A(0), Sum());
    const A factor = A(1) / sum;
    const A log_sum = logarithm(sum);
    row.each(columns, [&](long long, A& value) {
      value = logarithmic ? value - log_sum : value * factor;
    });
    row.store(y + r * columns, columns);
  }
}

// From the result y: y (g - sum(g y)), or with `logarithmic` g - exp(y) sum(g).
template <typename T>
__global__ void __launch_bounds__(512) softmax_gradient(
    const T* g, const T* y, T* dx, long long rows, long long columns, long long inner,
    bool logarithmic) {
  using A = compute_t<T>;
  for (long long r = first_row(); r < rows; r += row_step()) {
    const long long start = row_start(r, columns, inner);
    A sum = 0;
    for (long long c = threadIdx.x; c < columns; c += blockDim.x) {
      const A arriving = A(g[start + c * inner]);
      sum += logarithmic ? arriving : arriving * A(y[start + c * inner]);
    }
    sum = row_reduce(sum, A(0), Sum());
    for (long long c = threadIdx.x; c < columns; c += blockDim.x) {
      const A arriving = A(g[start + c * inner]);
      const A value = A(y[start + c * inner]);
      dx[start + c * inner] =
          T(logarithmic ? arriving - exponential(value) * sum : value * (arriving - sum));
    }
  }
}

template <typename T>
__global__ void __launch_bounds__(256) softmax_gradient_held(
    const T* g, const T* y, T* dx, long long rows, long long columns, bool logarithmic) {
  using A = compute_t<T>;
  for (long long r = first_row(); r < rows; r += row_step()) {
    HeldRow<T> arriving;
    HeldRow<T> result;
    arriving.load(g + r * columns, columns);
    result.load(y + r * columns, columns);
    A sum = 0;
#pragma unroll
    for (int p = 0; p < HeldRow<T>::PIECES; ++p) {
#pragma unroll
      for (int i = 0; i < HeldRow<T>::SIZE; ++i)  // places after the end are 0 in both
        sum += logarithmic ? arriving.at[p][i] : arriving.at[p][i] * result.at[p][i];
    }
    sum = row_reduce(sum, A(0), Sum());
#pragma unroll
    for (int p = 0; p < HeldRow<T>::PIECES; ++p) {
#pragma unroll
      for (int i = 0; i < HeldRow<T>::SIZE; ++i) {
        const A value = result.at[p][i];
        A& g_here = arriving.at[p][i];
        g_here = logarithmic ? g_here - exponential(value) * sum : value * (g_here - sum);
      }
    }
    arriving.store(dx + r * columns, columns);
  }
}
