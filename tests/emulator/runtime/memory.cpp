#include "memory.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>

#include "counters.h"
#include "errors.h"

MemorySettings memory_settings;
int current_device = 0;
int device_count = 2;

namespace {

constexpr size_t PAGE = 4096;
constexpr size_t GUARD = 16 * PAGE;
constexpr size_t ALIGNMENT = 16;              // what float4 needs; more would weaken the guard page
constexpr size_t POISONED = size_t(256) << 20;  // larger allocations are not, to save memory
constexpr int POISON = 0xFF;
constexpr int MAX_DEVICES = 16;

std::map<uintptr_t, Allocation> live;
size_t used[MAX_DEVICES];
std::mutex lock;  // the libraries are called without the GIL
thread_local char text[200];

size_t round_up(size_t n, size_t to) {
    return (n + to - 1) / to * to;
}

const Allocation* find_unlocked(const void* address) {
    uintptr_t key = reinterpret_cast<uintptr_t>(address);
    auto next = live.upper_bound(key);
    if (next == live.begin()) return nullptr;
    const Allocation& before = std::prev(next)->second;
    size_t reach = before.nbytes ? before.nbytes : 1;
    return key - std::prev(next)->first < reach ? &before : nullptr;
}

bool is_injected_failure() {
    MemorySettings& s = memory_settings;
    if (!s.fail_count) return false;
    if (s.fail_from > 1) {
        s.fail_from--;
        return false;
    }
    s.fail_count--;
    return true;
}

bool map_allocation(Allocation* a) {
    size_t usable = round_up(a->padded, PAGE);
    a->map_nbytes = usable + GUARD;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* map = mmap(nullptr, a->map_nbytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (map == MAP_FAILED) return false;
    a->map = static_cast<char*>(map);
    mprotect(a->map + usable, GUARD, PROT_NONE);
    a->begin = memory_settings.guard_pages ? a->map + usable - a->padded : a->map;
    memset(a->begin, POISON, a->nbytes <= POISONED ? a->nbytes : 0);
    memset(a->begin + a->nbytes, POISON, a->padded - a->nbytes);
    return true;
}

intptr_t allocate(size_t nbytes, Side side) {
    size_t& mine = used[current_device];
    bool on_device = side == Side::DEVICE;
    if (on_device && is_injected_failure()) {
        raise(MEMORY_ALLOCATION, "injected by fail_allocation");
        return 0;
    }
    if (on_device && nbytes > memory_settings.limit - mine) {
        raise(MEMORY_ALLOCATION, "%zu bytes wanted, %zu of %zu in use on device %d", nbytes, mine,
              memory_settings.limit, current_device);
        return 0;
    }
    Allocation a = {};
    a.nbytes = nbytes;
    a.padded = nbytes ? round_up(nbytes, ALIGNMENT) : ALIGNMENT;
    a.device = current_device;
    a.side = side;
    if (!map_allocation(&a)) {
        PyErr_NoMemory();
        return 0;
    }
    std::lock_guard<std::mutex> guard(lock);
    live[reinterpret_cast<uintptr_t>(a.begin)] = a;
    if (on_device) {
        mine += nbytes;
        Counters& c = emulator_counters;
        c.allocations++;
        c.bytes_used += nbytes;
        if (c.bytes_used > c.bytes_peak) c.bytes_peak = c.bytes_used;
    }
    return reinterpret_cast<intptr_t>(a.begin);
}

PyObject* release(intptr_t address, Side side) {
    if (!address) return none();
    std::unique_lock<std::mutex> guard(lock);
    auto found = live.find(address);
    if (found == live.end() || found->second.side != side) {
        guard.unlock();
        return raise(INVALID_VALUE, "free of %p, which is not a live allocation",
                     reinterpret_cast<void*>(address));
    }
    Allocation a = found->second;
    live.erase(found);
    if (a.map) munmap(a.map, a.map_nbytes);
    if (side == Side::DEVICE) {
        used[a.device] -= a.nbytes;
        emulator_counters.bytes_used -= a.nbytes;
    }
    return none();
}

}  // namespace

const Allocation* find_allocation(const void* address) {
    std::lock_guard<std::mutex> guard(lock);
    return find_unlocked(address);
}

void adopt_memory(void* begin, size_t nbytes) {
    Allocation a = {};
    a.begin = static_cast<char*>(begin);
    a.nbytes = nbytes;
    a.padded = nbytes;
    a.device = current_device;
    a.side = Side::DEVICE;
    std::lock_guard<std::mutex> guard(lock);
    live[reinterpret_cast<uintptr_t>(begin)] = a;
}

const char* problem_with_range(const void* begin, size_t nbytes, Side wanted) {
    if (!nbytes) return nullptr;
    std::lock_guard<std::mutex> guard(lock);
    const Allocation* a = find_unlocked(begin);
    if (wanted == Side::DEVICE && (!a || a->side == Side::HOST)) {
        snprintf(text, sizeof text, "%p is not live device memory", begin);
        return text;
    }
    if (wanted == Side::HOST && a && a->side == Side::DEVICE) {
        snprintf(text, sizeof text, "%p is device memory where host memory is meant", begin);
        return text;
    }
    if (!a) return nullptr;  // ordinary host memory, of which we know no bounds
    size_t offset = static_cast<const char*>(begin) - a->begin;
    if (nbytes <= a->nbytes - offset) return nullptr;
    snprintf(text, sizeof text, "%zu bytes at offset %zu of an allocation of %zu bytes", nbytes,
             offset, a->nbytes);
    return text;
}

const char* problem_with_canary(const void* address) {
    std::lock_guard<std::mutex> guard(lock);
    const Allocation* a = find_unlocked(address);
    if (!a) return nullptr;
    for (size_t i = a->nbytes; i < a->padded; i++) {
        if (a->begin[i] == static_cast<char>(POISON)) continue;
        memset(a->begin + a->nbytes, POISON, a->padded - a->nbytes);  // report it once
        snprintf(text, sizeof text, "wrote byte %zu of an allocation of %zu bytes", i, a->nbytes);
        return text;
    }
    return nullptr;
}

const char* describe_fault(const void* address) {
    std::lock_guard<std::mutex> guard(lock);
    const char* p = static_cast<const char*>(address);
    for (auto& [key, a] : live) {
        if (p < a.begin - PAGE || p >= a.begin + a.nbytes + PAGE + GUARD) continue;
        snprintf(text, sizeof text, "byte %td of an allocation of %zu bytes", p - a.begin,
                 a.nbytes);
        return text;
    }
    snprintf(text, sizeof text, "address %p, near no live allocation", address);
    return text;
}

// ---- entries of CuPy's runtime module -----------------------------------------------------------

extern "C" {

intptr_t runtime_malloc(size_t nbytes, int) {
    return allocate(nbytes, Side::DEVICE);
}

intptr_t runtime_mallocManaged(size_t nbytes, int, void*) {
    return allocate(nbytes, Side::DEVICE);
}

intptr_t runtime_mallocAsync(size_t nbytes, intptr_t, int) {
    return allocate(nbytes, Side::DEVICE);
}

intptr_t runtime_mallocFromPoolAsync(size_t nbytes, intptr_t, intptr_t, int) {
    return allocate(nbytes, Side::DEVICE);
}

intptr_t runtime_hostAlloc(size_t nbytes, unsigned, int) {
    return allocate(nbytes, Side::HOST);
}

PyObject* runtime_free(intptr_t address, int) {
    return release(address, Side::DEVICE);
}

PyObject* runtime_freeAsync(intptr_t address, intptr_t, int) {
    return release(address, Side::DEVICE);
}

PyObject* runtime_freeHost(intptr_t address, int) {
    return release(address, Side::HOST);
}

PyObject* runtime_memGetInfo(int) {
    Py_ssize_t total = memory_settings.limit;
    Py_ssize_t unused = total - used[current_device];
    return Py_BuildValue("(nn)", unused, total);
}

int runtime_pointerGetMemoryType(intptr_t address, int) {
    const Allocation* a = find_allocation(reinterpret_cast<void*>(address));
    if (!a) return 0;
    return a->side == Side::HOST ? 1 : 2;
}

PyObject* runtime_pointerGetAttributes(intptr_t address, int) {
    const Allocation* a = find_allocation(reinterpret_cast<void*>(address));
    int device = a ? a->device : -2;
    Py_ssize_t on_device = a ? address : 0;
    Py_ssize_t on_host = a && a->side == Side::DEVICE ? 0 : address;
    PyObject* module = PyImport_ImportModule("cupy_backends.cuda.api.runtime");
    if (!module) return nullptr;
    PyObject* result = PyObject_CallMethod(module, "PointerAttributes", "inni", device, on_device,
                                           on_host, runtime_pointerGetMemoryType(address, 0));
    Py_DECREF(module);
    return result;
}

void emulator_set_memory(size_t limit, int devices, int guard_pages) {
    memory_settings.limit = limit;
    memory_settings.guard_pages = guard_pages;
    device_count = devices < MAX_DEVICES ? devices : MAX_DEVICES;
}

void emulator_fail_allocation(long from, long count) {
    memory_settings.fail_from = from;
    memory_settings.fail_count = count;
}

}  // extern "C"
