// What a kernel and the scheduler share.  The scheduler is compiled once, into the runtime library;
// every kernel is compiled into a small library of its own that finds these symbols at load time.
#pragma once
#include <cstddef>
#include <cstdint>

#include <vector_types.h>  // uint3, dim3, float4 ... from the CUDA headers

namespace shim {

constexpr unsigned WARP = 32;
constexpr size_t MAX_DYNAMIC_SHARED = 227 << 10;  // bytes a block may ask for on sm_90
constexpr size_t MAX_LANE_VALUE = 16;             // bytes a lane can hand to a warp collective

// The CUDA thread that runs now.
struct Now {
    uint3 thread;
    unsigned linear;  // thread number within the block; the warp is linear / 32
    uint3 block;
    dim3 block_dim;
    dim3 grid_dim;
};

// One warp collective that every lane of `mask` has joined: value[lane] is what that lane gave.
struct Exchange {
    unsigned mask;
    alignas(16) char value[WARP][MAX_LANE_VALUE];
};

// What a kernel library exports for each of its kernels.
struct Kernel {
    void (*thread)(void** arguments);   // one thread; used where the kernel has collectives
    void (*block)(void** arguments);    // all threads of a block in a loop; used where it has none
    const unsigned* argument_sizes;     // bytes, ended by END_OF_SIZES
    char* shared_begin;                 // the __shared__ variables of the library
    char* shared_end;
};

constexpr unsigned END_OF_SIZES = ~0u;

enum Vote { VOTE_AND, VOTE_OR, VOTE_COUNT };

}  // namespace shim

extern "C" {
extern shim::Now shim_now;
extern char shim_dynamic_shared[];
void shim_barrier(int line);
int shim_barrier_vote(int line, int predicate, int vote);
const shim::Exchange* shim_exchange(unsigned mask, const void* value, size_t nbytes, int line);
[[noreturn]] void shim_fail(const char* message);
}
