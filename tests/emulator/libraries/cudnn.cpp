// Stand-in for cuDNN: handles, and convolution of images (N, H, W, C) with the checks of the real
// library.  Its list of algorithms begins with some that a careful caller does not take.
#include "cudnn.h"

#include <algorithm>
#include <cstdio>

using namespace cudnn;

namespace {

constexpr int CROSS_CORRELATION = 1;
constexpr int NHWC = 1;
constexpr size_t ENORMOUS = size_t(1) << 40;
constexpr size_t IMPOSSIBLE = ENORMOUS + 1;  // listed, and refused when it is asked for

int status_of_create = SUCCESS;

struct Filter {
    int type = -1;
    int o, c, h, w;  // c: of one group
};

struct Convolution {
    int pads[2], strides[2], dilation[2];
    int compute = -1;
    int groups = 1;
    int math = DEFAULT_MATH;
};

struct Performance {
    int algorithm;
    int status;
    float time;
    size_t memory;
    int determinism;
    int math;
    int reserved[3];
};

struct Algorithm {
    int number;
    bool is_deterministic;
    bool is_possible;
    size_t memory;
};

enum Direction { FORWARD, BACKWARD_DATA, BACKWARD_FILTER };

// In the order of the time they are said to take.
const std::vector<Algorithm> ALGORITHMS[] = {
    {{6, true, false, 0},
     {7, true, true, 4096},
     {2, true, true, ENORMOUS},
     {3, true, true, IMPOSSIBLE},
     {1, true, true, 1000},
     {0, true, true, 0}},
    {{4, true, true, 4096}, {0, false, true, 0}, {1, true, true, 512}},
    {{5, true, true, 4096}, {3, false, true, 2048}, {0, false, true, 0}, {1, true, true, 768}},
};

struct Sizes {
    long n, c, h, w, o, oh, ow, kh, kw, cg, og;
};

struct Job {
    Direction direction;
    Sizes sizes;
    Convolution how;
    int type;
    double alpha, beta;
    const void* a;
    const void* b;
    void* out;
    void* workspace;
    size_t workspace_nbytes;
};

bool is_packed_nhwc(const Tensor& t) {
    if (t.sizes.size() != 4) return false;
    int c = t.sizes[1], h = t.sizes[2], w = t.sizes[3];
    return t.strides == std::vector<int>{h * w * c, 1, w * c, c};
}

int output_size(const Convolution& how, int axis, int size, int window) {
    int reach = (window - 1) * how.dilation[axis] + 1;
    return (size + 2 * how.pads[axis] - reach) / how.strides[axis] + 1;
}

int check(const Tensor& x, const Filter& w, const Convolution& how, const Tensor& y) {
    if (!is_packed_nhwc(x) || !is_packed_nhwc(y)) return NOT_SUPPORTED_LAYOUT;
    if (x.type != w.type || x.type != y.type) return BAD_PARAM;
    if (how.compute != (x.type == DOUBLE ? DOUBLE : FLOAT)) return BAD_PARAM;
    if (x.sizes[1] != w.c * how.groups || w.o % how.groups) return SHAPE_MISMATCH;
    std::vector<int> expected = {x.sizes[0], w.o, output_size(how, 0, x.sizes[2], w.h),
                                 output_size(how, 1, x.sizes[3], w.w)};
    return y.sizes == expected ? SUCCESS : SHAPE_MISMATCH;
}

Sizes sizes_of(const Tensor& x, const Filter& w, const Convolution& how, const Tensor& y) {
    return {x.sizes[0], x.sizes[1], x.sizes[2], x.sizes[3], w.o,
            y.sizes[2], y.sizes[3], w.h,        w.w,        w.c, w.o / how.groups};
}

// ---- computing ----------------------------------------------------------------------------------

// Calls visit(place in x, place in w, place in y) for each product.
template <class Visit>
void for_each_product(const Sizes& s, const Convolution& how, Visit visit) {
    for (long n = 0; n < s.n; n++)
    for (long oh = 0; oh < s.oh; oh++)
    for (long ow = 0; ow < s.ow; ow++)
    for (long i = 0; i < s.kh; i++)
    for (long j = 0; j < s.kw; j++) {
        long h = oh * how.strides[0] - how.pads[0] + i * how.dilation[0];
        long w = ow * how.strides[1] - how.pads[1] + j * how.dilation[1];
        if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
        long x = ((n * s.h + h) * s.w + w) * s.c;
        long y = ((n * s.oh + oh) * s.ow + ow) * s.o;
        for (long o = 0; o < s.o; o++) {
            long filter = ((o * s.kh + i) * s.kw + j) * s.cg;
            for (long c = 0; c < s.cg; c++) visit(x + o / s.og * s.cg + c, filter + c, y + o);
        }
    }
}

size_t count_of(const Sizes& s, char which) {
    switch (which) {
        case 'x': return s.n * s.h * s.w * s.c;
        case 'w': return s.o * s.kh * s.kw * s.cg;
        default: return s.n * s.oh * s.ow * s.o;
    }
}

// What the three operands of each direction are: both factors and the result.
const char* operands(Direction direction) {
    return direction == FORWARD ? "xwy" : direction == BACKWARD_DATA ? "wyx" : "xyw";
}

int run(const void* job) {
    const Job& x = *static_cast<const Job*>(job);
    const char* names = operands(x.direction);
    size_t counts[3];
    const void* pointers[] = {x.a, x.b, x.out};
    for (int i = 0; i < 3; i++) {
        counts[i] = count_of(x.sizes, names[i]);
        size_t nbytes = counts[i] * size_of_type(x.type);
        if (!emulator_is_device_memory(pointers[i], nbytes)) return EXECUTION_FAILED;
    }
    if (x.workspace_nbytes) memset(x.workspace, 0xFF, x.workspace_nbytes);  // NaN to anybody else
    std::vector<double> a = read(x.a, x.type, counts[0]), b = read(x.b, x.type, counts[1]);
    if (x.type == FLOAT && x.how.math != FMA_MATH) {  // TF32
        for (auto* values : {&a, &b}) {
            for (double& value : *values) value = round_mantissa(float(value), 10);
        }
    }
    std::vector<double> sums(counts[2]);
    for_each_product(x.sizes, x.how, [&](long at_x, long at_w, long at_y) {
        switch (x.direction) {
            case FORWARD: sums[at_y] += a[at_x] * b[at_w]; break;
            case BACKWARD_DATA: sums[at_x] += a[at_w] * b[at_y]; break;
            case BACKWARD_FILTER: sums[at_w] += a[at_x] * b[at_y]; break;
        }
    });
    std::vector<double> before(counts[2]);
    if (x.beta) before = read(x.out, x.type, counts[2]);
    for (size_t i = 0; i < sums.size(); i++) sums[i] = x.alpha * sums[i] + x.beta * before[i];
    write(x.out, x.type, sums);
    return SUCCESS;
}

// ---- asking and launching -----------------------------------------------------------------------

const Algorithm* find(Direction direction, int number) {
    for (const Algorithm& one : ALGORITHMS[direction]) {
        if (one.number == number && one.is_possible) return &one;
    }
    return nullptr;
}

int choose(Direction direction, Handle* handle, const Tensor* x, const Filter* w,
           const Convolution* how, const Tensor* y, int wanted, int* count, Performance* results) {
    int status = check_handle(handle);
    if (status) return status;
    if (!x || !w || !how || !y || !count || !results) return NULL_POINTER;
    if (wanted < 1) return BAD_PARAM;
    status = check(*x, *w, *how, *y);
    if (status) return status;
    *count = 0;
    for (const Algorithm& one : ALGORITHMS[direction]) {
        if (*count == wanted) break;
        bool is_possible = one.is_possible && x->type != DOUBLE;  // as if there were none for it
        Performance& p = results[(*count)++];
        p.algorithm = one.number;
        p.status = is_possible ? SUCCESS : NOT_SUPPORTED;
        p.time = float(*count);
        p.memory = one.memory;
        p.determinism = one.is_deterministic;
        p.math = how->math;
    }
    return SUCCESS;
}

int measure(Direction direction, Handle* handle, const Tensor* x, const Filter* w,
            const Convolution* how, const Tensor* y, int algorithm, size_t* nbytes) {
    int status = check_handle(handle);
    if (status) return status;
    if (!x || !w || !how || !y || !nbytes) return NULL_POINTER;
    status = check(*x, *w, *how, *y);
    if (status) return status;
    const Algorithm* found = find(direction, algorithm);
    if (!found || found->memory == IMPOSSIBLE) return NOT_SUPPORTED;
    *nbytes = found->memory;
    return SUCCESS;
}

double factor(const void* value, int type) {
    return type == DOUBLE ? *static_cast<const double*>(value) : *static_cast<const float*>(value);
}

int launch(Direction direction, Handle* handle, const void* alpha, const Tensor* x, const Filter* w,
           const Convolution* how, const Tensor* y, const void* a, const void* b, int algorithm,
           void* workspace, size_t nbytes, const void* beta, void* out) {
    size_t needed = 0;
    int status = measure(direction, handle, x, w, how, y, algorithm, &needed);
    if (status) return status;
    if (status_of_launch) return status_of_launch;
    if (!alpha || !beta || !a || !b || !out) return NULL_POINTER;
    if (!is_aligned(a) || !is_aligned(b) || !is_aligned(out)) return MISALIGNED_POINTER;
    if (nbytes < needed) return SIZE_INSUFFICIENT;
    if (needed && !emulator_is_device_memory(workspace, nbytes)) return BAD_PARAM;
    Job job = {direction, sizes_of(*x, *w, *how, *y), *how, x->type};
    job.alpha = factor(alpha, x->type);
    job.beta = factor(beta, x->type);
    job.a = a;
    job.b = b;
    job.out = out;
    job.workspace = workspace;
    job.workspace_nbytes = needed;
    return emulator_submit(handle->stream, "cudnnConvolution", run, &job, sizeof job);
}

}  // namespace

