// The devices themselves: how many, which one is current, what they can do.  They claim sm_90.
#include "errors.h"
#include "memory.h"

namespace {

// Values of cudaDeviceAttr; what is not here is 0.
int attribute(int which) {
    switch (which) {
        case 1: return 1024;         // maxThreadsPerBlock
        case 2: return 1024;         // maxBlockDimX
        case 3: return 1024;         // maxBlockDimY
        case 4: return 64;           // maxBlockDimZ
        case 5: return 0x7FFFFFFF;   // maxGridDimX
        case 6: return 65535;        // maxGridDimY
        case 7: return 65535;        // maxGridDimZ
        case 8: return 49152;        // maxSharedMemoryPerBlock
        case 10: return 32;          // warpSize
        case 12: return 65536;       // maxRegistersPerBlock
        case 13: return 1980000;     // clockRate, kHz
        case 16: return 132;         // multiProcessorCount
        case 38: return 50 << 20;    // l2CacheSize
        case 39: return 2048;        // maxThreadsPerMultiProcessor
        case 75: return 9;           // computeCapabilityMajor
        case 76: return 0;           // computeCapabilityMinor
        case 81: return 233472;      // maxSharedMemoryPerMultiprocessor
        case 95: return 1;           // cooperativeLaunch
        case 97: return 232448;      // maxSharedMemoryPerBlockOptin
        case 115: return 1;          // memoryPoolsSupported
        default: return 0;
    }
}

constexpr int VERSION = 13000;
constexpr intptr_t ONLY_CONTEXT = 1;

}  // namespace

extern "C" {

int runtime_getDevice(int) {
    return current_device;
}

int runtime_getDeviceCount(int) {
    return device_count;
}

PyObject* runtime_setDevice(int device, int) {
    if (device < 0 || device >= device_count) {
        return raise(INVALID_DEVICE, "device %d of %d", device, device_count);
    }
    current_device = device;
    return none();
}

PyObject* runtime_getDeviceProperties(int device, int) {
    Py_ssize_t total = memory_settings.limit;
    const char* format = "{s:y, s:i, s:i, s:i, s:i, s:i, s:i, s:n, s:i}";
    return Py_BuildValue(format, "name", "emulated device", "major", attribute(75), "minor",
                         attribute(76), "warpSize", attribute(10), "multiProcessorCount",
                         attribute(16), "maxThreadsPerBlock", attribute(1), "sharedMemPerBlock",
                         attribute(8), "totalGlobalMem", total, "pciDeviceID", device);
}

PyObject* runtime_deviceGetPCIBusId(int device, int) {
    return PyUnicode_FromFormat("0000:%02d:00.0", device);
}

int runtime_deviceGetAttribute(int which, int, int) {
    return attribute(which);
}

int runtime_driverGetVersion(int) {
    return VERSION;
}

int runtime_runtimeGetVersion(int) {
    return VERSION;
}

int runtime__getCUDAMajorVersion(int) {
    return VERSION / 1000;
}

int runtime_deviceCanAccessPeer(int, int, int) {
    return 1;
}

PyObject* runtime__deviceEnsurePeerAccess(int, int) {
    return none();
}

PyObject* runtime__ensure_context(void) {
    return none();
}

PyObject* runtime_profilerStart(int) {
    return none();
}

PyObject* runtime_profilerStop(int) {
    return none();
}

intptr_t driver_ctxGetCurrent(int) {
    return ONLY_CONTEXT;
}

int driver_ctxGetDevice(int) {
    return current_device;
}

PyObject* driver_ctxSetCurrent(intptr_t, int) {
    return none();
}

intptr_t driver_streamGetCtx(intptr_t, int) {
    return ONLY_CONTEXT;
}

}  // extern "C"
