// Barriers and warp collectives: each is a meeting of fibres that the scheduler arranges.
// __LINE__ goes along, so that two barriers in different branches can be told apart.
#pragma once
#include <cstring>
#include <type_traits>

#include "keywords.h"

namespace shim {

inline unsigned lane() {
    return shim_now.linear % WARP;
}

enum Shuffle { SHUFFLE_INDEX, SHUFFLE_UP, SHUFFLE_DOWN, SHUFFLE_XOR };

// The lane that `lane` reads from; its own where the source is outside of its group of `width`.
inline int shuffle_source(Shuffle kind, int lane, int argument, int width) {
    int base = lane & ~(width - 1);
    int source = lane;
    if (kind == SHUFFLE_INDEX) source = base + (argument & (width - 1));
    if (kind == SHUFFLE_UP) source = lane - argument;
    if (kind == SHUFFLE_DOWN) source = lane + argument;
    if (kind == SHUFFLE_XOR) source = lane ^ argument;
    if (kind == SHUFFLE_UP && source < base) return lane;
    return source < base + width ? source : lane;
}

template <class T>
T shuffle(Shuffle kind, int line, unsigned mask, T value, int argument, int width = WARP) {
    static_assert(sizeof(T) <= MAX_LANE_VALUE, "a shuffle moves at most 16 bytes");
    const Exchange* all = shim_exchange(mask, &value, sizeof value, line);
    int source = shuffle_source(kind, lane(), argument, width);
    T result;
    if (all->mask >> source & 1) {
        memcpy(&result, all->value[source], sizeof result);
    } else {
        memset(&result, 0xFF, sizeof result);  // a lane that takes no part: undefined, so poison
    }
    return result;
}

inline unsigned ballot(int line, unsigned mask, int predicate) {
    char mine = predicate != 0;
    const Exchange* all = shim_exchange(mask, &mine, 1, line);
    unsigned votes = 0;
    for (unsigned l = 0; l < WARP; l++) {
        if ((all->mask >> l & 1) && all->value[l][0]) votes |= 1u << l;
    }
    return votes;
}

inline void sync_warp(int line, unsigned mask = ~0u) {
    ballot(line, mask, 1);
}

template <class T, class Combine>
T warp_reduce(int line, unsigned mask, T value, Combine combine) {
    const Exchange* all = shim_exchange(mask, &value, sizeof value, line);
    bool first = true;
    T result = value;
    for (unsigned l = 0; l < WARP; l++) {
        if (!(all->mask >> l & 1)) continue;
        T other;
        memcpy(&other, all->value[l], sizeof other);
        result = first ? other : combine(result, other);
        first = false;
    }
    return result;
}

template <class T>
unsigned match_any(int line, unsigned mask, T value) {
    const Exchange* all = shim_exchange(mask, &value, sizeof value, line);
    unsigned same = 0;
    for (unsigned l = 0; l < WARP; l++) {
        if ((all->mask >> l & 1) && !memcmp(all->value[l], &value, sizeof value)) same |= 1u << l;
    }
    return same;
}

}  // namespace shim

#define __syncthreads() shim_barrier(__LINE__)
#define __syncthreads_and(p) shim_barrier_vote(__LINE__, (p) != 0, shim::VOTE_AND)
#define __syncthreads_or(p) shim_barrier_vote(__LINE__, (p) != 0, shim::VOTE_OR)
#define __syncthreads_count(p) shim_barrier_vote(__LINE__, (p) != 0, shim::VOTE_COUNT)

#define __shfl_sync(...) shim::shuffle(shim::SHUFFLE_INDEX, __LINE__, __VA_ARGS__)
#define __shfl_up_sync(...) shim::shuffle(shim::SHUFFLE_UP, __LINE__, __VA_ARGS__)
#define __shfl_down_sync(...) shim::shuffle(shim::SHUFFLE_DOWN, __LINE__, __VA_ARGS__)
#define __shfl_xor_sync(...) shim::shuffle(shim::SHUFFLE_XOR, __LINE__, __VA_ARGS__)

#define __ballot_sync(mask, p) shim::ballot(__LINE__, (mask), (p) != 0)
#define __any_sync(mask, p) (shim::ballot(__LINE__, (mask), (p) != 0) != 0)
#define __all_sync(mask, p) (shim::ballot(__LINE__, (mask), !(p)) == 0)
#define __match_any_sync(mask, value) shim::match_any(__LINE__, (mask), (value))
#define __syncwarp(...) shim::sync_warp(__LINE__ __VA_OPT__(, ) __VA_ARGS__)
#define __activemask() (~0u)

#define SHIM_REDUCE(mask, value, expression) \
    shim::warp_reduce(__LINE__, (mask), (value), [](auto a, auto b) { return expression; })
#define __reduce_add_sync(mask, value) SHIM_REDUCE(mask, value, a + b)
#define __reduce_min_sync(mask, value) SHIM_REDUCE(mask, value, b < a ? b : a)
#define __reduce_max_sync(mask, value) SHIM_REDUCE(mask, value, a < b ? b : a)
#define __reduce_and_sync(mask, value) SHIM_REDUCE(mask, value, a & b)
#define __reduce_or_sync(mask, value) SHIM_REDUCE(mask, value, a | b)
#define __reduce_xor_sync(mask, value) SHIM_REDUCE(mask, value, a ^ b)
