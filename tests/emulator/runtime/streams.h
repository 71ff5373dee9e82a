// Streams run their work at once.  While a stream is captured, its work goes into a graph instead.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "errors.h"

// A piece of device work: returns None, or NULL with a Python error set.
using Work = std::function<PyObject*()>;

PyObject* submit(intptr_t stream, const char* label, Work work);

bool is_capturing(intptr_t stream);
bool is_any_capturing();
PyObject* refuse_in_capture(Status status, const char* what);  // and the capture is void
