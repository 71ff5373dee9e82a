// Random words by Philox4x32-10: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers:
// as easy as 1, 2, 3", SC 2011.  Word i of a stream is word i % 4 of the block whose counter is
// `counter + i / 4`.
struct Words {
  unsigned int at[4];
};

__device__ inline Words philox(unsigned long long key, Words counter) {
  unsigned int key0 = (unsigned int)key;
  unsigned int key1 = (unsigned int)(key >> 32);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const unsigned int high0 = __umulhi(0xD2511F53u, counter.at[0]);
    const unsigned int low0 = 0xD2511F53u * counter.at[0];
    const unsigned int high1 = __umulhi(0xCD9E8D57u, counter.at[2]);
    const unsigned int low1 = 0xCD9E8D57u * counter.at[2];
    counter = Words{{high1 ^ counter.at[1] ^ key0, low1, high0 ^ counter.at[3] ^ key1, low0}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

// Key and counter come by value, or from device memory, so that a captured graph can be replayed
// with others.
struct Stream {
  unsigned long long key;
  unsigned long long counter;

  __device__ Stream(
      const unsigned long long* key_at, const unsigned long long* counter_at,
      unsigned long long key_value, unsigned long long counter_value)
      : key(key_at ? *key_at : key_value), counter(counter_at ? *counter_at : counter_value) {}

  __device__ Words block(unsigned long long index) const {
    const unsigned long long number = counter + index;
    return philox(key, Words{{(unsigned int)number, (unsigned int)(number >> 32), 0u, 0u}});
  }
};
