// Atomics.  Blocks run one after the other and no fibre is interrupted, so plain code is atomic.
#pragma once
#include "keywords.h"

#define SHIM_ATOMIC(name, new_value)          \
    template <class T, class U>               \
    inline T name(T* address, U operand) {    \
        T old = *address;                     \
        T value = static_cast<T>(operand);    \
        *address = static_cast<T>(new_value); \
        return old;                           \
    }                                         \
    template <class T, class U>               \
    inline T name##_block(T* address, U operand) { return name(address, operand); }

SHIM_ATOMIC(atomicAdd, old + value)
SHIM_ATOMIC(atomicSub, old - value)
SHIM_ATOMIC(atomicMax, old < value ? value : old)
SHIM_ATOMIC(atomicMin, value < old ? value : old)
SHIM_ATOMIC(atomicExch, value)
SHIM_ATOMIC(atomicOr, old | value)
SHIM_ATOMIC(atomicAnd, old& value)
SHIM_ATOMIC(atomicXor, old ^ value)
SHIM_ATOMIC(atomicInc, old >= value ? 0 : old + 1)
SHIM_ATOMIC(atomicDec, old == 0 || old > value ? value : old - 1)

template <class T, class U, class V>
inline T atomicCAS(T* address, U expected, V desired) {
    T old = *address;
    if (old == static_cast<T>(expected)) *address = static_cast<T>(desired);
    return old;
}

inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
