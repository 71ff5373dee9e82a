// Functions of 16-bit numbers that the CUDA headers offer to device compilers only.
// HALF_MATH(number, pair, to_float, from_float) defines them for one type and its pair type.
#pragma once
#include <cmath>

#define HALF_FUNCTION(number, pair, to, from, name, expression) \
    inline number h##name(number a) {                           \
        float x = to(a);                                        \
        return from(expression);                                \
    }                                                           \
    inline pair h2##name(pair a) { return pair(h##name(a.x), h##name(a.y)); }

#define HALF_MATH(number, pair, to, from)                                                     \
    HALF_FUNCTION(number, pair, to, from, exp, expf(x))                                       \
    HALF_FUNCTION(number, pair, to, from, exp2, exp2f(x))                                     \
    HALF_FUNCTION(number, pair, to, from, log, logf(x))                                       \
    HALF_FUNCTION(number, pair, to, from, log2, log2f(x))                                     \
    HALF_FUNCTION(number, pair, to, from, sqrt, sqrtf(x))                                     \
    HALF_FUNCTION(number, pair, to, from, rsqrt, 1 / sqrtf(x))                                \
    HALF_FUNCTION(number, pair, to, from, rcp, 1 / x)                                         \
    HALF_FUNCTION(number, pair, to, from, sin, sinf(x))                                       \
    HALF_FUNCTION(number, pair, to, from, cos, cosf(x))                                       \
    HALF_FUNCTION(number, pair, to, from, tanh, tanhf(x))                                     \
    HALF_FUNCTION(number, pair, to, from, floor, floorf(x))                                   \
    HALF_FUNCTION(number, pair, to, from, ceil, ceilf(x))                                     \
    HALF_FUNCTION(number, pair, to, from, rint, rintf(x))                                     \
    inline number __hfma(number a, number b, number c) { return from(to(a) * to(b) + to(c)); } \
    inline pair __hfma2(pair a, pair b, pair c) {                                             \
        return pair(__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y));                            \
    }
