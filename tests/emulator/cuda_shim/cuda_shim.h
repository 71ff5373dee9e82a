// Runs plain CUDA C++ kernels on the CPU: included before the text of every kernel.
#pragma once
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include <vector_functions.h>  // make_float4 ...

#include "atomics.h"
#include "collectives.h"
#include "export.h"
#include "intrinsics.h"
#include "keywords.h"
