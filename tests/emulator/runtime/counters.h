// What the pretend device has done since the last reset.  The order is known to counters.py.
#pragma once
#include <cstdint>

struct Counters {
    uint64_t launches;
    uint64_t graph_launches;
    uint64_t library_calls;
    uint64_t syncs;
    uint64_t device_to_host;
    uint64_t host_to_device;
    uint64_t allocations;
    uint64_t bytes_used;
    uint64_t bytes_peak;
};

extern "C" Counters emulator_counters;
