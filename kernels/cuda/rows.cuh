// Work on rows: element c of row r lies at start(r) + c * inner, where `inner` is the number of
// elements after the axis.  The threads along x of a block share a row; there are 1, 32 or more of
// them (a multiple of 32, then blockDim.y is 1).  With 1 the neighbours of a thread work on
// neighbouring rows, which suits inner > 1.

__device__ inline long long row_start(long long row, long long columns, long long inner) {
  if (inner == 1) return row * columns;
  const long long outer = divide(row, inner);
  return outer * columns * inner + (row - outer * inner);
}
__device__ inline long long first_row() { return blockIdx.x * (long long)blockDim.y + threadIdx.y; }
__device__ inline long long row_step() { return (long long)gridDim.x * blockDim.y; }

// Combines one value of each thread of a row; all of them get the result.
template <typename A, typename F> __device__ inline A row_reduce(A value, A neutral, F combine) {
  if (blockDim.x == 1) return value;
  if (blockDim.x == 32) return warp_reduce(value, combine);
  return block_reduce(value, neutral, combine);
}

// The largest value of a row; the sum of exp(x - largest), which cannot overflow.
template <typename T>
__device__ inline compute_t<T> row_largest(const T* row, long long columns, long long inner) {
  using A = compute_t<T>;
  A largest = A(-INFINITY);
  for (long long c = threadIdx.x; c < columns; c += blockDim.x)
    largest = Largest()(largest, A(row[c * inner]));
  return row_reduce(largest, A(-INFINITY), Largest());
}
template <typename T>
__device__ inline compute_t<T> row_sum_of_exponentials(
    const T* row, long long columns, long long inner, compute_t<T> largest) {
  using A = compute_t<T>;
  A sum = 0;
  for (long long c = threadIdx.x; c < columns; c += blockDim.x)
    sum += exponential(A(row[c * inner]) - largest);
  return row_reduce(sum, A(0), Sum());
}
