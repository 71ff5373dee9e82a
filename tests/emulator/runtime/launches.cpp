// Launching kernels: from CuPy's driver module to the scheduler, with faults turned into errors.
#include <dlfcn.h>
#include <link.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "counters.h"
#include "errors.h"
#include "memory.h"
#include "scheduler.h"
#include "streams.h"

namespace {

struct Function {
    const shim::Kernel* kernel;
    std::string name;
    bool is_from_cupy;  // CuPy's kernels use the rule that returned threads count at a barrier
    unsigned nparameters;
};

struct Shape {
    dim3 grid;
    dim3 block;
    size_t dynamic_shared;
};

uint64_t schedule_seed;

// ---- faults -------------------------------------------------------------------------------------

sigjmp_buf way_out;
const void* volatile fault_address;
char failure[200];

enum Exit { NORMAL, ADDRESS_FAULT, ARITHMETIC_FAULT, FAILED };

void on_fault(int signal, siginfo_t* info, void*) {
    fault_address = info->si_addr;
    siglongjmp(way_out, signal == SIGFPE ? ARITHMETIC_FAULT : ADDRESS_FAULT);
}

// Catches faults while it lives.  Python's own handlers (faulthandler) are in place otherwise.
class FaultHandlers {
public:
    FaultHandlers() {
        use_own_signal_stack();
        struct sigaction action = {};
        action.sa_sigaction = on_fault;
        action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
        for (int i = 0; i < COUNT; i++) sigaction(SIGNALS[i], &action, &before[i]);
    }

    ~FaultHandlers() {
        for (int i = 0; i < COUNT; i++) sigaction(SIGNALS[i], &before[i], nullptr);
    }

private:
    static constexpr int COUNT = 3;
    static constexpr int SIGNALS[COUNT] = {SIGSEGV, SIGBUS, SIGFPE};
    struct sigaction before[COUNT];

    // A fibre that has used up its stack has no room for a handler.
    static void use_own_signal_stack() {
        static char memory[64 << 10];
        static bool done = false;
        if (done) return;
        done = true;
        stack_t existing;
        sigaltstack(nullptr, &existing);
        if (!(existing.ss_flags & SS_DISABLE)) return;
        stack_t own = {};
        own.ss_sp = memory;
        own.ss_size = sizeof memory;
        sigaltstack(&own, nullptr);
    }
};

// ---- running ------------------------------------------------------------------------------------

// Bytes beyond the end of an allocation, but before its guard page, are checked afterwards.
PyObject* check_canaries(const Function& f, void** arguments) {
    for (unsigned i = 0; i < f.nparameters; i++) {
        if (f.kernel->argument_sizes[i] < sizeof(void*)) continue;
        void* pointer;  // an array argument of CuPy begins with its pointer too
        memcpy(&pointer, arguments[i], sizeof pointer);
        const char* problem = problem_with_canary(pointer);
        if (problem) return raise(ILLEGAL_ADDRESS, "kernel %s %s", f.name.c_str(), problem);
    }
    return none();
}

PyObject* run(const Function& f, const Shape& shape, void** arguments) {
    emulator_counters.launches++;
    scheduler::Launch launch = {f.kernel, arguments, shape.grid, shape.block,
                                shape.dynamic_shared, schedule_seed, f.is_from_cupy};
    const char* volatile problem = nullptr;
    int exit;
    {
        FaultHandlers handlers;
        exit = sigsetjmp(way_out, 0);
        if (exit == NORMAL) problem = scheduler::run(launch);
    }
    const char* name = f.name.c_str();
    if (exit == ADDRESS_FAULT) {
        const char* where = describe_fault(fault_address);
        return raise(ILLEGAL_ADDRESS, "kernel %s touched %s", name, where);
    }
    if (exit == ARITHMETIC_FAULT) {
        return raise(LAUNCH_FAILURE, "kernel %s divides an integer by zero", name);
    }
    if (exit == FAILED) return raise(LAUNCH_FAILURE, "kernel %s: %s", name, failure);
    if (problem) {
        bool shape_is_bad = !strncmp(problem, "invalid launch", 14);
        Status status = shape_is_bad ? INVALID_CONFIGURATION : LAUNCH_FAILURE;
        return raise(status, "kernel %s: %s", name, problem);
    }
    return check_canaries(f, arguments);
}

// A graph outlives the arguments of the launches it recorded, so it keeps copies.
class KeptArguments {
public:
    KeptArguments(const Function& f, void** arguments) {
        for (unsigned i = 0; i < f.nparameters; i++) {
            const char* bytes = static_cast<const char*>(arguments[i]);
            values.emplace_back(SLACK + f.kernel->argument_sizes[i]);
            memcpy(aligned(i), bytes, f.kernel->argument_sizes[i]);
        }
    }

