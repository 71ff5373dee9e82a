#include "common.cuh"

// The first value outside [low, high) is written to record = {found, number, value, low, high}.
template <typename I>
__global__ void __launch_bounds__(256) note_out_of_range(
    const I* values, long long n, long long low, long long high, long long number,
    long long* record) {
  for (long long i = first_index(); i < n; i += index_step()) {
    const I value = values[i];
    // An unsigned value above the largest long long reads as negative, so it is compared apart.
    const bool huge = I(-1) > I(0) && (unsigned long long)value > 0x7fffffffffffffffull;
    const long long v = (long long)value;
    if (!huge && v >= low && v < high) continue;
    // One finder alone may write the details.
    if (atomicCAS((unsigned long long*)record, 0ull, 1ull) == 0ull) {
      record[1] = number;
      record[2] = v;
      record[3] = low;
      record[4] = high;
    }
  }
}
