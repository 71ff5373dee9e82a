// Copies and fills, with the checks of pointers that a real device would answer with a crash.
#include <cstring>

#include "counters.h"
#include "errors.h"
#include "memory.h"
#include "streams.h"

namespace {

enum Kind { HOST_TO_HOST, HOST_TO_DEVICE, DEVICE_TO_HOST, DEVICE_TO_DEVICE, BY_ADDRESS };

struct Copy {
    void* to;
    const void* from;
    size_t nbytes;
    Kind kind;
};

Kind kind_by_address(const void* to, const void* from) {
    const Allocation* target = find_allocation(to);
    const Allocation* source = find_allocation(from);
    bool to_device = target && target->side == Side::DEVICE;
    bool from_device = source && source->side == Side::DEVICE;
    if (from_device) return to_device ? DEVICE_TO_DEVICE : DEVICE_TO_HOST;
    return to_device ? HOST_TO_DEVICE : HOST_TO_HOST;
}

PyObject* run(Copy copy) {
    if (copy.kind == BY_ADDRESS) copy.kind = kind_by_address(copy.to, copy.from);
    bool to_device = copy.kind == HOST_TO_DEVICE || copy.kind == DEVICE_TO_DEVICE;
    bool from_device = copy.kind == DEVICE_TO_HOST || copy.kind == DEVICE_TO_DEVICE;
    Side to = to_device ? Side::DEVICE : Side::HOST;
    Side from = from_device ? Side::DEVICE : Side::HOST;
    const char* problem = problem_with_range(copy.to, copy.nbytes, to);
    if (problem) return raise(INVALID_VALUE, "copy destination: %s", problem);
    problem = problem_with_range(copy.from, copy.nbytes, from);
    if (problem) return raise(INVALID_VALUE, "copy source: %s", problem);
    if (copy.kind == DEVICE_TO_HOST) emulator_counters.device_to_host++;
    if (copy.kind == HOST_TO_DEVICE) emulator_counters.host_to_device++;
    memmove(copy.to, copy.from, copy.nbytes);
    return none();
}

PyObject* copy_at_once(intptr_t to, intptr_t from, size_t nbytes, int kind) {
    if (is_any_capturing()) return refuse_in_capture(CAPTURE_IMPLICIT, "a synchronous copy");
    return run({reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), nbytes, Kind(kind)});
}

PyObject* copy_on_stream(intptr_t to, intptr_t from, size_t nbytes, int kind, intptr_t stream) {
    Copy copy = {reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), nbytes, Kind(kind)};
    return submit(stream, "copy", [copy] { return run(copy); });
}

PyObject* fill(intptr_t to, int value, size_t nbytes) {
    void* begin = reinterpret_cast<void*>(to);
    const char* problem = problem_with_range(begin, nbytes, Side::DEVICE);
    if (problem) return raise(INVALID_VALUE, "memset: %s", problem);
    memset(begin, value, nbytes);
    return none();
}

}  // namespace

extern "C" {

PyObject* runtime_memcpy(intptr_t to, intptr_t from, size_t nbytes, int kind, int) {
    return copy_at_once(to, from, nbytes, kind);
}

PyObject* runtime_memcpyAsync(intptr_t to, intptr_t from, size_t nbytes, int kind, intptr_t stream,
                              int) {
    return copy_on_stream(to, from, nbytes, kind, stream);
}

PyObject* runtime_memcpyPeer(intptr_t to, int, intptr_t from, int, size_t nbytes, int) {
    return copy_at_once(to, from, nbytes, DEVICE_TO_DEVICE);
}

PyObject* runtime_memcpyPeerAsync(intptr_t to, int, intptr_t from, int, size_t nbytes,
                                  intptr_t stream, int) {
    return copy_on_stream(to, from, nbytes, DEVICE_TO_DEVICE, stream);
}

PyObject* runtime_memset(intptr_t to, int value, size_t nbytes, int) {
    if (is_any_capturing()) return refuse_in_capture(CAPTURE_IMPLICIT, "a synchronous memset");
    return fill(to, value, nbytes);
}

PyObject* runtime_memsetAsync(intptr_t to, int value, size_t nbytes, intptr_t stream, int) {
    return submit(stream, "memset", [=] { return fill(to, value, nbytes); });
}

}  // extern "C"
