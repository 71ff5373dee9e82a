// Stand-in for cuBLASLt: descriptors with the checks of the real library, and cublasLtMatmul, which
// may be captured into a graph.  Numbers of attributes and statuses are those of cublasLt.h.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "gemm.h"
#include "library_support.h"

namespace {

enum Status {
    SUCCESS = 0,
    NOT_INITIALIZED = 1,
    INVALID_VALUE = 7,
    EXECUTION_FAILED = 13,
    NOT_SUPPORTED = 15,
};

enum Compute {
    C16F = 64,
    C16F_PEDANTIC = 65,
    C32F = 68,
    C32F_PEDANTIC = 69,
    C64F = 70,
    C64F_PEDANTIC = 71,
    C32F_FAST_16BF = 75,
    C32F_FAST_TF32 = 77,
};

enum Transpose { NO_TRANSPOSE, TRANSPOSE, CONJUGATE };
enum Order { COLUMN_MAJOR, ROW_MAJOR };

// Epilogues are sums of these, plus 1 for "default" where nothing else is set.
enum EpilogueBits {
    DEFAULT = 1,
    WITH_RELU = 2,
    WITH_BIAS = 4,
    WITH_RELU_SLOPE = 8,
    WITH_BIAS_GRADIENT = 16,
    WITH_GELU = 32,
    WITH_GELU_SLOPE = 64,
    WITH_AUX = 128,
    WITH_SUMS_OF_A = 256,
    WITH_SUMS_OF_B = 512,
};
constexpr int SLOPES = WITH_RELU_SLOPE | WITH_GELU_SLOPE;
constexpr int VECTOR_OUT = WITH_BIAS_GRADIENT | WITH_SUMS_OF_A | WITH_SUMS_OF_B;
constexpr int VECTORS = WITH_BIAS | VECTOR_OUT;
constexpr int BITS = WITH_RELU | WITH_RELU_SLOPE;  // whose aux is a mask
constexpr int EPILOGUES[] = {
    DEFAULT,
    WITH_RELU,
    WITH_BIAS,
    WITH_RELU | WITH_BIAS,
    WITH_GELU,
    WITH_GELU | WITH_BIAS,
    WITH_RELU | WITH_AUX,
    WITH_GELU | WITH_AUX,
    WITH_RELU | WITH_AUX | WITH_BIAS,
    WITH_GELU | WITH_AUX | WITH_BIAS,
    WITH_RELU_SLOPE | WITH_AUX,
    WITH_RELU_SLOPE | WITH_AUX | WITH_BIAS_GRADIENT,
    WITH_GELU_SLOPE | WITH_AUX,
    WITH_GELU_SLOPE | WITH_AUX | WITH_BIAS_GRADIENT,
    WITH_SUMS_OF_A,
    WITH_SUMS_OF_B,
};
constexpr uint64_t AUX_ALIGNMENT = 16;  // bytes, for the vector accesses of the real kernels
constexpr uint64_t MOST_ALIGNMENT = 256;

// Kernels of the real library have been seen to make 0 of NaN; tests also want one that does not.
bool relu_keeps_nan = false;

constexpr uint64_t HANDLE_MARK = 0x746C6F6D65ull;
constexpr uint64_t ALGORITHM_MARK = 0x6F676C61ull;

struct Handle {
    uint64_t mark = HANDLE_MARK;
};

struct Description {
    int32_t compute;
    int32_t scale_type;
    int32_t pointer_mode = 0;
    int32_t transpose_a = NO_TRANSPOSE;
    int32_t transpose_b = NO_TRANSPOSE;
    int32_t epilogue = DEFAULT;
    void* bias = nullptr;  // or where sums go
    int64_t bias_batch_stride = 0;
    void* aux = nullptr;
    int64_t aux_ld = 0;
    int64_t aux_batch_stride = 0;
    int32_t bias_type = -1;  // -1: that of D
};

struct Layout {
    int32_t type;
    int32_t order = COLUMN_MAJOR;
    uint64_t rows;
    uint64_t columns;
    int64_t ld;
    int32_t batch_count = 1;
    int64_t batch_stride = 0;

