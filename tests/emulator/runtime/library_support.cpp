#include "library_support.h"

#include <memory>
#include <vector>

#include "counters.h"
#include "memory.h"
#include "streams.h"

extern "C" int emulator_is_device_memory(const void* begin, size_t nbytes) {
    return problem_with_range(begin, nbytes, Side::DEVICE) == nullptr;
}

extern "C" int emulator_current_device() {
    return current_device;
}

extern "C" int emulator_submit(void* stream, const char* label, int (*work)(const void*),
                               const void* job, size_t job_nbytes) {
    emulator_counters.library_calls++;
    intptr_t handle = reinterpret_cast<intptr_t>(stream);
    if (!is_capturing(handle)) return work(job);
    const char* bytes = static_cast<const char*>(job);
    auto kept = std::make_shared<std::vector<char>>(bytes, bytes + job_nbytes);
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject* recorded = submit(handle, label, [work, kept, name = std::string(label)] {
        int status = work(kept->data());
        if (!status) return none();
        return raise(LAUNCH_FAILURE, "%s in a graph failed with status %d", name.c_str(), status);
    });
    Py_XDECREF(recorded);
    PyGILState_Release(gil);
    return 0;
}
