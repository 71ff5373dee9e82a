#include "common.cuh"

// y[o, j, c] = x[o, indices[j], c] for x (outer, n, inner) and y (outer, k, inner).  T is an
// unsigned type that only carries bits.  An index outside the axis gives 0: the check that reports
// it does not stop this kernel.
template <typename T, typename I, typename Index>
__device__ inline void take_elements(
    const T* x, const I* indices, T* y, Index outer, Index n, Index k, Index inner) {
  const long long size = (long long)outer * k * inner;
  for (long long i = first_index(); i < size; i += index_step()) {
    const Index row = (Index)i / inner;
    const Index c = (Index)i - row * inner;
    const Index o = row / k;
    const long long index = (long long)indices[row - o * k];
    const bool inside = index >= 0 && index < (long long)n;
    y[i] = inside ? x[((long long)o * n + index) * inner + c] : T(0);
  }
}

template <typename T, typename I>
__global__ void __launch_bounds__(256) take(
    const void* x, const I* indices, void* y, long long outer, long long n, long long k,
    long long inner) {
  if (outer * n * inner <= 0x7fffffffll && outer * k * inner <= 0x7fffffffll)
    take_elements<T, I, unsigned int>((const T*)x, indices, (T*)y, outer, n, k, inner);
  else
    take_elements<T, I, unsigned long long>((const T*)x, indices, (T*)y, outer, n, k, inner);
}
