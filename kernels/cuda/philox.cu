// Random numbers by Philox4x32-10: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy
// as 1, 2, 3", SC 2011.  Word i of a stream is word i % 4 of the block with the counter `counter + i / 4`.
#include "common.cuh"

struct Words { unsigned int at[4]; };

__device__ inline Words philox(unsigned long long key, unsigned long long counter) {
  unsigned int k0 = (unsigned int)key;
  unsigned int k1 = (unsigned int)(key >> 32);
  unsigned int c0 = (unsigned int)counter;
  unsigned int c1 = (unsigned int)(counter >> 32);
  unsigned int c2 = 0;
  unsigned int c3 = 0;
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const unsigned int high0 = __umulhi(0xD2511F53u, c0);
    const unsigned int low0 = 0xD2511F53u * c0;
    const unsigned int high1 = __umulhi(0xCD9E8D57u, c2);
    const unsigned int low1 = 0xCD9E8D57u * c2;
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// Uniform in [0, 1), rounded down so that 1 itself cannot come out.
__device__ inline float uniform_float(unsigned int bits) { return (bits >> 8) * 0x1p-24f; }
template <typename T> struct Uniform;
template <> struct Uniform<float> {
  static __device__ float of(unsigned int bits) { return uniform_float(bits); }
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

// Key and counter come by value, or from device memory so that a captured graph can be replayed with others.
struct Stream {
  const unsigned long long* key_pointer;
  const unsigned long long* counter_pointer;
  unsigned long long key_value;
  unsigned long long counter_value;
  __device__ unsigned long long key() const { return key_pointer ? *key_pointer : key_value; }
  __device__ unsigned long long counter() const {
    return counter_pointer ? *counter_pointer : counter_value;
  }
};
#define STREAM_PARAMETERS \
  const unsigned long long* key_pointer, const unsigned long long* counter_pointer,  \
  unsigned long long key_value, unsigned long long counter_value

template <typename T>
__global__ void __launch_bounds__(256) random_bits(
    const unsigned long long* key_pointer, const unsigned long long* counter_pointer,
    unsigned long long key_value, unsigned long long counter_value, T* y, long long n) {
  const Stream stream = {key_pointer, counter_pointer, key_value, counter_value};
  const unsigned long long key = stream.key();
  const unsigned long long counter = stream.counter();
  for (long long block = first_index(); block * 4 < n; block += index_step()) {
    const Words words = philox(key, counter + block);
#pragma unroll
    for (int j = 0; j < 4; ++j)
      if (block * 4 + j < n) y[block * 4 + j] = T(words.at[j]);
  }
}
