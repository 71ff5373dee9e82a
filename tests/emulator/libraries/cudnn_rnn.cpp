// Stand-in for the recurrent layers of cuDNN: one layer of LSTM or GRU in one direction, sequences
// of one length.  Its spaces have a layout of their own, as those of the real library do.
#include "cudnn.h"

#include <algorithm>
#include <cmath>

using namespace cudnn;

namespace {

enum Mode { LSTM = 2, GRU = 3 };
enum BiasMode { NO_BIAS, SINGLE_INPUT_BIAS, DOUBLE_BIAS };
enum ForwardMode { INFERENCE, TRAINING };
constexpr int PACKED = 1;        // CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED
constexpr int ADD_GRADIENT = 0;  // CUDNN_WGRAD_MODE_ADD
constexpr size_t WORKSPACE = 640;
constexpr double AFTER_FORWARD = 77001, AFTER_BACKWARD_DATA = 77002;

struct Dropout {
    bool is_set = false;
};

struct Layer {
    int mode = -1, bias_mode, type, math, features, units;

    int gates() const { return mode == LSTM ? 4 : 3; }
    int biases() const { return bias_mode == DOUBLE_BIAS ? 2 : bias_mode == NO_BIAS ? 0 : 1; }

    // Blocks: input matrices, recurrent ones, biases of both; each begins at a multiple of 8.
    size_t start(int block) const {
        size_t sizes[] = {size_t(gates()) * units * features, size_t(gates()) * units * units,
                          size_t(gates()) * units, size_t(gates()) * units};
        size_t start = 0;
        for (int i = 0; i < block; i++) start += (sizes[i] + 7) / 8 * 8;
        return start;
    }
    size_t weights() const { return start(2 + biases()); }
};

struct Sequences {
    int type = -1, steps, batch, size;
};

// What a step leaves in the reserve space, for one unit of one sequence.
struct Kept {
    double gates[4];
    double cell, inner;        // LSTM's c, and GRU's h R_h + b
    double of_input[4];        // gradients for the arguments of the gates ...
    double of_recurrent[4];    // ... by way of both products
};

struct Job {
    Layer layer;
    int steps, batch;
    bool is_training;
    const int* lengths;
    const void *x, *y, *dy, *hx, *cx, *dcy, *weights;
    void *y_out, *cy, *hy, *dx, *dhx, *dcx, *dweights, *reserve, *workspace;
    size_t workspace_nbytes;
};

size_t reserve_nbytes(int steps, int batch, int units) {
    return sizeof(double) + sizeof(Kept) * steps * batch * units;
}

double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

double rounded_to(int type, double value) {
    double room;
    store(&room, data_type(type), value);
    return load(&room, data_type(type)).real();
}

// ---- what the three jobs have in common ---------------------------------------------------------

struct Run {
    const Job& job;
    const Layer& layer;
    long steps, batch, units, features, gates;
    std::vector<double> x, y, h, c, w;
    Kept* kept;

    explicit Run(const Job& j)
        : job(j), layer(j.layer), steps(j.steps), batch(j.batch), units(layer.units),
          features(layer.features), gates(layer.gates()) {
        auto get = [&](const void* data, size_t count) {
            std::vector<double> values(count);
            if (data) values = read(data, layer.type, count);
            if (layer.type == FLOAT && layer.math != FMA_MATH) {  // TF32
                for (double& value : values) value = round_mantissa(float(value), 10);
            }
            return values;
        };
        x = get(j.x, steps * batch * features);
        y = get(j.y, steps * batch * units);
        h = get(j.hx, batch * units);
        c = get(j.cx, batch * units);
        if (j.weights) w = get(j.weights, layer.weights());
        kept = reinterpret_cast<Kept*>(static_cast<double*>(j.reserve) + 1);
        if (j.workspace_nbytes) memset(j.workspace, 0xFF, j.workspace_nbytes);
    }

