#include "errors.h"

#include <cstdarg>

static PyObject* error_class() {
    static PyObject* found = nullptr;
    if (found) return found;
    PyObject* module = PyImport_ImportModule("cupy_backends.cuda.api.runtime");
    if (!module) return nullptr;
    found = PyObject_GetAttrString(module, "CUDARuntimeError");
    Py_DECREF(module);
    return found;
}

PyObject* raise(Status status, const char* format, ...) {
    va_list values;
    va_start(values, format);
    PyObject* details = PyUnicode_FromFormatV(format, values);
    va_end(values);
    PyObject* cls = error_class();
    PyObject* error = cls && details ? PyObject_CallFunction(cls, "i", status) : nullptr;
    if (error) {
        PyObject* text = PyObject_Str(error);
        PyObject* full = text ? PyUnicode_FromFormat("%U: %U", text, details) : nullptr;
        PyObject* arguments = full ? PyTuple_Pack(1, full) : nullptr;
        if (arguments) PyObject_SetAttrString(error, "args", arguments);
        if (!PyErr_Occurred()) PyErr_SetObject(cls, error);
        Py_XDECREF(arguments);
        Py_XDECREF(full);
        Py_XDECREF(text);
    }
    Py_XDECREF(error);
    Py_XDECREF(details);
    return nullptr;
}
