// The shim for cupyx.jit, whose kernels use these parts of the standard library.
#pragma once
#include <limits>
#include <tuple>
#include <type_traits>
#include <utility>

#include "cuda_shim.h"
