#include "common.cuh"
#include "philox.cuh"

// Uniform numbers in [0, 1): as many bits as the type holds exactly, so that rounding cannot give
// 1.
template <typename T> struct Uniform;
template <> struct Uniform<float> {
  static __device__ float of(unsigned int bits) { return (bits >> 8) * 0x1p-24f; }
};
#ifdef __CUDA_FP16_H__
template <> struct Uniform<__half> {
  static __device__ __half of(unsigned int bits) { return __float2half((bits >> 21) * 0x1p-11f); }
};
#endif
#ifdef __CUDA_BF16_H__
template <> struct Uniform<__nv_bfloat16> {
  static __device__ __nv_bfloat16 of(unsigned int bits) {
    return __float2bfloat16((bits >> 24) * 0x1p-8f);
  }
};
#endif

template <typename T>
__global__ void __launch_bounds__(256) random_uniform(
    const unsigned long long* key_at, const unsigned long long* counter_at, unsigned long long key,
    unsigned long long counter, T* y, long long n) {
  const Stream stream(key_at, counter_at, key, counter);
  constexpr int PER_BLOCK = sizeof(T) == 8 ? 2 : 4;
  for (long long block = first_index(); block * PER_BLOCK < n; block += index_step()) {
    const Words words = stream.block(block);
#pragma unroll
    for (int j = 0; j < PER_BLOCK; ++j) {
      const long long i = block * PER_BLOCK + j;
      if (i >= n) break;
      if constexpr (sizeof(T) == 8) {
        // 53 bits: 27 of the first word and 26 of the second.
        const double high = (words.at[2 * j] >> 5) * 0x1p26;
        y[i] = (high + (words.at[2 * j + 1] >> 6)) * 0x1p-53;
      } else {
        y[i] = Uniform<T>::of(words.at[j]);
      }
    }
  }
}

template <typename A> struct Pair {
  A cosine;
  A sine;
};

// Cosine and sine of `turns` / 2^24 full turns.  The reduction to an eighth of a turn on either
// side of an axis is exact, and there the series converge quickly; CUDA's functions would carry
// code for any angle along.
template <typename A> __device__ inline Pair<A> on_circle(unsigned int turns) {
  const unsigned int quarter = (turns + (1u << 21)) >> 22;
  const int rest = (int)turns - (int)(quarter << 22);
  const A x = A(6.283185307179586) * (A(rest) * A(0x1p-24));
  const A square = x * x;
  A cosine = 1;
  A sine = 1;
#pragma unroll
  for (int k = sizeof(A) == 8 ? 9 : 5; k > 0; --k) {
    cosine = 1 - square * A(1.0 / ((2 * k - 1) * (2 * k))) * cosine;
    sine = 1 - square * A(1.0 / ((2 * k) * (2 * k + 1))) * sine;
  }
  sine *= x;
  switch (quarter & 3) {
    case 0: return {cosine, sine};
    case 1: return {-sine, cosine};
    case 2: return {-cosine, -sine};
    default: return {sine, -cosine};
  }
}

__device__ inline float square_root(float x) { return ::sqrtf(x); }
__device__ inline double square_root(double x) { return ::sqrt(x); }

// Box and Muller: two words give a radius and an angle, whose point has two normal coordinates.
template <typename T>
__global__ void __launch_bounds__(256) random_normal(
    const unsigned long long* key_at, const unsigned long long* counter_at, unsigned long long key,
    unsigned long long counter, T* y, long long n) {
  using A = compute_t<T>;
  const Stream stream(key_at, counter_at, key, counter);
  for (long long block = first_index(); block * 4 < n; block += index_step()) {
    const Words words = stream.block(block);
#pragma unroll
    for (int j = 0; j < 4; j += 2) {
      const long long i = block * 4 + j;
      if (i >= n) break;
      const A u = A((words.at[j] >> 8) + 1) * A(0x1p-24);  // in (0, 1]: its logarithm is finite
      const A radius = square_root(A(-2) * logarithm(u));
      const Pair<A> point = on_circle<A>(words.at[j + 1] >> 8);
      y[i] = T(radius * point.cosine);
      if (i + 1 < n) y[i + 1] = T(radius * point.sine);
    }
  }
}

// 0 with probability `rate`, else `scale`.
template <typename T>
__global__ void __launch_bounds__(256) dropout_mask(
    const unsigned long long* key_at, const unsigned long long* counter_at, unsigned long long key,
    unsigned long long counter, float rate, double scale, T* y, long long n) {
  const Stream stream(key_at, counter_at, key, counter);
  const T kept = T(scale);
  for (long long block = first_index(); block * 4 < n; block += index_step()) {
    const Words words = stream.block(block);
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const long long i = block * 4 + j;
      if (i < n) y[i] = Uniform<float>::of(words.at[j]) < rate ? T(0.0f) : kept;
    }
  }
}