    double input_weight(long gate, long unit, long k) const {
        return w[layer.start(0) + (gate * units + unit) * features + k];
    }
    double recurrent_weight(long gate, long unit, long k) const {
        return w[layer.start(1) + (gate * units + unit) * units + k];
    }
    double bias(int side, long gate, long unit) const {
        return side < layer.biases() ? w[layer.start(2 + side) + gate * units + unit] : 0;
    }
    // The state before step t.
    double before(long t, long b, long k) const {
        return t ? y[((t - 1) * batch + b) * units + k] : h[b * units + k];
    }
    Kept& at(long t, long b, long k) const { return kept[(t * batch + b) * units + k]; }
};

int forward(const void* data) {
    const Job& job = *static_cast<const Job*>(data);
    for (int b = 0; b < job.batch; b++) {
        if (job.lengths[b] != job.steps) return EXECUTION_FAILED;
    }
    Run r(job);
    std::vector<double> c = r.c;
    r.y.assign(r.steps * r.batch * r.units, 0);
    for (long t = 0; t < r.steps; t++)
    for (long b = 0; b < r.batch; b++)
    for (long u = 0; u < r.units; u++) {
        double in[4], rec[4];
        for (long g = 0; g < r.gates; g++) {
            in[g] = r.bias(0, g, u);
            rec[g] = r.bias(1, g, u);
            const double* x = &r.x[(t * r.batch + b) * r.features];
            for (long k = 0; k < r.features; k++) in[g] += r.input_weight(g, u, k) * x[k];
            for (long k = 0; k < r.units; k++) {
                rec[g] += r.recurrent_weight(g, u, k) * r.before(t, b, k);
            }
        }
        Kept found = {};
        double& cell = c[b * r.units + u];
        double value;
        if (r.layer.mode == LSTM) {
            for (int g : {0, 1, 3}) found.gates[g] = sigmoid(in[g] + rec[g]);
            found.gates[2] = tanh(in[2] + rec[2]);
            cell = found.gates[1] * cell + found.gates[0] * found.gates[2];
            found.cell = cell;
            value = found.gates[3] * tanh(cell);
        } else {
            double reset = found.gates[0] = sigmoid(in[0] + rec[0]);
            double update = found.gates[1] = sigmoid(in[1] + rec[1]);
            double fresh = found.gates[2] = tanh(in[2] + reset * rec[2]);
            found.inner = rec[2];
            value = (1 - update) * fresh + update * r.before(t, b, u);
        }
        r.y[(t * r.batch + b) * r.units + u] = rounded_to(r.layer.type, value);
        if (job.is_training) r.at(t, b, u) = found;
    }
    if (job.is_training) *static_cast<double*>(job.reserve) = AFTER_FORWARD;
    write(job.y_out, r.layer.type, r.y);
    if (job.cy) write(job.cy, r.layer.type, c);
    if (job.hy) write(job.hy, r.layer.type, {r.y.end() - r.batch * r.units, r.y.end()});
    return SUCCESS;
}

// The gradients for the arguments of the gates of one unit; returns what goes on to the state (GRU)
// or to the cell (LSTM) before.
double through_step(const Run& r, Kept& k, double dh, double dc, double before,
                    double cell_before) {
    double* in = k.of_input;
    double* rec = k.of_recurrent;
    if (r.layer.mode == LSTM) {
        double i = k.gates[0], f = k.gates[1], g = k.gates[2], o = k.gates[3], value = tanh(k.cell);
        dc += dh * o * (1 - value * value);
        in[0] = dc * g * i * (1 - i);
        in[1] = dc * cell_before * f * (1 - f);
        in[2] = dc * i * (1 - g * g);
        in[3] = dh * value * o * (1 - o);
        std::copy(in, in + 4, rec);
        return dc * f;
    }
    double reset = k.gates[0], update = k.gates[1], fresh = k.gates[2];
    in[2] = dh * (1 - update) * (1 - fresh * fresh);
    in[1] = dh * (before - fresh) * update * (1 - update);
    in[0] = in[2] * k.inner * reset * (1 - reset);
    rec[0] = in[0];
    rec[1] = in[1];
    rec[2] = in[2] * reset;
    return dh * update;
}

int backward_data(const void* data) {
    const Job& job = *static_cast<const Job*>(data);
    double& mark = *static_cast<double*>(job.reserve);
    if (mark != AFTER_FORWARD) return EXECUTION_FAILED;
    mark = AFTER_BACKWARD_DATA;
    Run r(job);
    int type = r.layer.type;
    std::vector<double> dy = read(job.dy, type, r.y.size()), dx(r.x.size());
    std::vector<double> dh(r.batch * r.units), dc(r.batch * r.units);
    if (job.dcy) dc = read(job.dcy, type, dc.size());
    for (long t = r.steps - 1; t >= 0; t--) {
        std::vector<double> next(dh.size());
        for (long b = 0; b < r.batch; b++)
        for (long u = 0; u < r.units; u++) {
            long place = b * r.units + u;
            double arriving = dh[place] + dy[t * dh.size() + place];
            double cell_before = t ? r.at(t - 1, b, u).cell : r.c[place];
            Kept& k = r.at(t, b, u);
            double on = through_step(r, k, arriving, dc[place], r.before(t, b, u), cell_before);
            if (r.layer.mode == LSTM) dc[place] = on;
            else next[place] += on;
            for (long g = 0; g < r.gates; g++) {
                for (long i = 0; i < r.units; i++) {
                    next[b * r.units + i] += k.of_recurrent[g] * r.recurrent_weight(g, u, i);
                }
                double* row = &dx[(t * r.batch + b) * r.features];
                for (long i = 0; i < r.features; i++) {
                    row[i] += k.of_input[g] * r.input_weight(g, u, i);
                }
            }
        }
        dh = next;
    }
    write(job.dx, type, dx);
    write(job.dhx, type, dh);
    if (job.dcx) write(job.dcx, type, dc);
    return SUCCESS;
}

int backward_weights(const void* data) {
    const Job& job = *static_cast<const Job*>(data);
    if (*static_cast<double*>(job.reserve) != AFTER_BACKWARD_DATA) return EXECUTION_FAILED;
    Run r(job);
    std::vector<double> slopes = read(job.dweights, r.layer.type, r.layer.weights());  // added to
    for (long t = 0; t < r.steps; t++)
    for (long b = 0; b < r.batch; b++)
    for (long u = 0; u < r.units; u++)
    for (long g = 0; g < r.gates; g++) {
        const Kept& k = r.at(t, b, u);
        long row = g * r.units + u;
        const double* x = &r.x[(t * r.batch + b) * r.features];
        for (long i = 0; i < r.features; i++) {
            slopes[r.layer.start(0) + row * r.features + i] += k.of_input[g] * x[i];
        }
        for (long i = 0; i < r.units; i++) {
            slopes[r.layer.start(1) + row * r.units + i] += k.of_recurrent[g] * r.before(t, b, i);
        }
        if (r.layer.biases() > 0) slopes[r.layer.start(2) + row] += k.of_input[g];
        if (r.layer.biases() > 1) slopes[r.layer.start(3) + row] += k.of_recurrent[g];
    }
    write(job.dweights, r.layer.type, slopes);
    return SUCCESS;
}

// ---- checks -------------------------------------------------------------------------------------

bool is_state(const Tensor* t, const Layer& layer, int batch) {
    int units = layer.units;
    return t && t->type == layer.type && t->sizes == std::vector<int>{1, batch, units} &&
           t->strides == std::vector<int>{batch * units, units, 1};
}

struct Given {
    const void* data;
    size_t count;  // elements
    bool may_be_null;
};

int check(Handle* handle, const Layer* layer, const Sequences* x, const Sequences* y,
          const Tensor* h, const int* lengths, std::vector<Given> arrays) {
    int status = check_handle(handle);
    if (status) return status;
    if (!layer || !x || !y || layer->mode < 0) return NULL_POINTER;
    if (x->type != layer->type || y->type != layer->type) return BAD_PARAM;
    if (x->size != layer->features || y->size != layer->units) return SHAPE_MISMATCH;
    if (x->steps != y->steps || x->batch != y->batch) return SHAPE_MISMATCH;
    if (!is_state(h, *layer, x->batch)) return SHAPE_MISMATCH;
    if (!emulator_is_device_memory(lengths, sizeof(int) * x->batch)) return BAD_PARAM;
    for (const Given& one : arrays) {
        if (!one.data && one.may_be_null) continue;
        if (!one.data) return NULL_POINTER;
        if (!is_aligned(one.data)) return MISALIGNED_POINTER;
        if (!emulator_is_device_memory(one.data, one.count * size_of_type(layer->type))) {
            return BAD_PARAM;
        }
    }
    return SUCCESS;
}

int check_spaces(const Layer& layer, const Sequences& x, size_t weight_nbytes, const void* weights,
                 size_t workspace_nbytes, const void* workspace, size_t reserve_given,
                 const void* reserve, bool is_training) {
    if (!weights || !workspace) return NULL_POINTER;
    if (weight_nbytes < layer.weights() * size_of_type(layer.type)) return SIZE_INSUFFICIENT;
    if (workspace_nbytes < WORKSPACE) return SIZE_INSUFFICIENT;
    if (is_training && reserve_given < reserve_nbytes(x.steps, x.batch, layer.units)) {
        return SIZE_INSUFFICIENT;
    }
    bool ok = emulator_is_device_memory(weights, weight_nbytes) &&
              emulator_is_device_memory(workspace, workspace_nbytes) &&
              (!is_training || emulator_is_device_memory(reserve, reserve_given));
    return ok ? SUCCESS : BAD_PARAM;
}

Job job_for(const Layer& layer, const Sequences& x, void* workspace) {
    Job job = {layer, x.steps, x.batch};
    job.workspace = workspace;
    job.workspace_nbytes = WORKSPACE;
    return job;
}

}  // namespace

