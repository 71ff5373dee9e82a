#include "common.cuh"
#include "rows.cuh"

// loss = -sum(targets * log_softmax(logits)) of each row, or with g the gradient for the logits:
// g (softmax(logits) sum(targets) - targets).
template <typename T>
__global__ void __launch_bounds__(512) cross_entropy(
    const T* logits, const T* targets, T* loss, long long rows, long long columns) {
  using A = compute_t<T>;
  for (long long r = first_row(); r < rows; r += row_step()) {
    const T* x = logits + r * columns;
    const T* t = targets + r * columns;
    const A largest = row_largest(x, columns, 1);
    const A log_sum = logarithm(row_sum_of_exponentials(x, columns, 1, largest));
    A sum = 0;
    for (long long c = threadIdx.x; c < columns; c += blockDim.x)
      sum -= A(t[c]) * (A(x[c]) - largest - log_sum);
    sum = row_reduce(sum, A(0), Sum());
    if (threadIdx.x == 0) loss[r] = T(sum);
  }
}

template <typename T>
__global__ void __launch_bounds__(512) cross_entropy_gradient(
    const T* g, const T* logits, const T* targets, T* dx, long long rows, long long columns) {
  using A = compute_t<T>;
  for (long long r = first_row(); r < rows; r += row_step()) {
    const T* x = logits + r * columns;
    const T* t = targets + r * columns;
    const A largest = row_largest(x, columns, 1);
    const A sum = row_sum_of_exponentials(x, columns, 1, largest);
    A weight = 0;
    for (long long c = threadIdx.x; c < columns; c += blockDim.x) weight += A(t[c]);
    weight = row_reduce(weight, A(0), Sum()) / sum;
    const A arriving = A(g[r]);
    for (long long c = threadIdx.x; c < columns; c += blockDim.x)
      dx[r * columns + c] = T(arriving * (exponential(A(x[c]) - largest) * weight - A(t[c])));
  }
}
