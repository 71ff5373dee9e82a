// NVIDIA's header, and what it keeps from host compilers.
#pragma once
#include_next <cuda_fp16.h>

#include "half_math.h"

HALF_MATH(__half, __half2, __half2float, __float2half)
