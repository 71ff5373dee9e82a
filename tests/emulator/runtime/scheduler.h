// Runs one launch of a kernel on the CPU.
#pragma once
#include <cstdint>

#include "state.h"

namespace scheduler {

struct Launch {
    const shim::Kernel* kernel;
    void** arguments;
    dim3 grid;
    dim3 block;
    size_t dynamic_shared;   // bytes
    uint64_t seed;           // 0: threads in order; else another order for every seed
    bool may_leave_early;    // threads that returned count as arrived at a barrier, as in hardware
};

// Returns nullptr, or what went wrong; the text stays until the next launch.
const char* run(const Launch& launch);

}  // namespace scheduler