    std::vector<void*> pointers() {
        std::vector<void*> all;
        for (size_t i = 0; i < values.size(); i++) all.push_back(aligned(i));
        return all;
    }

private:
    static constexpr uintptr_t SLACK = 64;
    std::vector<std::vector<char>> values;

    char* aligned(size_t i) {
        uintptr_t begin = reinterpret_cast<uintptr_t>(values[i].data());
        return reinterpret_cast<char*>((begin + SLACK - 1) / SLACK * SLACK);
    }
};

// CuPy gives no count, but it allocated the array of pointers for those it has.  The allocator may
// have given more room than that, so this finds arguments that are missing, and not always.
PyObject* check_argument_count(const Function& f, void** arguments) {
    size_t room = arguments ? malloc_usable_size(arguments) / sizeof(void*) : 0;
    if (room >= f.nparameters) return none();
    return raise(INVALID_VALUE, "kernel %s has %u parameters, but was given at most %zu",
                 f.name.c_str(), f.nparameters, room);
}

PyObject* launch(intptr_t function, const Shape& shape, intptr_t stream, void** arguments) {
    Function* f = reinterpret_cast<Function*>(function);
    PyObject* checked = check_argument_count(*f, arguments);
    if (!checked) return nullptr;
    Py_DECREF(checked);
    if (!is_capturing(stream)) {
        return submit(stream, "", [&] { return run(*f, shape, arguments); });
    }
    auto kept = std::make_shared<KeptArguments>(*f, arguments);
    return submit(stream, f->name.c_str(), [f, shape, kept] {
        return run(*f, shape, kept->pointers().data());
    });
}

}  // namespace

void shim_fail(const char* message) {
    snprintf(failure, sizeof failure, "%s", message);
    siglongjmp(way_out, FAILED);
}

extern "C" {

PyObject* driver_launchKernel(intptr_t function, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                              unsigned by, unsigned bz, unsigned shared, intptr_t stream,
                              intptr_t arguments, intptr_t, int) {
    Shape shape = {dim3(gx, gy, gz), dim3(bx, by, bz), shared};
    return launch(function, shape, stream, reinterpret_cast<void**>(arguments));
}

PyObject* driver_launchCooperativeKernel(intptr_t function, unsigned gx, unsigned gy, unsigned gz,
                                         unsigned bx, unsigned by, unsigned bz, unsigned shared,
                                         intptr_t stream, intptr_t arguments, int) {
    Shape shape = {dim3(gx, gy, gz), dim3(bx, by, bz), shared};
    return launch(function, shape, stream, reinterpret_cast<void**>(arguments));
}

int driver_funcGetAttribute(int attribute, intptr_t, int) {
    constexpr int MAX_THREADS_PER_BLOCK = 0;
    return attribute == MAX_THREADS_PER_BLOCK ? 1024 : 0;
}

PyObject* driver_funcSetAttribute(intptr_t, int, int, int) {
    return none();
}

PyObject* driver_occupancyMaxPotentialBlockSize(intptr_t, size_t, int, int) {
    return Py_BuildValue("(ii)", 132, 128);
}

int driver_occupancyMaxActiveBlocksPerMultiprocessor(intptr_t, int, size_t, int) {
    return 8;
}

PyObject* driver_moduleUnload(intptr_t, int) {
    return none();
}

intptr_t emulator_new_function(const shim::Kernel* kernel, const char* name, int is_from_cupy) {
    unsigned n = 0;
    while (kernel->argument_sizes[n] != shim::END_OF_SIZES) n++;
    return reinterpret_cast<intptr_t>(new Function{kernel, name, is_from_cupy != 0, n});
}

// The address of a __constant__ variable, or 0.
intptr_t emulator_find_global(void* library, const char* name) {
    void* address = dlsym(library, name);
    if (!address) return 0;
    Dl_info info;
    const ElfW(Sym)* symbol = nullptr;
    void** extra = const_cast<void**>(reinterpret_cast<const void**>(&symbol));
    if (dladdr1(address, &info, extra, RTLD_DL_SYMENT) && symbol) {
        adopt_memory(address, symbol->st_size);
    }
    return reinterpret_cast<intptr_t>(address);
}

void emulator_set_seed(uint64_t seed) {
    schedule_seed = seed;
}

}  // extern "C"