    int64_t smallest_ld() const { return order == COLUMN_MAJOR ? rows : columns; }
    long row_stride() const { return order == COLUMN_MAJOR ? 1 : ld; }
    long column_stride() const { return order == COLUMN_MAJOR ? ld : 1; }

    size_t nbytes() const {
        if (!rows || !columns) return 0;
        size_t last = (rows - 1) * row_stride() + (columns - 1) * column_stride();
        return ((batch_count - 1) * batch_stride + last + 1) * size_of(type);
    }
};

struct Preference {
    uint64_t max_workspace = 0;
    uint32_t alignments[4] = {MOST_ALIGNMENT, MOST_ALIGNMENT, MOST_ALIGNMENT, MOST_ALIGNMENT};
};

// An algorithm is for one epilogue, and for pointers that are multiples of some numbers of bytes.
struct Algorithm {
    uint64_t mark;
    uint64_t epilogue;
    uint64_t alignments[6];  // of A, B, C, D, the bias and aux
};

struct HeuristicResult {
    Algorithm algorithm;
    size_t workspace;
    int state;
    float waves;
    int reserved[4];
};

// A call with all that it needs copied out of the descriptors, which may change before a replay.
struct Job {
    Description description;
    Number alpha, beta;
    const void *a, *b, *c;
    void* d;
    Layout a_layout, b_layout, c_layout, d_layout;
};

// ---- attributes ---------------------------------------------------------------------------------

template <class T>
int set(T& field, const void* value, size_t nbytes) {
    if (nbytes < sizeof field) return INVALID_VALUE;
    memcpy(&field, value, sizeof field);
    return SUCCESS;
}

int set_description(Description& d, int attribute, const void* value, size_t nbytes) {
    switch (attribute) {
        case 0: return set(d.compute, value, nbytes);
        case 1: return set(d.scale_type, value, nbytes);
        case 2: return set(d.pointer_mode, value, nbytes);
        case 3: return set(d.transpose_a, value, nbytes);
        case 4: return set(d.transpose_b, value, nbytes);
        case 7: return set(d.epilogue, value, nbytes);
        case 8: return set(d.bias, value, nbytes);
        case 10: return set(d.bias_batch_stride, value, nbytes);
        case 11: return set(d.aux, value, nbytes);
        case 12: return set(d.aux_ld, value, nbytes);
        case 13: return set(d.aux_batch_stride, value, nbytes);
        case 26: return set(d.bias_type, value, nbytes);
        default: return INVALID_VALUE;
    }
}

int set_layout(Layout& l, int attribute, const void* value, size_t nbytes) {
    switch (attribute) {
        case 0: return set(l.type, value, nbytes);
        case 1: return set(l.order, value, nbytes);
        case 2: return set(l.rows, value, nbytes);
        case 3: return set(l.columns, value, nbytes);
        case 4: return set(l.ld, value, nbytes);
        case 5: return set(l.batch_count, value, nbytes);
        case 6: return set(l.batch_stride, value, nbytes);
        default: return INVALID_VALUE;
    }
}

// ---- checks -------------------------------------------------------------------------------------

bool is_any_of(int x, std::initializer_list<int> all) {
    return std::find(all.begin(), all.end(), x) != all.end();
}

// The table of cublasLtMatmul: which types go with which compute and scale types.
bool are_types_supported(const Description& d, int ab, int cd) {
    switch (d.compute) {
        case C16F:
        case C16F_PEDANTIC:
            return d.scale_type == F16 && ab == F16 && cd == F16;
        case C32F:
        case C32F_PEDANTIC:
            if (d.scale_type == C64) return ab == C64 && cd == C64;
            if (d.scale_type != F32) return false;
            if (ab == F32) return cd == F32;
            return is_any_of(ab, {F16, BF16}) && (cd == ab || cd == F32);
        case C32F_FAST_16BF:
        case C32F_FAST_TF32:
            if (d.scale_type == C64) return ab == C64 && cd == C64;
            return d.scale_type == F32 && ab == F32 && cd == F32;
        case C64F:
        case C64F_PEDANTIC:
            return is_any_of(d.scale_type, {F64, C128}) && ab == d.scale_type && cd == ab;
        default:
            return false;
    }
}

bool is_epilogue_supported(const Description& d, const Layout& out) {
    int e = d.epilogue;
    if (e == DEFAULT) return true;
    if (std::find(std::begin(EPILOGUES), std::end(EPILOGUES), e) == std::end(EPILOGUES)) return false;
    if (is_complex(out.type) || out.order != COLUMN_MAJOR) return false;
    // The sums are taken from what passes by while the product is computed.
    if (e & WITH_SUMS_OF_A && d.transpose_a != NO_TRANSPOSE) return false;
    if (e & WITH_SUMS_OF_B && d.transpose_b == NO_TRANSPOSE) return false;
    return d.bias_type < 0 || !(e & VECTORS) || d.bias_type == out.type;
}

// cublasLt.h: the leading dimension and the batch stride of aux.
int check_aux(const Description& d, const Layout& out) {
    if (!(d.epilogue & WITH_AUX)) return SUCCESS;
    int64_t unit = d.epilogue & BITS ? 128 : 8;
    if (d.aux_ld < int64_t(out.rows) || d.aux_ld % unit) return INVALID_VALUE;
    if (out.batch_count > 1 && d.aux_batch_stride % unit) return INVALID_VALUE;
    return SUCCESS;
}

uint64_t alignment_of(const void* pointer) {
    uint64_t bits = reinterpret_cast<uint64_t>(pointer) | MOST_ALIGNMENT;
    return bits & -bits;
}

bool is_transpose(int x) {
    return x == NO_TRANSPOSE || x == TRANSPOSE || x == CONJUGATE;
}

uint64_t rows_of(const Layout& l, int transpose) {
    return transpose == NO_TRANSPOSE ? l.rows : l.columns;
}

uint64_t columns_of(const Layout& l, int transpose) {
    return transpose == NO_TRANSPOSE ? l.columns : l.rows;
}

int check_layouts(const Description& d, const Layout& a, const Layout& b, const Layout& c,
                  const Layout& out) {
    for (const Layout* l : {&a, &b, &c, &out}) {
        if (l->ld < l->smallest_ld() || l->batch_count < 1) return INVALID_VALUE;
        if (l->order != COLUMN_MAJOR && l->order != ROW_MAJOR) return INVALID_VALUE;
    }
    if (!is_transpose(d.transpose_a) || !is_transpose(d.transpose_b)) return INVALID_VALUE;
    if (rows_of(a, d.transpose_a) != out.rows) return INVALID_VALUE;
    if (columns_of(b, d.transpose_b) != out.columns) return INVALID_VALUE;
    if (columns_of(a, d.transpose_a) != rows_of(b, d.transpose_b)) return INVALID_VALUE;
    if (c.rows != out.rows || c.columns != out.columns || c.type != out.type) return INVALID_VALUE;
    bool one_count = a.batch_count == b.batch_count && a.batch_count == c.batch_count &&
                     a.batch_count == out.batch_count;
    if (!one_count) return INVALID_VALUE;
    if (a.type != b.type || !are_types_supported(d, a.type, out.type)) return NOT_SUPPORTED;
    if (!is_epilogue_supported(d, out)) return NOT_SUPPORTED;
    return check_aux(d, out);
}

// What only matters when there is something to compute.
int check_pointers(const Description& d) {
    if (d.epilogue & VECTORS && !d.bias) return INVALID_VALUE;
    if (!(d.epilogue & WITH_AUX)) return SUCCESS;
    if (!d.aux) return d.epilogue & SLOPES ? INVALID_VALUE : NOT_SUPPORTED;
    return alignment_of(d.aux) < AUX_ALIGNMENT ? INVALID_VALUE : SUCCESS;
}

// Whether the pointers are aligned as the algorithm was told.
bool is_made_for(const Algorithm& algorithm, const Description& d, const void* a, const void* b,
                 const void* c, const void* out) {
    if (algorithm.mark != ALGORITHM_MARK || algorithm.epilogue != uint64_t(d.epilogue)) return false;
    const void* vector = d.epilogue & VECTORS ? d.bias : nullptr;
    const void* aux = d.epilogue & WITH_AUX ? d.aux : nullptr;
    const void* pointers[] = {a, b, c, out, vector, aux};
    for (int i = 0; i < 6; i++) {
        if (alignment_of(pointers[i]) < algorithm.alignments[i]) return false;
    }
    return true;
}

// ---- running ------------------------------------------------------------------------------------

bool are_operands_alive(const Job& x) {
    const Description& d = x.description;
    bool ok = emulator_is_device_memory(x.a, x.a_layout.nbytes()) &&
              emulator_is_device_memory(x.b, x.b_layout.nbytes()) &&
              emulator_is_device_memory(x.d, x.d_layout.nbytes());
    if (x.beta != 0.0) ok = ok && emulator_is_device_memory(x.c, x.c_layout.nbytes());
    if (d.epilogue & VECTORS) {
        size_t size = size_of(d.bias_type < 0 ? x.d_layout.type : d.bias_type);
        size_t length = d.epilogue & WITH_SUMS_OF_B ? x.d_layout.columns : x.d_layout.rows;
        ok = ok && emulator_is_device_memory(d.bias, length * size);
    }
    if (d.epilogue & WITH_AUX) {
        size_t elements = d.aux_ld * x.d_layout.columns;
        bool is_mask = d.epilogue & BITS;
        size_t nbytes = is_mask ? elements / 8 : elements * size_of(x.d_layout.type);
        ok = ok && emulator_is_device_memory(d.aux, nbytes);
    }
    return ok;
}

const char* batch_of(const void* data, const Layout& l, int batch) {
    return static_cast<const char*>(data) + batch * l.batch_stride * size_of(l.type);
}

Operand operand(const void* data, const Layout& l, int transpose, bool is_left) {
    long along_rows = l.row_stride();
    long along_columns = l.column_stride();
    bool rows_are_outer = (transpose == NO_TRANSPOSE) == is_left;
    return {data, l.type, rows_are_outer ? along_rows : along_columns,
            rows_are_outer ? along_columns : along_rows, transpose == CONJUGATE};
}

Epilogue epilogue_of(const Job& x, int batch) {
    const Description& d = x.description;
    Epilogue e = {};
    e.bias_type = d.bias_type < 0 ? x.d_layout.type : d.bias_type;
    char* vector = static_cast<char*>(d.bias) + batch * d.bias_batch_stride * size_of(e.bias_type);
    if (d.epilogue & WITH_BIAS) e.bias = vector;
    if (d.epilogue & VECTOR_OUT) e.sums = vector;
    if (d.epilogue & WITH_BIAS_GRADIENT) e.which_sums = SUMS_OF_D;
    if (d.epilogue & WITH_SUMS_OF_A) e.which_sums = SUMS_OF_A;
    if (d.epilogue & WITH_SUMS_OF_B) e.which_sums = SUMS_OF_B;
    e.relu_keeps_nan = relu_keeps_nan;
    if (d.epilogue & WITH_RELU) e.activation = RELU;
    if (d.epilogue & WITH_GELU) e.activation = GELU;
    if (d.epilogue & WITH_RELU_SLOPE) e.activation = RELU_SLOPE;
    if (d.epilogue & WITH_GELU_SLOPE) e.activation = GELU_SLOPE;
    if (d.epilogue & WITH_AUX) {
        size_t elements = batch * d.aux_batch_stride;
        bool is_mask = d.epilogue & BITS;
        size_t offset = is_mask ? elements / 8 : elements * size_of(x.d_layout.type);
        e.aux = static_cast<char*>(d.aux) + offset;
        e.aux_ld = d.aux_ld;
    }
    return e;
}

Gemm gemm_of(const Job& x, int batch) {
    const Description& d = x.description;
    Gemm g = {};
    g.m = x.d_layout.rows;
    g.n = x.d_layout.columns;
    g.k = columns_of(x.a_layout, d.transpose_a);
    g.a = operand(batch_of(x.a, x.a_layout, batch), x.a_layout, d.transpose_a, true);
    g.b = operand(batch_of(x.b, x.b_layout, batch), x.b_layout, d.transpose_b, false);
    g.alpha = x.alpha;
    g.beta = x.beta;
    g.c = batch_of(x.c, x.c_layout, batch);
    g.d = const_cast<char*>(batch_of(x.d, x.d_layout, batch));
    g.type = x.d_layout.type;
    g.c_row_stride = x.c_layout.row_stride();
    g.c_column_stride = x.c_layout.column_stride();
    g.d_row_stride = x.d_layout.row_stride();
    g.d_column_stride = x.d_layout.column_stride();
    g.in_double = d.compute == C64F || d.compute == C64F_PEDANTIC;
    g.kept_bits = d.compute == C32F_FAST_TF32 ? 10 : d.compute == C32F_FAST_16BF ? 7 : 0;
    g.epilogue = epilogue_of(x, batch);
    return g;
}

int run(const void* job) {
    const Job& x = *static_cast<const Job*>(job);
    if (!are_operands_alive(x)) return EXECUTION_FAILED;
    for (int i = 0; i < x.d_layout.batch_count; i++) gemm(gemm_of(x, i));
    return SUCCESS;
}

bool is_handle(const Handle* handle) {
    return handle && handle->mark == HANDLE_MARK;
}

template <class T>
int destroy(T* object) {
    delete object;
    return SUCCESS;
}

}  // namespace

