#include "common.cuh"
#include "rows.cuh"

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
