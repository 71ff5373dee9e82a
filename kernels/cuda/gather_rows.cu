// place[i] = source[rows[i]] for rows of `words` words each; a block takes a row or, in the grid's
// third direction, a part of it.
template <typename W, typename I>
__device__ inline void gather_words(
    const W* source, const I* rows, W* place, long long words, long long count) {
  const long long first = blockIdx.z * (long long)blockDim.x + threadIdx.x;
  const long long step = (long long)gridDim.z * blockDim.x;
  for (long long row = blockIdx.x; row < count; row += gridDim.x) {
    const W* from = source + (long long)rows[row] * words;
    W* to = place + row * words;
#pragma unroll 1  // a thread has one word or few
    for (long long i = first; i < words; i += step) to[i] = from[i];
  }
}

// Rows of several arrays at the same numbers: blockIdx.y is the array, of which `arrays` has three
// numbers: the address it has, that to which its rows go, and the bytes of a row.  The widest words
// travel that all three are multiples of.
template <typename I>
__global__ void __launch_bounds__(256) gather_rows(
    const unsigned long long* arrays, const I* rows, long long count) {
  const unsigned long long* array = arrays + 3 * blockIdx.y;
  const unsigned long long source = array[0], place = array[1], bytes = array[2];
  const unsigned long long bits = source | place | bytes;
  if ((bits & 15) == 0)
    gather_words((const uint4*)source, rows, (uint4*)place, bytes / 16, count);
  else if ((bits & 7) == 0)
    gather_words((const uint2*)source, rows, (uint2*)place, bytes / 8, count);
  else if ((bits & 3) == 0)
    gather_words((const unsigned int*)source, rows, (unsigned int*)place, bytes / 4, count);
  else if ((bits & 1) == 0)
    gather_words((const unsigned short*)source, rows, (unsigned short*)place, bytes / 2, count);
  else
    gather_words((const unsigned char*)source, rows, (unsigned char*)place, bytes, count);
}
