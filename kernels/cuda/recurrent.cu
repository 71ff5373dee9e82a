#include "common.cuh"

// What a step of a recurrent layer does besides its matrix product: one thread for a unit of a
// sequence.  Blocks of `units` columns stand side by side in z, x and product, one for each gate.

template <typename T> __device__ inline T sigmoid(T x) {  // never overflows
  return (T(::tanh(x * T(0.5))) + T(1)) * T(0.5);
}
__device__ inline float tangent(float x) { return ::tanhf(x); }
__device__ inline double tangent(double x) { return ::tanh(x); }

// Where the first gate of unit i stands, for `gates` blocks of columns in a row.
__device__ inline long long first_gate(long long i, long long row, long long units, int gates) {
  return i + row * (gates - 1) * units;
}

// c' = s(f) c + s(i) tanh(g), h' = s(o) tanh(c'), with i, f, g, o the blocks of x + product.
template <typename T>
__global__ void __launch_bounds__(256) lstm_step(
    const T* x, const T* product, const T* h, const T* c, const bool* mask, T* new_h, T* new_c,
    long long batch, long long units) {
  for (long long i = first_index(); i < batch * units; i += index_step()) {
    const long long row = divide(i, units);
    if (!mask[row]) {
      new_h[i] = h[i];
      new_c[i] = c[i];
      continue;
    }
    const long long at = first_gate(i, row, units, 4);
    const T in = sigmoid(x[at] + product[at]);
    const T forget = sigmoid(x[at + units] + product[at + units]);
    const T value = tangent(x[at + 2 * units] + product[at + 2 * units]);
    const T out = sigmoid(x[at + 3 * units] + product[at + 3 * units]);
    const T cell = forget * c[i] + in * value;
    new_c[i] = cell;
    new_h[i] = out * tangent(cell);
  }
}

// A step back through time.  Of h there arrive g_h, what later steps passed on in `kept`, and their
// product dz kernel^T; of c there arrive g_c and dc.
template <typename T>
__global__ void __launch_bounds__(256) lstm_step_back(
    const T* g_h, const T* g_c, const T* product, const T* z, const T* c_before, const T* c,
    const bool* mask, T* kept, T* dc, T* dz, long long batch, long long units) {
  for (long long i = first_index(); i < batch * units; i += index_step()) {
    const long long row = divide(i, units);
    const long long at = first_gate(i, row, units, 4);
    const T of_h = kept[i] + product[i] + g_h[i];
    const T arriving = dc[i] + g_c[i];
    if (!mask[row]) {
      kept[i] = of_h;
      dc[i] = arriving;
      for (int gate = 0; gate < 4; gate++) dz[at + gate * units] = T(0);
      continue;
    }
    const T in = sigmoid(z[at]);
    const T forget = sigmoid(z[at + units]);
    const T value = tangent(z[at + 2 * units]);
    const T out = sigmoid(z[at + 3 * units]);
    const T cell = tangent(c[i]);
    const T of_c = arriving + of_h * out * (T(1) - cell * cell);
    dz[at] = of_c * value * in * (T(1) - in);
    dz[at + units] = of_c * c_before[i] * forget * (T(1) - forget);
    dz[at + 2 * units] = of_c * in * (T(1) - value * value);
    dz[at + 3 * units] = of_h * cell * out * (T(1) - out);
    kept[i] = T(0);
    dc[i] = of_c * forget;
  }
}

// z, r = s(x_z + b_z), s(x_r + b_r), h' = z h + (1 - z) tanh(x_n + r b_n), with b = product + bias.
template <typename T>
__global__ void __launch_bounds__(256) gru_step(
    const T* x, const T* product, const T* bias, const T* h, const bool* mask, T* new_h,
    long long batch, long long units) {
  for (long long i = first_index(); i < batch * units; i += index_step()) {
    const long long row = divide(i, units);
    if (!mask[row]) {
      new_h[i] = h[i];
      continue;
    }
    const long long at = first_gate(i, row, units, 3);
    const T* b = bias + (i - row * units);
    const T update = sigmoid(x[at] + product[at] + b[0]);
    const T reset = sigmoid(x[at + units] + product[at + units] + b[units]);
    const T inner = product[at + 2 * units] + b[2 * units];
    const T candidate = tangent(x[at + 2 * units] + reset * inner);
    new_h[i] = update * h[i] + (T(1) - update) * candidate;
  }
}

// A step back; `inner` is h kernel + bias of this step, of_x and of_inner are the gradients of x and
// of inner.
template <typename T>
__global__ void __launch_bounds__(256) gru_step_back(
    const T* g, const T* product, const T* x, const T* inner, const T* h_before, const bool* mask,
    T* kept, T* of_x, T* of_inner, long long batch, long long units) {
  for (long long i = first_index(); i < batch * units; i += index_step()) {
    const long long row = divide(i, units);
    const long long at = first_gate(i, row, units, 3);
    const T of_h = kept[i] + product[i] + g[i];
    if (!mask[row]) {
      kept[i] = of_h;
      for (int gate = 0; gate < 3; gate++) {
        of_x[at + gate * units] = T(0);
        of_inner[at + gate * units] = T(0);
      }
      continue;
    }
    const T update = sigmoid(x[at] + inner[at]);
    const T reset = sigmoid(x[at + units] + inner[at + units]);
    const T candidate = tangent(x[at + 2 * units] + reset * inner[at + 2 * units]);
    const T d_update = of_h * (h_before[i] - candidate) * update * (T(1) - update);
    const T d_candidate = of_h * (T(1) - update) * (T(1) - candidate * candidate);
    const T d_reset = d_candidate * inner[at + 2 * units] * reset * (T(1) - reset);
    of_x[at] = of_inner[at] = d_update;
    of_x[at + units] = of_inner[at + units] = d_reset;
    of_x[at + 2 * units] = d_candidate;
    of_inner[at + 2 * units] = d_candidate * reset;
    kept[i] = of_h * update;
  }
}
