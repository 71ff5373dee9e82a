// Matrix products for the stand-ins: any strides, any of the element types, optional epilogue.
#pragma once
#include <cstddef>

#include "numbers.h"

// Op(A), an m x k matrix, or op(B)^T, an n x k matrix: element (i, l) of type `type`, found at
// data[i * outer_stride + l * inner_stride].
struct Operand {
    const void* data;
    int type;
    long outer_stride;
    long inner_stride;
    bool conjugate;
};

enum Activation { NO_ACTIVATION, RELU, GELU };

struct Epilogue {
    const void* bias;  // one element a row, or nullptr
    int bias_type;
    Activation activation;
    void* aux;         // ReLU: a bit mask of what was positive; GELU: what went into it; or nullptr
    long aux_ld;       // elements (bits for ReLU)
};

// D[i, j] = activation(alpha * sum_l A[i, l] B[j, l] + beta * C[i, j] + bias[i])
struct Gemm {
    long m, n, k;
    Operand a, b;
    Number alpha, beta;
    const void* c;
    void* d;
    int type;                         // of C and D
    long c_row_stride, c_column_stride;
    long d_row_stride, d_column_stride;
    bool in_double;                   // sums in float64, else in float32
    int kept_bits;  // of the mantissa of each factor; 0: all
    Epilogue epilogue;
};

void gemm(const Gemm& g);