extern "C" {

void emulator_relu_keeps_nan(int keeps) {
    relu_keeps_nan = keeps;
}

size_t cublasLtGetVersion() {
    return 130000;
}

int cublasLtCreate(Handle** out) {
    if (!out) return INVALID_VALUE;
    *out = new Handle;
    return SUCCESS;
}

int cublasLtDestroy(Handle* handle) {
    if (!is_handle(handle)) return NOT_INITIALIZED;
    handle->mark = 0;
    return destroy(handle);
}

int cublasLtMatmulDescCreate(Description** out, int compute, int scale_type) {
    if (!out || !size_of(scale_type)) return INVALID_VALUE;
    *out = new Description{compute, scale_type};
    return SUCCESS;
}

int cublasLtMatmulDescDestroy(Description* description) {
    return destroy(description);
}

int cublasLtMatmulDescSetAttribute(Description* description, int attribute, const void* value,
                                   size_t nbytes) {
    if (!description || !value) return INVALID_VALUE;
    return set_description(*description, attribute, value, nbytes);
}

int cublasLtMatrixLayoutCreate(Layout** out, int type, uint64_t rows, uint64_t columns,
                               int64_t ld) {
    if (!out || !size_of(type)) return INVALID_VALUE;
    *out = new Layout{type, COLUMN_MAJOR, rows, columns, ld};
    return SUCCESS;
}

int cublasLtMatrixLayoutDestroy(Layout* layout) {
    return destroy(layout);
}

int cublasLtMatrixLayoutSetAttribute(Layout* layout, int attribute, const void* value,
                                     size_t nbytes) {
    if (!layout || !value) return INVALID_VALUE;
    return set_layout(*layout, attribute, value, nbytes);
}

int cublasLtMatmulPreferenceCreate(Preference** out) {
    if (!out) return INVALID_VALUE;
    *out = new Preference;
    return SUCCESS;
}

int cublasLtMatmulPreferenceDestroy(Preference* preference) {
    return destroy(preference);
}

int cublasLtMatmulPreferenceSetAttribute(Preference* preference, int attribute, const void* value,
                                         size_t nbytes) {
    constexpr int MAX_WORKSPACE_BYTES = 1;
    constexpr int MIN_ALIGNMENT_A = 5;
    constexpr int MIN_ALIGNMENT_D = 8;
    constexpr int LAST_ATTRIBUTE = 11;
    if (!preference || !value || attribute < 0 || attribute > LAST_ATTRIBUTE) return INVALID_VALUE;
    if (attribute == MAX_WORKSPACE_BYTES) return set(preference->max_workspace, value, nbytes);
    if (attribute < MIN_ALIGNMENT_A || attribute > MIN_ALIGNMENT_D) return SUCCESS;  // masks
    return set(preference->alignments[attribute - MIN_ALIGNMENT_A], value, nbytes);
}

int cublasLtMatmulAlgoGetHeuristic(Handle* handle, Description* description, Layout* a, Layout* b,
                                   Layout* c, Layout* d, Preference* preference, int wanted,
                                   HeuristicResult* results, int* found) {
    if (!is_handle(handle)) return NOT_INITIALIZED;
    if (!description || !a || !b || !c || !d || !preference) return INVALID_VALUE;
    if (wanted < 1 || !results || !found) return INVALID_VALUE;
    *found = 0;
    int status = check_layouts(*description, *a, *b, *c, *d);
    if (status) return status;
    bool has_aux = description->epilogue & WITH_AUX;
    if (has_aux && alignment_of(description->aux) < AUX_ALIGNMENT) return NOT_SUPPORTED;
    *found = 1;
    results[0] = {};
    Algorithm& algorithm = results[0].algorithm;
    algorithm.mark = ALGORITHM_MARK;
    algorithm.epilogue = description->epilogue;
    std::copy_n(preference->alignments, 4, algorithm.alignments);
    algorithm.alignments[4] = alignment_of(description->bias);
    algorithm.alignments[5] = alignment_of(description->aux);
    results[0].waves = 1;
    return SUCCESS;
}

int cublasLtMatmul(Handle* handle, Description* description, const void* alpha, const void* a,
                   Layout* a_layout, const void* b, Layout* b_layout, const void* beta,
                   const void* c, Layout* c_layout, void* d, Layout* d_layout,
                   const Algorithm* algorithm, void* workspace, size_t workspace_nbytes,
                   void* stream) {
    if (!is_handle(handle)) return NOT_INITIALIZED;
    if (!description || !a_layout || !b_layout || !c_layout || !d_layout) return INVALID_VALUE;
    if (!alpha || !beta || !a || !b || !d) return INVALID_VALUE;
    if (description->pointer_mode != 0) return NOT_SUPPORTED;  // scalars on the host only
    if (algorithm && !is_made_for(*algorithm, *description, a, b, c, d)) return INVALID_VALUE;
    if (workspace && !emulator_is_device_memory(workspace, workspace_nbytes)) return INVALID_VALUE;
    int status = check_layouts(*description, *a_layout, *b_layout, *c_layout, *d_layout);
    if (!status) status = check_pointers(*description);
    if (status) return status;
    Job job = {*description};
    job.alpha = load(alpha, description->scale_type);
    job.beta = load(beta, description->scale_type);
    if (job.beta != 0.0 && !c) return INVALID_VALUE;
    job.a = a;
    job.b = b;
    job.c = c;
    job.d = d;
    job.a_layout = *a_layout;
    job.b_layout = *b_layout;
    job.c_layout = *c_layout;
    job.d_layout = *d_layout;
    return emulator_submit(stream, "cublasLtMatmul", run, &job, sizeof job);
}

}  // extern "C"
