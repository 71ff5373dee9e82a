// Copies into shared memory that go on while a thread computes.  Here they are made when the thread
// waits for them; until then poison lies where they go, so that a read before shows.
#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

#include "state.h"

namespace {

struct Copy {
    void* to;
    const void* from;
    size_t bytes;
    size_t zeros;    // of the bytes, at the end
    unsigned group;  // commits of the thread before the copy
};

struct Copies {
    std::deque<Copy> open;
    unsigned groups = 0;
};

std::vector<Copies> threads;  // of the block that runs

Copies& of_thread() {
    if (threads.size() <= shim_now.linear) threads.resize(shim_now.linear + 1);
    return threads[shim_now.linear];
}

bool is_multiple(const void* address, size_t bytes) {
    return reinterpret_cast<uintptr_t>(address) % bytes == 0;
}

}  // namespace

// For the scheduler, between blocks: whether a thread returned without waiting for its copies.
bool forget_async_copies() {
    bool any = false;
    for (Copies& copies : threads) any |= !copies.open.empty();
    threads.clear();
    return any;
}

extern "C" void shim_copy_begin(void* to, const void* from, size_t bytes, size_t zeros) {
    if ((bytes != 4 && bytes != 8 && bytes != 16) || zeros > bytes) {
        shim_fail("__pipeline_memcpy_async copies 4, 8 or 16 bytes");
    }
    if (!is_multiple(to, bytes) || !is_multiple(from, bytes)) {
        shim_fail("__pipeline_memcpy_async: an address is no multiple of the bytes to copy");
    }
    memset(to, 0xFF, bytes);
    Copies& copies = of_thread();
    copies.open.push_back({to, from, bytes, zeros, copies.groups});
}

extern "C" void shim_copy_commit() {
    of_thread().groups++;
}

// Waits for all groups of copies but the last `prior`; copies that are not committed are in none.
extern "C" void shim_copy_wait(size_t prior) {
    Copies& copies = of_thread();
    while (!copies.open.empty() && copies.open.front().group + prior < copies.groups) {
        const Copy& copy = copies.open.front();
        char* zeros = static_cast<char*>(copy.to) + copy.bytes - copy.zeros;
        memcpy(copy.to, copy.from, copy.bytes - copy.zeros);
        memset(zeros, 0, copy.zeros);
        copies.open.pop_front();
    }
}
