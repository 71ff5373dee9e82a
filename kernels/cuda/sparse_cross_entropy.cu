#include "common.cuh"
#include "rows.cuh"

// A label outside the classes gives NaN: the check that reports it runs on the device as well, and
// does not stop this kernel from running.

// loss = log(sum(exp(logits))) - logits[label] of each row.
template <typename T, typename I>
__global__ void __launch_bounds__(512) sparse_cross_entropy(
    const T* logits, const I* labels, T* loss, long long rows, long long columns) {
  using A = compute_t<T>;
  for (long long r = first_row(); r < rows; r += row_step()) {
    const T* x = logits + r * columns;
    const A largest = row_largest(x, columns, 1);
    const A sum = row_sum_of_exponentials(x, columns, 1, largest);
    if (threadIdx.x != 0) continue;
    const long long label = labels[r];
    const bool inside = label >= 0 && label < columns;
    loss[r] = T(inside ? logarithm(sum) - (A(x[label]) - largest) : A(NAN));
  }
}

// g (softmax(logits) - onehot(label))
template <typename T, typename I>
__global__ void __launch_bounds__(512) sparse_cross_entropy_gradient(
    const T* g, const T* logits, const I* labels, T* dx, long long rows, long long columns) {
  using A = compute_t<T>;
  for (long long r = first_row(); r < rows; r += row_step()) {
    const T* x = logits + r * columns;
    const A largest = row_largest(x, columns, 1);
    const A factor = A(1) / row_sum_of_exponentials(x, columns, 1, largest);
    const long long label = labels[r];
    const bool inside = label >= 0 && label < columns;
    const A arriving = inside ? A(g[r]) : A(NAN);
    for (long long c = threadIdx.x; c < columns; c += blockDim.x) {
      const A probability = exponential(A(x[c]) - largest) * factor;
      dx[r * columns + c] = T(arriving * (probability - (c == label ? A(1) : A(0))));
    }
  }
}
