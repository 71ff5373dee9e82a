// Copies into shared memory that go on while a thread computes: see runtime/async_copies.cpp.
#pragma once
#include <cstddef>

extern "C" {
void shim_copy_begin(void* to, const void* from, size_t bytes, size_t zeros);
void shim_copy_commit();
void shim_copy_wait(size_t prior);
}

inline void __pipeline_memcpy_async(void* to, const void* from, size_t bytes, size_t zeros = 0) {
    shim_copy_begin(to, from, bytes, zeros);
}
inline void __pipeline_commit() { shim_copy_commit(); }
inline void __pipeline_wait_prior(size_t prior) { shim_copy_wait(prior); }
