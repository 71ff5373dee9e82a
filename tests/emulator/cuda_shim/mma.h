// nvcuda::wmma on fibres: tiles of 16 x 16 x 16, or 16 x 16 x 8 for tf32; half, bfloat16, float or
// tf32 in; float or half sums.  The elements of a tile lie row by row in the slots of lane after lane.  The real layout is left open,
// so a kernel that depends on one is wrong; this one differs from the hardware's.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "collectives.h"

namespace nvcuda {
namespace wmma {

struct row_major {};
struct col_major {};
struct matrix_a {};
struct matrix_b {};
struct accumulator {};
enum layout_t { mem_row_major, mem_col_major };
namespace precision {
struct tf32;
}

constexpr int SIDE = 16;

namespace detail {

template <class T> struct Stored { using type = T; };
template <> struct Stored<precision::tf32> { using type = float; };

template <class Use, int K> struct Shape { static constexpr int ROWS = SIDE, COLUMNS = SIDE; };
template <int K> struct Shape<matrix_a, K> { static constexpr int ROWS = SIDE, COLUMNS = K; };
template <int K> struct Shape<matrix_b, K> { static constexpr int ROWS = K, COLUMNS = SIDE; };

}  // namespace detail

template <class Use, int M, int N, int K, class T, class Layout = void>
struct fragment : detail::Shape<Use, K> {
    using element_type = typename detail::Stored<T>::type;
    using Shape = detail::Shape<Use, K>;
    static constexpr bool is_tf32 = !__is_same(element_type, T);
    static constexpr bool is_sum = __is_same(Use, accumulator);
    static_assert(M == SIDE && N == SIDE && (is_sum ? K == 16 || K == 8 : K == (is_tf32 ? 8 : 16)),
                  "the emulator has wmma 16 x 16 x 16, and 16 x 16 x 8 for tf32");
    static constexpr int num_elements = Shape::ROWS * Shape::COLUMNS / shim::WARP;
    element_type x[num_elements];
};

// To 10 bits of mantissa, the nearest, ties away from 0.
inline float __float_to_tf32(float value) {
    unsigned bits = __builtin_bit_cast(unsigned, value);
    if ((bits & 0x7f800000u) != 0x7f800000u) bits += 0x1000u;
    return __builtin_bit_cast(float, bits & 0xffffe000u);
}

namespace detail {

template <class Fragment> int element(const Fragment&, int slot) {
    return shim::lane() * Fragment::num_elements + slot;
}

template <class Fragment>
unsigned offset(const Fragment& f, int slot, unsigned stride, bool by_column) {
    unsigned row = element(f, slot) / Fragment::COLUMNS;
    unsigned column = element(f, slot) % Fragment::COLUMNS;
    return by_column ? column * stride + row : row * stride + column;
}

template <class Fragment, class T>
void load(Fragment& f, const T* p, unsigned stride, bool by_column) {
    for (int i = 0; i < f.num_elements; i++) f.x[i] = p[offset(f, i, stride, by_column)];
    shim::sync_warp(__LINE__);
}

}  // namespace detail

template <class Fragment, class T>
void fill_fragment(Fragment& f, T value) {
    for (int i = 0; i < f.num_elements; i++) f.x[i] = value;
}

template <class Use, int M, int N, int K, class T>
void load_matrix_sync(fragment<Use, M, N, K, T, row_major>& f,
                      const typename detail::Stored<T>::type* p, unsigned stride) {
    detail::load(f, p, stride, false);
}

template <class Use, int M, int N, int K, class T>
void load_matrix_sync(fragment<Use, M, N, K, T, col_major>& f,
                      const typename detail::Stored<T>::type* p, unsigned stride) {
    detail::load(f, p, stride, true);
}

template <int M, int N, int K, class T>
void load_matrix_sync(fragment<accumulator, M, N, K, T>& f, const T* p, unsigned stride,
                      layout_t layout) {
    detail::load(f, p, stride, layout == mem_col_major);
}

template <int M, int N, int K, class T>
void store_matrix_sync(T* p, const fragment<accumulator, M, N, K, T>& f, unsigned stride,
                       layout_t layout) {
    for (int i = 0; i < f.num_elements; i++) {
        p[detail::offset(f, i, stride, layout == mem_col_major)] = f.x[i];
    }
    shim::sync_warp(__LINE__);
}

template <int M, int N, int K, class TA, class LA, class TB, class LB, class T>
void mma_sync(fragment<accumulator, M, N, K, T>& d, const fragment<matrix_a, M, N, K, TA, LA>& a,
              const fragment<matrix_b, M, N, K, TB, LB>& b,
              const fragment<accumulator, M, N, K, T>& c) {
    static float tile_a[shim::WARP][SIDE * SIDE];  // one tile a warp; a block has up to 32 warps
    static float tile_b[shim::WARP][SIDE * SIDE];
    int warp = shim_now.linear / shim::WARP;
    for (int i = 0; i < a.num_elements; i++) {
        tile_a[warp][detail::element(a, i)] = static_cast<float>(a.x[i]);
        tile_b[warp][detail::element(b, i)] = static_cast<float>(b.x[i]);
    }
    shim::sync_warp(__LINE__);
    for (int i = 0; i < d.num_elements; i++) {
        int row = detail::element(d, i) / SIDE;
        int column = detail::element(d, i) % SIDE;
        float sum = static_cast<float>(c.x[i]);
        for (int k = 0; k < K; k++) {
            sum += tile_a[warp][row * K + k] * tile_b[warp][k * SIDE + column];
        }
        d.x[i] = static_cast<T>(sum);
    }
    shim::sync_warp(__LINE__);  // nobody may overwrite the tiles before all have read them
}

}  // namespace wmma
}  // namespace nvcuda
