// What the kernels share: the type of the arithmetic, loops over the grid, reductions in a block.
#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#endif
#ifndef NAN
#define NAN __int_as_float(0x7fc00000)
#endif

// Arithmetic is done in float for the 16-bit types, and in the type itself for float and double.
template <typename T> struct Compute { using type = float; };
template <> struct Compute<double> { using type = double; };
template <typename T> using compute_t = typename Compute<T>::type;

__device__ inline float exponential(float x) { return ::expf(x); }
__device__ inline double exponential(double x) { return ::exp(x); }
__device__ inline float logarithm(float x) { return ::logf(x); }
__device__ inline double logarithm(double x) { return ::log(x); }

__device__ inline long long first_index() {
  return blockIdx.x * (long long)blockDim.x + threadIdx.x;
}
__device__ inline long long index_step() { return (long long)gridDim.x * blockDim.x; }

// The quotient of numbers that are not negative.  Divisions of 32 bits are several times faster.
__device__ inline long long divide(long long a, long long b) {
  if (((a | b) >> 32) == 0) return (unsigned int)a / (unsigned int)b;
  return a / b;
}

struct Sum {
  template <typename A> __device__ A operator()(A a, A b) const { return a + b; }
};
// The larger value; NaN wins, as in NumPy.
struct Largest {
  template <typename A> __device__ A operator()(A a, A b) const { return a >= b || a != a ? a : b; }
};

// Combines one value of each of the 32 threads of a warp; all get the result.
template <typename A, typename F> __device__ inline A warp_reduce(A value, F combine) {
  for (int offset = 16; offset > 0; offset >>= 1)
    value = combine(value, __shfl_xor_sync(0xffffffffu, value, offset));
  return value;
}

// Combines one value of each thread of the block (a multiple of 32 threads, at most 1024); all get
// the result.
template <typename A, typename F> __device__ inline A block_reduce(A value, A neutral, F combine) {
  __shared__ A parts[32];
  const int lane = threadIdx.x & 31;
  const int warp = threadIdx.x >> 5;
  value = warp_reduce(value, combine);
  __syncthreads();  // parts may still be read by the previous reduction
  if (lane == 0) parts[warp] = value;
  __syncthreads();
  value = lane < (int)(blockDim.x >> 5) ? parts[lane] : neutral;
  return warp_reduce(value, combine);
}
