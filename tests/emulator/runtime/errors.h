// Errors as the real runtime reports them: CUDARuntimeError with its status, and with our details.
#pragma once
#define PY_SSIZE_T_CLEAN
#include <Python.h>

enum Status {
    INVALID_VALUE = 1,
    MEMORY_ALLOCATION = 2,
    INVALID_CONFIGURATION = 9,
    INVALID_DEVICE = 101,
    INVALID_RESOURCE_HANDLE = 400,
    SYMBOL_NOT_FOUND = 500,
    ILLEGAL_ADDRESS = 700,
    LAUNCH_FAILURE = 719,
    CAPTURE_UNSUPPORTED = 900,
    CAPTURE_INVALIDATED = 901,
    CAPTURE_IMPLICIT = 906,
};

PyObject* raise(Status status, const char* format, ...);  // always NULL

inline PyObject* none() {
    Py_RETURN_NONE;
}
