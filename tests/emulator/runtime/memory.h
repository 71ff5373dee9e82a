// Device memory is host memory.  Every allocation ends at a page that must not be touched.
#pragma once
#include <cstddef>
#include <cstdint>

enum class Side { HOST, DEVICE };

struct Allocation {
    char* begin;
    size_t nbytes;
    size_t padded;    // nbytes rounded up to the alignment; the bytes between are a canary
    char* map;        // nullptr: not ours to unmap
    size_t map_nbytes;
    int device;
    Side side;
};

struct MemorySettings {
    size_t limit = size_t(8) << 30;  // bytes on each device
    bool guard_pages = true;
    long fail_from = 0;              // this many allocations from now fails, and so do ...
    long fail_count = 0;             // ... the ones after it, so many in all
};

extern MemorySettings memory_settings;
extern int current_device;
extern int device_count;

const Allocation* find_allocation(const void* address);
void adopt_memory(void* begin, size_t nbytes);  // constant memory of a kernel library

// nullptr if all is well, else what is wrong with these bytes.
const char* problem_with_range(const void* begin, size_t nbytes, Side wanted);
const char* problem_with_canary(const void* address);
const char* describe_fault(const void* address);
