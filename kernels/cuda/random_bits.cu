#include "common.cuh"
#include "philox.cuh"

// y[i] is word i of the stream; a thread writes the four words of a block.
template <typename T>
__global__ void __launch_bounds__(256) random_bits(
    const unsigned long long* key_at, const unsigned long long* counter_at, unsigned long long key,
    unsigned long long counter, T* y, long long n) {
  const Stream stream(key_at, counter_at, key, counter);
  for (long long block = first_index(); block * 4 < n; block += index_step()) {
    const Words words = stream.block(block);
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if (block * 4 + j < n) y[block * 4 + j] = words.at[j];
    }
  }
}
