#include "common.cuh"
#include "scalar_functions.cuh"

// What follows a product where cuBLASLt does not do it, in place where it can be.

// Eight elements that are read and written in steps of 16 bytes where memory is so aligned.
template <typename T> struct alignas(16) Eight { T at[8]; };

// y = max(y, 0), and for each element a bit that says whether relu's slope is 1 there: eight are a
// byte, the first the lowest bit, which is how cuBLASLt reads masks.  With `bits` (or null) `size`
// is a multiple of 8.
template <typename T>
__global__ void __launch_bounds__(256) relu_bits(T* y, unsigned char* bits, long long size) {
  using A = compute_t<T>;
  const bool is_aligned = (unsigned long long)y % 16 == 0;
  for (long long i = first_index(); i * 8 < size; i += index_step()) {
    T* mine = y + i * 8;
    const int count = size - i * 8 < 8 ? (int)(size - i * 8) : 8;
    const bool is_whole = is_aligned && count == 8;
    Eight<T> values;
    if (is_whole) values = *(const Eight<T>*)mine;
    unsigned int kept = 0;
#pragma unroll
    for (int k = 0; k < 8; k++) {
      if (k >= count) break;
      if (!is_whole) values.at[k] = mine[k];
      const A value = A(values.at[k]);
      if (value <= A(0))
        values.at[k] = T(A(0));
      else
        kept |= 1u << k;  // NaN is kept, in the value and in its gradient
      if (!is_whole) mine[k] = values.at[k];
    }
    if (is_whole) *(Eight<T>*)mine = values;
    if (bits) bits[i] = (unsigned char)kept;
  }
}

// g = g where the bit is set, else 0.
template <typename T>
__global__ void __launch_bounds__(256) relu_slope(T* g, const unsigned char* bits, long long size) {
  for (long long i = first_index(); i < size; i += index_step())
    if (!(bits[i >> 3] >> (i & 7) & 1)) g[i] = T(0.0f);
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
