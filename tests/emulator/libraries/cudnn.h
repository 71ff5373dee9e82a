// What the parts of the stand-in for cuDNN share.  Numbers are those of cudnn_graph.h, version 9.
#pragma once
#include <cstdint>
#include <cstring>
#include <vector>

#include "library_support.h"
#include "numbers.h"

namespace cudnn {

enum Status {
    SUCCESS = 0,
    NOT_INITIALIZED = 1001,
    BAD_PARAM = 2000,
    NULL_POINTER = 2002,
    MISALIGNED_POINTER = 2003,
    SIZE_INSUFFICIENT = 2006,
    SHAPE_MISMATCH = 2008,
    NOT_SUPPORTED = 3000,
    NOT_SUPPORTED_LAYOUT = 3004,
    EXECUTION_FAILED = 5000,
};

enum Type { FLOAT = 0, DOUBLE = 1, HALF = 2, BFLOAT16 = 9 };
enum MathType { DEFAULT_MATH, TENSOR_OP_MATH, TENSOR_OP_MATH_ALLOW_CONVERSION, FMA_MATH };

constexpr uint64_t HANDLE_MARK = 0x6E6E647563ull;

struct Handle {
    uint64_t mark;
    int device;
    void* stream;
};

struct Tensor {
    int type = -1;
    std::vector<int> sizes, strides;
};

int check_handle(const Handle* handle);
extern int status_of_launch;  // what launches answer; tests decide

// The type as numbers.h names it, or -1.
inline int data_type(int type) {
    switch (type) {
        case FLOAT: return F32;
        case DOUBLE: return F64;
        case HALF: return F16;
        case BFLOAT16: return BF16;
        default: return -1;
    }
}

inline size_t size_of_type(int type) {
    return data_type(type) < 0 ? 0 : size_of(data_type(type));
}

inline bool is_aligned(const void* p) {
    return reinterpret_cast<uintptr_t>(p) % 16 == 0;
}

inline std::vector<double> read(const void* data, int type, size_t count) {
    std::vector<double> values(count);
    const char* from = static_cast<const char*>(data);
    for (size_t i = 0; i < count; i++) {
        values[i] = load(from + i * size_of_type(type), data_type(type)).real();
    }
    return values;
}

inline void write(void* data, int type, const std::vector<double>& values) {
    char* to = static_cast<char*>(data);
    for (double value : values) {
        store(to, data_type(type), value);
        to += size_of_type(type);
    }
}

template <class T>
int create(T** out) {
    if (!out) return NULL_POINTER;
    *out = new T;
    return SUCCESS;
}

template <class T>
int destroy(T* object) {
    delete object;
    return SUCCESS;
}

}  // namespace cudnn
