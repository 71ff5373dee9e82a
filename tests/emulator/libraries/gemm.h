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

enum Activation { NO_ACTIVATION, RELU, GELU, RELU_SLOPE, GELU_SLOPE };
enum Sums { NO_SUMS, SUMS_OF_D, SUMS_OF_A, SUMS_OF_B };

struct Epilogue {
    const void* bias;  // one element a row, or nullptr
    int bias_type;
    Activation activation;
    void* aux;         // ReLU: a bit mask of what was not negative; GELU: what went into it; or
                       // nullptr.  The slopes read it, the others write it.
    long aux_ld;       // elements (bits for ReLU)
    Sums which_sums;   // of D over its columns, of op(A) or op(B) over the inner axis
    void* sums;        // where they go, of type `bias_type`
    bool relu_keeps_nan;
};

// D[i, j] = activation(alpha * sum_l A[i, l] B[j, l] + beta * C[i, j] + bias[i]), or for a slope
// that sum times the activation's slope at aux[i, j]
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
