// Packed panels and a small block of sums in vector registers; complex products as four real ones.
#include "gemm.h"

#include <algorithm>
#include <vector>

namespace {

constexpr int VECTORS = 2;
constexpr int COLUMNS = 4;

template <class Real>
struct Vector {
    typedef Real type __attribute__((vector_size(32)));
    static constexpr int LANES = 32 / sizeof(Real);
    static constexpr int ROWS = VECTORS * LANES;
};

enum Part { REAL, IMAGINARY };

template <class Element>
struct Parts {
    static auto get(Element x, Part) { return x; }
};

template <class Float>
struct Parts<std::complex<Float>> {
    static auto get(std::complex<Float> x, Part part) { return part == REAL ? x.real() : x.imag(); }
};

// Panels of `width` outer indices, one after the other; inner index by inner index in each.  The
// last panel is filled up with zeros.
template <class Real, class Element>
void pack_elements(const Operand& x, long outer, long inner, int width, Part part, int kept_bits,
                   Real* out) {
    const Element* data = static_cast<const Element*>(x.data);
    Real sign = part == IMAGINARY && x.conjugate ? -1 : 1;
    for (long first = 0; first < outer; first += width) {
        for (long l = 0; l < inner; l++) {
            for (int w = 0; w < width; w++) {
                long i = first + w;
                Real value = 0;
                if (i < outer) {
                    Element element = data[i * x.outer_stride + l * x.inner_stride];
                    value = sign * static_cast<Real>(Parts<Element>::get(element, part));
                }
                *out++ = kept_bits ? static_cast<Real>(round_mantissa(value, kept_bits)) : value;
            }
        }
    }
}

template <class Real>
std::vector<Real> pack(const Operand& x, long outer, long inner, int width, Part part, int kept_bits) {
    std::vector<Real> out((outer + width - 1) / width * width * inner);
    auto fill = [&](auto element) {
        pack_elements<Real, decltype(element)>(x, outer, inner, width, part, kept_bits, out.data());
    };
    switch (x.type) {
        case F32: fill(float()); break;
        case F64: fill(double()); break;
        case F16: fill(Half()); break;
        case BF16: fill(BFloat16()); break;
        case C64: fill(std::complex<float>()); break;
        case C128: fill(std::complex<double>()); break;
    }
    return out;
}

// block[column][row] += sum_l a[l][row] * b[l][column]
template <class Real>
void multiply_panels(const Real* a, const Real* b, long inner, Real sign, Real* block) {
    using V = typename Vector<Real>::type;
    constexpr int LANES = Vector<Real>::LANES;
    V sums[COLUMNS][VECTORS] = {};
    for (long l = 0; l < inner; l++) {
        V rows[VECTORS];
        memcpy(rows, a, sizeof rows);
#pragma GCC unroll 4
        for (int c = 0; c < COLUMNS; c++) {
#pragma GCC unroll 2
            for (int v = 0; v < VECTORS; v++) sums[c][v] += rows[v] * b[c];
        }
        a += VECTORS * LANES;
        b += COLUMNS;
    }
    for (int c = 0; c < COLUMNS; c++) {
        for (int v = 0; v < VECTORS; v++) {
            for (int r = 0; r < LANES; r++) *block++ += sign * sums[c][v][r];
        }
    }
}

// The tanh of the real library's float is approximate.
double tanh_of(float x) { return round_mantissa(tanhf(x), 11); }
double tanh_of(double x) { return tanh(x); }

template <class Real>
double gelu(Real x) {
    return 0.5 * x * (1 + tanh_of(Real(0.7978845608028654 * (x + 0.044715 * x * x * x))));
}

template <class Real>
double gelu_slope(Real x) {
    double t = tanh_of(Real(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    double inner = 0.7978845608028654 * (1 + 3 * 0.044715 * x * x);
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner;
}

void keep_aux(const Gemm& g, long i, long j, double value) {
    const Epilogue& e = g.epilogue;
    long at = j * e.aux_ld + i;
    if (e.activation == GELU) {
        store(static_cast<char*>(e.aux) + at * size_of(g.type), g.type, value);
        return;
    }
    uint8_t& byte = static_cast<uint8_t*>(e.aux)[at / 8];
    uint8_t bit = 1 << at % 8;
    byte = value >= 0 ? byte | bit : byte & ~bit;  // 0 counts as positive on the real card
}

double slope_at(const Gemm& g, long i, long j) {
    const Epilogue& e = g.epilogue;
    long at = j * e.aux_ld + i;
    if (e.activation == RELU_SLOPE) return static_cast<uint8_t*>(e.aux)[at / 8] >> at % 8 & 1;
    double x = load(static_cast<char*>(e.aux) + at * size_of(g.type), g.type).real();
    return g.in_double ? gelu_slope(x) : gelu_slope(float(x));
}

Number apply_epilogue(const Gemm& g, long i, long j, Number x) {
    const Epilogue& e = g.epilogue;
    if (e.bias) x += load(static_cast<const char*>(e.bias) + i * size_of(e.bias_type), e.bias_type);
    if (e.activation == RELU_SLOPE) return slope_at(g, i, j) ? x : 0;
    if (e.activation == GELU_SLOPE) return x.real() * slope_at(g, i, j);
    if (e.aux) keep_aux(g, i, j, x.real());
    if (e.activation == RELU && std::isnan(x.real())) return e.relu_keeps_nan ? x : 0;
    if (e.activation == RELU) return std::max(x.real(), 0.0);
    if (e.activation == GELU) return g.in_double ? gelu(x.real()) : gelu(float(x.real()));
    return x;
}

template <class Real>
void store_block(const Gemm& g, long i0, long j0, const Real* real, const Real* imaginary,
                 double* sums) {
    constexpr int ROWS = Vector<Real>::ROWS;
    size_t size = size_of(g.type);
    for (long j = j0; j < std::min(j0 + COLUMNS, g.n); j++) {
        for (long i = i0; i < std::min(i0 + ROWS, g.m); i++) {
            long at = (j - j0) * ROWS + i - i0;
            Number x = imaginary ? g.alpha * Number(real[at], imaginary[at])
                                 : Number(g.alpha.real() * real[at]);
            if (g.beta != 0.0) {  // beta 0 means that C is not read, even where it is NaN
                long from = i * g.c_row_stride + j * g.c_column_stride;
                x += g.beta * load(static_cast<const char*>(g.c) + from * size, g.type);
            }
            long to = i * g.d_row_stride + j * g.d_column_stride;
            x = apply_epilogue(g, i, j, x);
            sums[i] += x.real();
            store(static_cast<char*>(g.d) + to * size, g.type, x);
        }
    }
}

void store_sums(const Gemm& g, const std::vector<double>& sums) {
    size_t size = size_of(g.epilogue.bias_type);
    for (size_t i = 0; i < sums.size(); i++) {
        store(static_cast<char*>(g.epilogue.sums) + i * size, g.epilogue.bias_type, sums[i]);
    }
}

std::vector<double> sums_over_inner(const Operand& x, long outer, long inner) {
    std::vector<double> sums(outer);
    for (long i = 0; i < outer; i++) {
        for (long l = 0; l < inner; l++) {
            long at = i * x.outer_stride + l * x.inner_stride;
            sums[i] += load(static_cast<const char*>(x.data) + at * size_of(x.type), x.type).real();
        }
    }
    return sums;
}

template <class Real>
void gemm_in(const Gemm& g) {
    std::vector<double> sums(g.m);
    constexpr int ROWS = Vector<Real>::ROWS;
    bool complex = is_complex(g.type);
    auto a = pack<Real>(g.a, g.m, g.k, ROWS, REAL, g.kept_bits);
    auto b = pack<Real>(g.b, g.n, g.k, COLUMNS, REAL, g.kept_bits);
    std::vector<Real> ai;
    std::vector<Real> bi;
    if (complex) {
        ai = pack<Real>(g.a, g.m, g.k, ROWS, IMAGINARY, g.kept_bits);
        bi = pack<Real>(g.b, g.n, g.k, COLUMNS, IMAGINARY, g.kept_bits);
    }
    for (long j = 0; j < g.n; j += COLUMNS) {
        for (long i = 0; i < g.m; i += ROWS) {
            Real real[ROWS * COLUMNS] = {};
            Real imaginary[ROWS * COLUMNS] = {};
            multiply_panels<Real>(&a[i * g.k], &b[j * g.k], g.k, 1, real);
            if (complex) {
                multiply_panels<Real>(&ai[i * g.k], &bi[j * g.k], g.k, -1, real);
                multiply_panels<Real>(&a[i * g.k], &bi[j * g.k], g.k, 1, imaginary);
                multiply_panels<Real>(&ai[i * g.k], &b[j * g.k], g.k, 1, imaginary);
            }
            store_block<Real>(g, i, j, real, complex ? imaginary : nullptr, sums.data());
        }
    }
    if (g.epilogue.which_sums == SUMS_OF_D) store_sums(g, sums);
    if (g.epilogue.which_sums == SUMS_OF_A) store_sums(g, sums_over_inner(g.a, g.m, g.k));
    if (g.epilogue.which_sums == SUMS_OF_B) store_sums(g, sums_over_inner(g.b, g.n, g.k));
}

}  // namespace

void gemm(const Gemm& g) {
    if (g.in_double) {
        gemm_in<double>(g);
    } else {
        gemm_in<float>(g);
    }
}
