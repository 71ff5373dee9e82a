// Modules are looked after in Python (cupy_patches.py, class Modules); here are the entries that
// call it, since a ctypes callback could not pass an exception on.
#include "errors.h"

namespace {

PyObject* modules;  // has the methods load, function, find_global

intptr_t handle_from(PyObject* result) {
    if (!result) return 0;
    intptr_t handle = PyLong_AsSsize_t(result);
    Py_DECREF(result);
    return handle;
}

}  // namespace

extern "C" {

intptr_t driver_moduleLoadData(PyObject* cubin, int) {
    return handle_from(PyObject_CallMethod(modules, "load", "O", cubin));
}

intptr_t driver_moduleGetFunction(intptr_t module, PyObject* name, int) {
    return handle_from(PyObject_CallMethod(modules, "function", "nO", module, name));
}

intptr_t driver_moduleGetGlobal(intptr_t module, PyObject* name, int) {
    intptr_t address = handle_from(PyObject_CallMethod(modules, "find_global", "nO", module, name));
    if (!address && !PyErr_Occurred()) raise(SYMBOL_NOT_FOUND, "%U is not in the module", name);
    return address;
}

void emulator_set_modules(PyObject* object) {
    Py_XINCREF(object);
    Py_XSETREF(modules, object);
}

}  // extern "C"
