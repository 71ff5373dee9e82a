#include "common.cuh"
#include "scalar_functions.cuh"

// What follows a product where cuBLASLt does not do it, in place where it can be.

// y = max(y, 0), and for each element a bit that says whether relu's slope is 1 there: 32 elements
// are a word, the first the lowest bit, which is how cuBLASLt reads masks.  `size` is a multiple of
// 32.
template <typename T>
__global__ void __launch_bounds__(256) relu_bits(T* y, unsigned int* bits, long long size) {
  using A = compute_t<T>;
  for (long long i = first_index(); i < size; i += index_step()) {
    const A value = A(y[i]);
    const bool is_kept = !(value <= A(0));  // NaN is, in the value and in its gradient
    const unsigned int word = __ballot_sync(0xffffffffu, is_kept);
    if (!is_kept) y[i] = T(A(0));
    if ((threadIdx.x & 31) == 0) bits[i >> 5] = word;
  }
}

// g = g where the bit is set, else 0.
template <typename T>
__global__ void __launch_bounds__(256) relu_slope(T* g, const unsigned int* bits, long long size) {
  for (long long i = first_index(); i < size; i += index_step())
    if (!(bits[i >> 5] >> (i & 31) & 1u)) g[i] = T(0.0f);
}

// The factor of sigmoid(2 u) = (1 + tanh(u)) / 2, u = sqrt(2 / pi) (z + 0.044715 z^3).
template <typename A> __device__ inline A gelu_gate(A z) {
  return scalar::sigmoid(A(1.5957691216057308) * (z + A(0.044715) * z * z * z));
}

template <typename T>
__global__ void __launch_bounds__(256) gelu(const T* z, T* y, long long size) {
  using A = compute_t<T>;
  for (long long i = first_index(); i < size; i += index_step())
    y[i] = T(A(z[i]) * gelu_gate(A(z[i])));
}

// g = g gelu'(z).
template <typename T>
__global__ void __launch_bounds__(256) gelu_slope(T* g, const T* z, long long size) {
  using A = compute_t<T>;
  for (long long i = first_index(); i < size; i += index_step()) {
    const A x = A(z[i]);
    const A gate = gelu_gate(x);
    const A inner = A(1.5957691216057308) * (A(1) + A(0.134145) * x * x);
    g[i] = T(A(g[i]) * gate * (A(1) + x * (A(1) - gate) * inner));
  }
}
