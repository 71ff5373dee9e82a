// Stand-in for cuBLAS: the products that CuPy's matmul, dot, einsum and tensordot use.  CuPy itself
// refuses them while a stream is being captured, so they always run at once.
#include "gemm.h"
#include "library_support.h"

namespace {

enum Status { SUCCESS = 0, INVALID_VALUE = 7, EXECUTION_FAILED = 13, NOT_SUPPORTED = 15 };
enum Compute { C16F = 64, C64F = 70, C64F_PEDANTIC = 71, C32F_FAST_TF32 = 77 };
enum Transpose { NO_TRANSPOSE, TRANSPOSE, CONJUGATE };
constexpr int TF32_MATH = 3;

int pointer_mode;
int math_mode;
void* stream;

struct Matrix {
    const void* data;
    int type;
    long ld;
    int transpose;
};

struct Call {
    long m, n, k;
    Matrix a, b;
    const void* alpha;
    const void* beta;
    int scale_type;
    void* c;
    int type;
    long ldc;
    bool in_double;
    int kept_bits;  // of the mantissa of each factor; 0: all
};

Operand left(const Matrix& x) {
    bool straight = x.transpose == NO_TRANSPOSE;
    return {x.data, x.type, straight ? 1 : x.ld, straight ? x.ld : 1, x.transpose == CONJUGATE};
}

Operand right(const Matrix& x) {
    bool straight = x.transpose == NO_TRANSPOSE;
    return {x.data, x.type, straight ? x.ld : 1, straight ? 1 : x.ld, x.transpose == CONJUGATE};
}

bool is_readable(const Matrix& x, long rows, long columns) {
    if (x.transpose != NO_TRANSPOSE) std::swap(rows, columns);
    if (!rows || !columns) return true;
    return emulator_is_device_memory(x.data, ((columns - 1) * x.ld + rows) * size_of(x.type));
}

int run(const void* job) {
    const Call& x = *static_cast<const Call*>(job);
    bool ok = is_readable(x.a, x.m, x.k) && is_readable(x.b, x.k, x.n);
    if (!ok || !is_readable({x.c, x.type, x.ldc, NO_TRANSPOSE}, x.m, x.n)) return EXECUTION_FAILED;
    Gemm g = {};
    g.m = x.m;
    g.n = x.n;
    g.k = x.k;
    g.a = left(x.a);
    g.b = right(x.b);
    g.alpha = load(x.alpha, x.scale_type);
    g.beta = load(x.beta, x.scale_type);
    g.c = g.d = x.c;
    g.type = x.type;
    g.c_row_stride = g.d_row_stride = 1;
    g.c_column_stride = g.d_column_stride = x.ldc;
    g.in_double = x.in_double;
    g.kept_bits = x.kept_bits;
    gemm(g);
    return SUCCESS;
}

int submit(const Call& call) {
    if (call.m < 0 || call.n < 0 || call.k < 0) return INVALID_VALUE;
    return emulator_submit(stream, "cublas gemm", run, &call, sizeof call);
}

int submit_typed(int type, int ta, int tb, int m, int n, int k, const void* alpha, const void* a,
                 int lda, const void* b, int ldb, const void* beta, void* c, int ldc) {
    bool in_double = type == F64 || type == C128;
    return submit({m, n, k, {a, type, lda, ta}, {b, type, ldb, tb}, alpha, beta, type, c, type, ldc,
                   in_double, math_mode == TF32_MATH && !in_double});
}

int scale_type(int type, int compute) {
    if (is_complex(type)) return type;
    if (compute == C64F || compute == C64F_PEDANTIC) return F64;
    return compute == C16F || compute == C16F + 1 ? F16 : F32;
}

}  // namespace

