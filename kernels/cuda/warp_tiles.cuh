// Products of small matrices that a warp makes together, with their sums in registers.
//
// A tile of sums has 16 rows and 8 columns. The thread of lane l = 4 g + t holds the elements
// [0], [1] = (g, 2 t), (g, 2 t + 1) and [2], [3] = (g + 8, 2 t), (g + 8, 2 t + 1), which is what the
// tensor cores' m16n8k16 prescribes (PTX ISA, "Matrix Fragments for mma.m16n8k16"). Factors of 16
// bits go through the tensor cores; floats are multiplied as they are, in the same places.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include "row_tiles.cuh"

__device__ inline int lane_group() { return (threadIdx.x & 31) >> 2; }
__device__ inline int lane_pair() { return (threadIdx.x & 3) * 2; }

// Instructions ------------------------------------------------------------------------------------

template <typename T> __device__ inline unsigned packed(float low, float high) {
  const T a = T(low), b = T(high);
  return *(const unsigned short*)&a | ((unsigned)*(const unsigned short*)&b << 16);
}

#ifdef TENSORCORE_CUDA_SHIM
// The tests' emulator knows no PTX: the same by shuffles.
template <typename T> __device__ inline float half_of(unsigned pair, int high) {
  const unsigned short bits = (unsigned short)(high ? pair >> 16 : pair);
  return float(*(const T*)&bits);
}

template <typename T>
__device__ inline void multiply_tiles(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  const int lane = threadIdx.x & 31;
  for (int pair = 0; pair < 8; ++pair) {
    const int high = pair >> 2, place = pair & 3;
    const unsigned top = __shfl_sync(0xffffffffu, a[2 * high], (lane & ~3) + place);
    const unsigned bottom = __shfl_sync(0xffffffffu, a[2 * high + 1], (lane & ~3) + place);
    const unsigned left = __shfl_sync(0xffffffffu, b[high], lane_pair() * 4 + place);
    const unsigned right = __shfl_sync(0xffffffffu, b[high], lane_pair() * 4 + 4 + place);
    for (int k = 0; k < 2; ++k) {
      d[0] += half_of<T>(top, k) * half_of<T>(left, k);
      d[1] += half_of<T>(top, k) * half_of<T>(right, k);
      d[2] += half_of<T>(bottom, k) * half_of<T>(left, k);
      d[3] += half_of<T>(bottom, k) * half_of<T>(right, k);
    }
  }
}

template <bool TURNED> __device__ inline void load_tiles(unsigned (&r)[4], const void* row) {
  for (int i = 0; i < 4; ++i) {
    unsigned short values[2];
    for (int k = 0; k < 2; ++k) {
      const int from = TURNED ? lane_pair() + k : lane_group();
      const int column = TURNED ? lane_group() : lane_pair() + k;
      const unsigned long long place = __shfl_sync(0xffffffffu, (unsigned long long)row, 8 * i + from);
      values[k] = ((const unsigned short*)place)[column];
    }
    r[i] = values[0] | ((unsigned)values[1] << 16);
  }
}
#else
// d += a b, on the tensor cores.
template <typename T>
__device__ inline void multiply_tiles(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]);
template <>
__device__ inline void multiply_tiles<__half>(
    float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
template <>
__device__ inline void multiply_tiles<__nv_bfloat16>(
    float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Four matrices of 8 x 8 numbers of 16 bits; lane l names row l % 8 of matrix l / 8.
template <bool TURNED> __device__ inline void load_tiles(unsigned (&r)[4], const void* row) {
  const unsigned place = (unsigned)__cvta_generic_to_shared(row);
  if constexpr (TURNED)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(place) : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(place) : "memory");
}
#endif

// Products ----------------------------------------------------------------------------------------

// sums (16, 8 N) += A B^T, A the 16 rows at a, B the 8 N rows at b; both in shared memory.
template <typename T, int FEATURES, int N>
__device__ inline void add_rows_product(float (&sums)[N][4], const T* a, const T* b) {
  constexpr int STRIDE = TileRows<T, FEATURES>::STRIDE;
  if constexpr (sizeof(T) == 4) {
    a += lane_group() * STRIDE;
    b += lane_pair() * STRIDE;
#pragma unroll 2
    for (int k = 0; k < FEATURES; k += 4) {
      const float4 top = *(const float4*)(a + k);
      const float4 bottom = *(const float4*)(a + 8 * STRIDE + k);
#pragma unroll
      for (int j = 0; j < N; ++j) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          const float4 x = *(const float4*)(b + (8 * j + i) * STRIDE + k);
          float& upper = sums[j][i];
          float& lower = sums[j][2 + i];
          upper = fmaf(top.w, x.w, fmaf(top.z, x.z, fmaf(top.y, x.y, fmaf(top.x, x.x, upper))));
          lower = fmaf(
              bottom.w, x.w, fmaf(bottom.z, x.z, fmaf(bottom.y, x.y, fmaf(bottom.x, x.x, lower))));
        }
      }
    }
  } else {
    const int lane = threadIdx.x & 31;
    a += (lane & 15) * STRIDE + (lane >> 4) * 8;
    b += ((lane >> 4) * 8 + (lane & 7)) * STRIDE + ((lane >> 3) & 1) * 8;
#pragma unroll
    for (int k = 0; k < FEATURES; k += 16) {
      unsigned left[4];
      load_tiles<false>(left, a + k);
#pragma unroll
      for (int j = 0; j < N; j += 2) {
        unsigned right[4];
        load_tiles<false>(right, b + 8 * j * STRIDE + k);
        multiply_tiles<T>(sums[j], left, {right[0], right[1]});
        multiply_tiles<T>(sums[j + 1], left, {right[2], right[3]});
      }
    }
  }
}

