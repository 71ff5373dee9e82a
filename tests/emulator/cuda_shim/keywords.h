// The keywords of CUDA C++ as a host compiler can read them.
#pragma once
#include "state.h"

// The CUDA headers define some of these for host compilers; ours take their place.
#undef __global__
#undef __device__
#undef __host__
#undef __shared__
#undef __constant__
#undef __managed__
#undef __forceinline__
#undef __noinline__
#undef __launch_bounds__
#undef __grid_constant__

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) alignas(n)
// Exported, so that RawModule.get_global finds it.
#define __constant__ __attribute__((visibility("default"), externally_visible))
// In one section, so that the scheduler can poison all of it before each block.
#define __shared__ static __attribute__((section("shim_shared")))

#define threadIdx (shim_now.thread)
#define blockIdx (shim_now.block)
#define blockDim (shim_now.block_dim)
#define gridDim (shim_now.grid_dim)
#define warpSize 32

// What NVRTC predefines and the headers of CuPy look at.
#define __CUDACC_VER_MAJOR__ 13
#define __CUDACC_VER_MINOR__ 0
#define TENSORCORE_CUDA_SHIM 1