int cudnn::status_of_launch = SUCCESS;

int cudnn::check_handle(const Handle* handle) {
    if (!handle || handle->mark != HANDLE_MARK) return NOT_INITIALIZED;
    return handle->device == emulator_current_device() ? SUCCESS : BAD_PARAM;
}

extern "C" {

// For tests: what cudnnCreate and the launches answer from now on.
void emulator_cudnn_statuses(int create, int launch) {
    status_of_create = create;
    status_of_launch = launch;
}

size_t cudnnGetVersion() {
    return 92800;
}

const char* cudnnGetErrorString(int status) {
    switch (status) {
        case SUCCESS: return "CUDNN_STATUS_SUCCESS";
        case NOT_INITIALIZED: return "CUDNN_STATUS_NOT_INITIALIZED";
        case NOT_SUPPORTED: return "CUDNN_STATUS_NOT_SUPPORTED";
        case EXECUTION_FAILED: return "CUDNN_STATUS_EXECUTION_FAILED";
        default: return "CUDNN_STATUS_BAD_PARAM";
    }
}

void cudnnGetLastErrorString(char* message, size_t size) {
    snprintf(message, size, "%s", "the stand-in keeps no words");
}

int cudnnCreate(Handle** out) {
    if (!out) return NULL_POINTER;
    if (status_of_create) return status_of_create;
    *out = new Handle{HANDLE_MARK, emulator_current_device(), nullptr};
    return SUCCESS;
}

int cudnnDestroy(Handle* handle) {
    return destroy(handle);
}

int cudnnSetStream(Handle* handle, void* stream) {
    int status = check_handle(handle);
    if (!status) handle->stream = stream;
    return status;
}

int cudnnCreateTensorDescriptor(Tensor** out) { return create(out); }
int cudnnCreateFilterDescriptor(Filter** out) { return create(out); }
int cudnnCreateConvolutionDescriptor(Convolution** out) { return create(out); }
int cudnnDestroyTensorDescriptor(Tensor* t) { return destroy(t); }
int cudnnDestroyFilterDescriptor(Filter* f) { return destroy(f); }
int cudnnDestroyConvolutionDescriptor(Convolution* c) { return destroy(c); }

int cudnnSetTensorNdDescriptor(Tensor* t, int type, int count, const int* sizes,
                               const int* strides) {
    if (!t || !sizes || !strides) return NULL_POINTER;
    if (data_type(type) < 0 || count < 3 || count > 8) return BAD_PARAM;
    for (int i = 0; i < count; i++) {
        if (sizes[i] < 1 || strides[i] < 1) return BAD_PARAM;
    }
    *t = {type, {sizes, sizes + count}, {strides, strides + count}};
    return SUCCESS;
}

int cudnnSetFilterNdDescriptor(Filter* f, int type, int format, int count, const int* sizes) {
    if (!f || !sizes) return NULL_POINTER;
    if (data_type(type) < 0 || count != 4) return BAD_PARAM;
    if (format != NHWC) return NOT_SUPPORTED_LAYOUT;
    if (*std::min_element(sizes, sizes + 4) < 1) return BAD_PARAM;
    *f = {type, sizes[0], sizes[1], sizes[2], sizes[3]};
    return SUCCESS;
}

int cudnnSetConvolutionNdDescriptor(Convolution* c, int count, const int* pads, const int* strides,
                                    const int* dilation, int mode, int compute) {
    if (!c || !pads || !strides || !dilation) return NULL_POINTER;
    if (count != 2 || data_type(compute) < 0) return BAD_PARAM;
    if (mode != CROSS_CORRELATION) return NOT_SUPPORTED;
    for (int i = 0; i < 2; i++) {
        if (pads[i] < 0 || strides[i] < 1 || dilation[i] < 1) return BAD_PARAM;
        c->pads[i] = pads[i];
        c->strides[i] = strides[i];
        c->dilation[i] = dilation[i];
    }
    c->compute = compute;
    return SUCCESS;
}

int cudnnSetConvolutionGroupCount(Convolution* c, int groups) {
    if (!c) return NULL_POINTER;
    if (groups < 1) return BAD_PARAM;
    c->groups = groups;
    return SUCCESS;
}

int cudnnSetConvolutionMathType(Convolution* c, int math) {
    if (!c) return NULL_POINTER;
    if (math < DEFAULT_MATH || math > FMA_MATH) return BAD_PARAM;
    c->math = math;
    return SUCCESS;
}

int cudnnGetConvolutionNdForwardOutputDim(const Convolution* how, const Tensor* x, const Filter* w,
                                          int count, int* sizes) {
    if (!how || !x || !w || !sizes) return NULL_POINTER;
    if (count != 4 || x->sizes.size() != 4) return BAD_PARAM;
    if (x->sizes[1] != w->c * how->groups) return BAD_PARAM;
    sizes[0] = x->sizes[0];
    sizes[1] = w->o;
    sizes[2] = output_size(*how, 0, x->sizes[2], w->h);
    sizes[3] = output_size(*how, 1, x->sizes[3], w->w);
    return SUCCESS;
}

int cudnnGetConvolutionForwardAlgorithm_v7(Handle* handle, Tensor* x, Filter* w, Convolution* how,
                                           Tensor* y, int wanted, int* count,
                                           Performance* results) {
    return choose(FORWARD, handle, x, w, how, y, wanted, count, results);
}

int cudnnGetConvolutionBackwardDataAlgorithm_v7(Handle* handle, Filter* w, Tensor* dy,
                                                Convolution* how, Tensor* dx, int wanted,
                                                int* count, Performance* results) {
    return choose(BACKWARD_DATA, handle, dx, w, how, dy, wanted, count, results);
}

int cudnnGetConvolutionBackwardFilterAlgorithm_v7(Handle* handle, Tensor* x, Tensor* dy,
                                                  Convolution* how, Filter* dw, int wanted,
                                                  int* count, Performance* results) {
    return choose(BACKWARD_FILTER, handle, x, dw, how, dy, wanted, count, results);
}

int cudnnGetConvolutionForwardWorkspaceSize(Handle* handle, Tensor* x, Filter* w, Convolution* how,
                                            Tensor* y, int algorithm, size_t* nbytes) {
    return measure(FORWARD, handle, x, w, how, y, algorithm, nbytes);
}

int cudnnGetConvolutionBackwardDataWorkspaceSize(Handle* handle, Filter* w, Tensor* dy,
                                                 Convolution* how, Tensor* dx, int algorithm,
                                                 size_t* nbytes) {
    return measure(BACKWARD_DATA, handle, dx, w, how, dy, algorithm, nbytes);
}

int cudnnGetConvolutionBackwardFilterWorkspaceSize(Handle* handle, Tensor* x, Tensor* dy,
                                                   Convolution* how, Filter* dw, int algorithm,
                                                   size_t* nbytes) {
    return measure(BACKWARD_FILTER, handle, x, dw, how, dy, algorithm, nbytes);
}

int cudnnConvolutionForward(Handle* handle, const void* alpha, Tensor* x_description, const void* x,
                            Filter* w_description, const void* w, Convolution* how, int algorithm,
                            void* workspace, size_t nbytes, const void* beta,
                            Tensor* y_description, void* y) {
    return launch(FORWARD, handle, alpha, x_description, w_description, how, y_description, x, w,
                  algorithm, workspace, nbytes, beta, y);
}

int cudnnConvolutionBackwardData(Handle* handle, const void* alpha, Filter* w_description,
                                 const void* w, Tensor* dy_description, const void* dy,
                                 Convolution* how, int algorithm, void* workspace, size_t nbytes,
                                 const void* beta, Tensor* dx_description, void* dx) {
    return launch(BACKWARD_DATA, handle, alpha, dx_description, w_description, how, dy_description,
                  w, dy, algorithm, workspace, nbytes, beta, dx);
}

int cudnnConvolutionBackwardFilter(Handle* handle, const void* alpha, Tensor* x_description,
                                   const void* x, Tensor* dy_description, const void* dy,
                                   Convolution* how, int algorithm, void* workspace, size_t nbytes,
                                   const void* beta, Filter* dw_description, void* dw) {
    return launch(BACKWARD_FILTER, handle, alpha, x_description, dw_description, how,
                  dy_description, x, dy, algorithm, workspace, nbytes, beta, dw);
}

}  // extern "C"