extern "C" {

int cublasCreate_v2(void** handle) {
    *handle = &stream;
    return SUCCESS;
}

int cublasDestroy_v2(void*) {
    return SUCCESS;
}

int cublasGetVersion_v2(void*, int* version) {
    *version = 130000;
    return SUCCESS;
}

int cublasSetStream_v2(void*, void* wanted) {
    stream = wanted;
    return SUCCESS;
}

int cublasGetStream_v2(void*, void** out) {
    *out = stream;
    return SUCCESS;
}

int cublasSetPointerMode_v2(void*, int mode) {
    pointer_mode = mode;  // the same for us: host memory is device memory
    return SUCCESS;
}

int cublasGetPointerMode_v2(void*, int* mode) {
    *mode = pointer_mode;
    return SUCCESS;
}

int cublasSetMathMode(void*, int mode) {
    math_mode = mode;
    return SUCCESS;
}

int cublasGetMathMode(void*, int* mode) {
    *mode = math_mode;
    return SUCCESS;
}

int cublasSetWorkspace_v2(void*, void*, size_t) {
    return SUCCESS;
}

int cublasGemmEx(void*, int ta, int tb, int m, int n, int k, const void* alpha, const void* a,
                 int a_type, int lda, const void* b, int b_type, int ldb, const void* beta, void* c,
                 int c_type, int ldc, int compute, int) {
    if (!size_of(a_type) || !size_of(b_type) || !size_of(c_type)) return NOT_SUPPORTED;
    bool in_double = size_of(c_type) >= 8 && c_type != C64;
    return submit({m, n, k, {a, a_type, lda, ta}, {b, b_type, ldb, tb}, alpha, beta,
                   scale_type(c_type, compute), c, c_type, ldc, in_double,
                   compute == C32F_FAST_TF32});
}

int cublasGemmStridedBatchedEx(void* handle, int ta, int tb, int m, int n, int k, const void* alpha,
                               const void* a, int a_type, int lda, long long a_stride,
                               const void* b, int b_type, int ldb, long long b_stride,
                               const void* beta, void* c, int c_type, int ldc,
                               long long c_stride, int count, int compute, int algorithm) {
    for (long i = 0; i < count; i++) {
        const char* ai = static_cast<const char*>(a) + i * a_stride * size_of(a_type);
        const char* bi = static_cast<const char*>(b) + i * b_stride * size_of(b_type);
        char* ci = static_cast<char*>(c) + i * c_stride * size_of(c_type);
        int status = cublasGemmEx(handle, ta, tb, m, n, k, alpha, ai, a_type, lda, bi, b_type, ldb,
                                  beta, ci, c_type, ldc, compute, algorithm);
        if (status) return status;
    }
    return SUCCESS;
}

int cublasSgemmEx(void*, int ta, int tb, int m, int n, int k, const void* alpha, const void* a,
                  int a_type, int lda, const void* b, int b_type, int ldb, const void* beta,
                  void* c, int c_type, int ldc) {
    return submit({m, n, k, {a, a_type, lda, ta}, {b, b_type, ldb, tb}, alpha, beta, F32, c, c_type,
                   ldc, false, math_mode == TF32_MATH});
}

#define GEMMS(LETTER, TYPE) \
    int cublas##LETTER##gemm_v2(void*, int ta, int tb, int m, int n, int k, const void* alpha, \
                                const void* a, int lda, const void* b, int ldb, const void* beta, \
                                void* c, int ldc) { \
        return submit_typed(TYPE, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc); \
    } \
    int cublas##LETTER##gemmBatched(void*, int ta, int tb, int m, int n, int k, const void* alpha, \
                                    const void** a, int lda, const void** b, int ldb, \
                                    const void* beta, void** c, int ldc, int count) { \
        int status = SUCCESS; \
        for (int i = 0; i < count && !status; i++) { \
            status = submit_typed(TYPE, ta, tb, m, n, k, alpha, a[i], lda, b[i], ldb, beta, c[i], \
                                  ldc); \
        } \
        return status; \
    } \
    int cublas##LETTER##gemmStridedBatched( \
        void*, int ta, int tb, int m, int n, int k, const void* alpha, const char* a, int lda, \
        long long sa, const char* b, int ldb, long long sb, const void* beta, char* c, int ldc, \
        long long sc, int count) { \
        size_t size = size_of(TYPE); \
        int status = SUCCESS; \
        for (long i = 0; i < count && !status; i++) { \
            status = submit_typed(TYPE, ta, tb, m, n, k, alpha, a + i * sa * size, lda, \
                                  b + i * sb * size, ldb, beta, c + i * sc * size, ldc); \
        } \
        return status; \
    } \
    int cublas##LETTER##gemv_v2(void*, int t, int rows, int columns, const void* alpha, \
                                const void* a, int lda, const void* x, int x_step, \
                                const void* beta, void* y, int y_step) { \
        if (x_step != 1 || y_step != 1) return NOT_SUPPORTED; \
        int m = t ? columns : rows; \
        int k = t ? rows : columns; \
        return submit_typed(TYPE, t, 0, m, 1, k, alpha, a, lda, x, k, beta, y, m); \
    }

GEMMS(S, F32)
GEMMS(D, F64)
GEMMS(C, C64)
GEMMS(Z, C128)

}  // extern "C"