extern "C" {

int cudnnCreateDropoutDescriptor(Dropout** out) { return create(out); }
int cudnnCreateRNNDescriptor(Layer** out) { return create(out); }
int cudnnCreateRNNDataDescriptor(Sequences** out) { return create(out); }
int cudnnDestroyDropoutDescriptor(Dropout* d) { return destroy(d); }
int cudnnDestroyRNNDescriptor(Layer* l) { return destroy(l); }
int cudnnDestroyRNNDataDescriptor(Sequences* s) { return destroy(s); }

int cudnnSetDropoutDescriptor(Dropout* d, Handle* handle, float rate, void*, size_t,
                              unsigned long long) {
    if (!d) return NULL_POINTER;
    int status = check_handle(handle);
    if (status) return status;
    if (rate != 0) return NOT_SUPPORTED;
    d->is_set = true;
    return SUCCESS;
}

int cudnnSetRNNDescriptor_v8(Layer* layer, int algorithm, int mode, int bias_mode, int direction,
                             int input_mode, int type, int compute, int math, int features,
                             int units, int projection, int layers, Dropout* dropout,
                             unsigned flags) {
    if (!layer || !dropout) return NULL_POINTER;
    if (!dropout->is_set || data_type(type) < 0 || features < 1 || units < 1) return BAD_PARAM;
    if (compute != (type == DOUBLE ? DOUBLE : FLOAT)) return BAD_PARAM;
    if (projection != units || bias_mode < NO_BIAS || bias_mode > DOUBLE_BIAS) return BAD_PARAM;
    if (mode != LSTM && mode != GRU) return NOT_SUPPORTED;
    if (algorithm || direction || input_mode || layers != 1 || flags) return NOT_SUPPORTED;
    *layer = {mode, bias_mode, type, math, features, units};
    return SUCCESS;
}

int cudnnSetRNNDataDescriptor(Sequences* s, int type, int layout, int steps, int batch, int size,
                              const int* lengths, void*) {
    if (!s || !lengths) return NULL_POINTER;
    if (data_type(type) < 0 || steps < 1 || batch < 1 || size < 1) return BAD_PARAM;
    if (layout != PACKED) return NOT_SUPPORTED;
    for (int b = 0; b < batch; b++) {
        if (lengths[b] != steps) return NOT_SUPPORTED;
    }
    *s = {type, steps, batch, size};
    return SUCCESS;
}

int cudnnGetRNNTempSpaceSizes(Handle* handle, Layer* layer, int mode, Sequences* x,
                              size_t* workspace, size_t* reserve) {
    int status = check_handle(handle);
    if (status) return status;
    if (!layer || !x || !workspace || !reserve) return NULL_POINTER;
    if (layer->type == DOUBLE) return NOT_SUPPORTED;  // as if there were nothing for it
    *workspace = WORKSPACE;
    *reserve = mode == TRAINING ? reserve_nbytes(x->steps, x->batch, layer->units) : 0;
    return SUCCESS;
}

int cudnnGetRNNWeightSpaceSize(Handle* handle, Layer* layer, size_t* nbytes) {
    int status = check_handle(handle);
    if (status) return status;
    if (!layer || !nbytes) return NULL_POINTER;
    *nbytes = layer->weights() * size_of_type(layer->type);
    return SUCCESS;
}

int cudnnGetRNNWeightParams(Handle* handle, Layer* layer, int pseudo_layer, size_t nbytes,
                            const char* space, int number, Tensor* m, void** matrix, Tensor* b,
                            void** bias) {
    int status = check_handle(handle);
    if (status) return status;
    if (!layer || !space || !m || !matrix || !b || !bias) return NULL_POINTER;
    if (pseudo_layer || number < 0 || number >= 2 * layer->gates()) return BAD_PARAM;
    size_t size = size_of_type(layer->type);
    if (nbytes < layer->weights() * size) return SIZE_INSUFFICIENT;
    int side = number / layer->gates(), gate = number % layer->gates();
    int units = layer->units, columns = side ? units : layer->features;
    size_t place = layer->start(side) + size_t(gate) * units * columns;
    *matrix = const_cast<char*>(space) + place * size;
    *m = {layer->type, {1, units, columns}, {units * columns, columns, 1}};
    *bias = nullptr;
    if (side < layer->biases()) {
        *bias = const_cast<char*>(space) + (layer->start(2 + side) + gate * units) * size;
        *b = {layer->type, {1, units, 1}, {units, 1, 1}};
    }
    return SUCCESS;
}

int cudnnRNNForward(Handle* handle, Layer* layer, int mode, const int* lengths, Sequences* x_is,
                    const void* x, Sequences* y_is, void* y, Tensor* h_is, const void* hx, void* hy,
                    Tensor* c_is, const void* cx, void* cy, size_t weight_nbytes,
                    const void* weights, size_t workspace_nbytes, void* workspace,
                    size_t reserve_given, void* reserve) {
    size_t rows = x_is && layer ? size_t(x_is->batch) * layer->units : 0;
    size_t steps = x_is ? x_is->steps : 0;
    std::vector<Given> arrays = {{x, steps * (x_is ? x_is->batch * x_is->size : 0), false},
                                 {y, steps * rows, false},
                                 {hx, rows, true}, {hy, rows, true},
                                 {cx, rows, true}, {cy, rows, true}};
    int status = check(handle, layer, x_is, y_is, h_is, lengths, arrays);
    if (!status) {
        status = check_spaces(*layer, *x_is, weight_nbytes, weights, workspace_nbytes, workspace,
                              reserve_given, reserve, mode == TRAINING);
    }
    if (!status) status = status_of_launch;
    if (status) return status;
    if (layer->mode == LSTM && !is_state(c_is, *layer, x_is->batch)) return SHAPE_MISMATCH;
    Job job = job_for(*layer, *x_is, workspace);
    job.is_training = mode == TRAINING;
    job.lengths = lengths;
    job.x = x;
    job.hx = hx;
    job.cx = cx;
    job.weights = weights;
    job.y_out = y;
    job.cy = cy;
    job.hy = hy;
    job.reserve = reserve;
    return emulator_submit(handle->stream, "cudnnRNNForward", forward, &job, sizeof job);
}

int cudnnRNNBackwardData_v8(Handle* handle, Layer* layer, const int* lengths, Sequences* y_is,
                            const void* y, const void* dy, Sequences* x_is, void* dx, Tensor* h_is,
                            const void* hx, const void* dhy, void* dhx, Tensor* c_is,
                            const void* cx, const void* dcy, void* dcx, size_t weight_nbytes,
                            const void* weights, size_t workspace_nbytes, void* workspace,
                            size_t reserve_given, void* reserve) {
    size_t rows = x_is && layer ? size_t(x_is->batch) * layer->units : 0;
    size_t steps = x_is ? x_is->steps : 0;
    std::vector<Given> arrays = {{dx, steps * (x_is ? x_is->batch * x_is->size : 0), false},
                                 {y, steps * rows, false}, {dy, steps * rows, false},
                                 {hx, rows, true}, {dhx, rows, false}, {cx, rows, true},
                                 {dcy, rows, true}, {dcx, rows, true}};
    int status = check(handle, layer, x_is, y_is, h_is, lengths, arrays);
    if (!status) {
        status = check_spaces(*layer, *x_is, weight_nbytes, weights, workspace_nbytes, workspace,
                              reserve_given, reserve, true);
    }
    if (status) return status;
    if (dhy) return NOT_SUPPORTED;  // it is in dy
    if (layer->mode == LSTM && !is_state(c_is, *layer, x_is->batch)) return SHAPE_MISMATCH;
    Job job = job_for(*layer, *x_is, workspace);
    job.y = y;
    job.dy = dy;
    job.hx = hx;
    job.cx = cx;
    job.dcy = dcy;
    job.weights = weights;
    job.dx = dx;
    job.dhx = dhx;
    job.dcx = dcx;
    job.reserve = reserve;
    return emulator_submit(handle->stream, "cudnnRNNBackwardData", backward_data, &job, sizeof job);
}

int cudnnRNNBackwardWeights_v8(Handle* handle, Layer* layer, int how, const int* lengths,
                               Sequences* x_is, const void* x, Tensor* h_is, const void* hx,
                               Sequences* y_is, const void* y, size_t weight_nbytes, void* dweights,
                               size_t workspace_nbytes, void* workspace, size_t reserve_given,
                               void* reserve) {
    size_t rows = x_is && layer ? size_t(x_is->batch) * layer->units : 0;
    size_t steps = x_is ? x_is->steps : 0;
    std::vector<Given> arrays = {{x, steps * (x_is ? x_is->batch * x_is->size : 0), false},
                                 {y, steps * rows, false}, {hx, rows, true}};
    int status = check(handle, layer, x_is, y_is, h_is, lengths, arrays);
    if (!status) {
        status = check_spaces(*layer, *x_is, weight_nbytes, dweights, workspace_nbytes, workspace,
                              reserve_given, reserve, true);
    }
    if (status) return status;
    if (how != ADD_GRADIENT) return NOT_SUPPORTED;
    Job job = job_for(*layer, *x_is, workspace);
    job.x = x;
    job.hx = hx;
    job.y = y;
    job.dweights = dweights;
    job.reserve = reserve;
    return emulator_submit(handle->stream, "cudnnRNNBackwardWeights", backward_weights, &job,
                           sizeof job);
}

}  // extern "C"
