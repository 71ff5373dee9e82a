// NVIDIA's header, and what it keeps from host compilers.
#pragma once
#include_next <cuda_bf16.h>

#include "half_math.h"

HALF_MATH(__nv_bfloat16, __nv_bfloat162, __bfloat162float, __float2bfloat16)