// sums (16, FEATURES) += W B, W (16, 8 N) as sums of another product, B the 8 N rows at b in shared
// memory.
template <typename T, int FEATURES, int N>
__device__ inline void add_weighted_rows(
    float (&sums)[FEATURES / 8][4], const float (&weights)[N][4], const T* b) {
  constexpr int STRIDE = TileRows<T, FEATURES>::STRIDE;
  if constexpr (sizeof(T) == 4) {
    b += lane_pair();
#pragma unroll
    for (int j = 0; j < N; ++j) {
#pragma unroll
      for (int k = 0; k < 8; ++k) {
        const int from = (threadIdx.x & 28) + k / 2;
        const float top = __shfl_sync(0xffffffffu, weights[j][k % 2], from);
        const float bottom = __shfl_sync(0xffffffffu, weights[j][2 + k % 2], from);
#pragma unroll
        for (int n = 0; n < FEATURES / 8; ++n) {
          const float2 x = *(const float2*)(b + (8 * j + k) * STRIDE + 8 * n);
          sums[n][0] = fmaf(top, x.x, sums[n][0]);
          sums[n][1] = fmaf(top, x.y, sums[n][1]);
          sums[n][2] = fmaf(bottom, x.x, sums[n][2]);
          sums[n][3] = fmaf(bottom, x.y, sums[n][3]);
        }
      }
    }
  } else {
    const int lane = threadIdx.x & 31;
    b += (lane & 15) * STRIDE + (lane >> 4) * 8;
#pragma unroll
    for (int j = 0; j < N; j += 2) {
      const unsigned left[4] = {
          packed<T>(weights[j][0], weights[j][1]), packed<T>(weights[j][2], weights[j][3]),
          packed<T>(weights[j + 1][0], weights[j + 1][1]),
          packed<T>(weights[j + 1][2], weights[j + 1][3])};
#pragma unroll
      for (int n = 0; n < FEATURES / 8; n += 2) {
        unsigned right[4];
        load_tiles<true>(right, b + 8 * j * STRIDE + 8 * n);
        multiply_tiles<T>(sums[n], left, {right[0], right[1]});
        multiply_tiles<T>(sums[n + 1], left, {right[2], right[3]});
      }
    }
  }
}

template <int N> __device__ inline void clear(float (&sums)[N][4]) {
#pragma unroll
  for (int j = 0; j < N; ++j) sums[j][0] = sums[j][1] = sums[j][2] = sums[j][3] = 0.0f;
}

// The thread's upper (i = 0) or lower row of sums, times a factor.
template <int N> __device__ inline void scale_row(float (&sums)[N][4], int i, float factor) {
#pragma unroll
  for (int j = 0; j < N; ++j) {
    sums[j][2 * i] *= factor;
    sums[j][2 * i + 1] *= factor;
  }
}

// Writes the warp's sums to x, from row `first` on; rows and features that x has not are left out.
template <typename T, int N>
__device__ inline void store(const float (&sums)[N][4], const Rows<T>& x, int first) {
#pragma unroll
  for (int n = 0; n < N; ++n) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int row = first + lane_group() + 8 * (e / 2);
      const int d = 8 * n + lane_pair() + e % 2;
      if (row < x.length && d < x.features) x.at(row)[d] = T(sums[n][e]);
    }
  }
}
