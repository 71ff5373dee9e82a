// nvcuda::wmma on fibres: tiles of 16 x 16 x 16; half, bfloat16 or float in; float or half sums.
// Element e of a tile lies in lane e / 8 at slot e % 8, row by row.  The real layout is left open,
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
constexpr int SLOTS = 8;

template <class Use, int M, int N, int K, class T, class Layout = void>
struct fragment {
    static_assert(M == SIDE && N == SIDE && K == SIDE, "the emulator has wmma 16 x 16 x 16 only");
    static constexpr int num_elements = SLOTS;
    using element_type = T;
    T x[SLOTS];
};

namespace detail {

inline int element(int slot) {
    return shim::lane() * SLOTS + slot;
}

inline unsigned offset(int element, unsigned stride, bool by_column) {
    unsigned row = element / SIDE;
    unsigned column = element % SIDE;
    return by_column ? column * stride + row : row * stride + column;
}

template <class Fragment, class T>
void load(Fragment& f, const T* p, unsigned stride, bool by_column) {
    for (int i = 0; i < SLOTS; i++) f.x[i] = p[offset(element(i), stride, by_column)];
    shim::sync_warp(__LINE__);
}

}  // namespace detail

template <class Fragment, class T>
void fill_fragment(Fragment& f, T value) {
    for (int i = 0; i < SLOTS; i++) f.x[i] = value;
}

template <class Use, int M, int N, int K, class T>
void load_matrix_sync(fragment<Use, M, N, K, T, row_major>& f, const T* p, unsigned stride) {
    detail::load(f, p, stride, false);
}

template <class Use, int M, int N, int K, class T>
void load_matrix_sync(fragment<Use, M, N, K, T, col_major>& f, const T* p, unsigned stride) {
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
    for (int i = 0; i < SLOTS; i++) {
        p[detail::offset(detail::element(i), stride, layout == mem_col_major)] = f.x[i];
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
    for (int i = 0; i < SLOTS; i++) {
        tile_a[warp][detail::element(i)] = static_cast<float>(a.x[i]);
        tile_b[warp][detail::element(i)] = static_cast<float>(b.x[i]);
    }
    shim::sync_warp(__LINE__);
    for (int i = 0; i < SLOTS; i++) {
        int row = detail::element(i) / SIDE;
        int column = detail::element(i) % SIDE;
        float sum = static_cast<float>(c.x[i]);
        for (int k = 0; k < SIDE; k++) {
            sum += tile_a[warp][row * SIDE + k] * tile_b[warp][k * SIDE + column];
        }
        d.x[i] = static_cast<T>(sum);
    }
    shim::sync_warp(__LINE__);  // nobody may overwrite the tiles before all have read them
}

}  // namespace wmma
}  // namespace nvcuda
