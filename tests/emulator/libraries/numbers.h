// The element types of matrices, as cudaDataType names them, and conversions of the 16-bit ones.
#pragma once
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstring>

enum DataType { F32 = 0, F64 = 1, F16 = 2, C64 = 4, C128 = 5, BF16 = 14 };

inline uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

inline float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

struct Half {
    uint16_t bits;

    operator float() const {
        uint32_t sign = (bits & 0x8000u) << 16;
        uint32_t exponent = bits >> 10 & 31;
        uint32_t mantissa = bits & 1023;
        if (exponent == 31) return float_of(sign | 0x7F800000u | mantissa << 13);
        if (exponent) return float_of(sign | (exponent + 112) << 23 | mantissa << 13);
        float subnormal = mantissa * 0x1p-24f;
        return sign ? -subnormal : subnormal;
    }

    static Half from(float x) {
        uint32_t all = bits_of(x);
        uint16_t sign = all >> 16 & 0x8000;
        uint32_t size = all & 0x7FFFFFFF;
        if (size > 0x7F800000) return {uint16_t(sign | 0x7E00)};   // NaN
        if (size >= 0x477FF000) return {uint16_t(sign | 0x7C00)};  // rounds to infinity
        if (size < 0x38800000) {                                   // subnormal
            return {uint16_t(sign | uint16_t(lrintf(float_of(size) * 0x1p24f)))};
        }
        uint32_t rounded = size + 0xFFF + (size >> 13 & 1);  // to nearest, ties to even
        return {uint16_t(sign | (rounded - 0x38000000) >> 13)};
    }
};

struct BFloat16 {
    uint16_t bits;

    operator float() const {
        return float_of(uint32_t(bits) << 16);
    }

    static BFloat16 from(float x) {
        uint32_t all = bits_of(x);
        if ((all & 0x7FFFFFFF) > 0x7F800000) return {uint16_t(all >> 16 | 64)};  // NaN stays NaN
        return {uint16_t((all + 0x7FFF + (all >> 16 & 1)) >> 16)};
    }
};

// Tensor cores see 10 bits of mantissa of a float, or 7.
inline float round_mantissa(float x, int kept_bits) {
    uint32_t all = bits_of(x);
    if ((all & 0x7F800000) == 0x7F800000) return x;
    uint32_t unit = 1u << (23 - kept_bits);
    return float_of((all + unit / 2) & ~(unit - 1));
}

inline size_t size_of(int type) {
    switch (type) {
        case F32: return 4;
        case F64: return 8;
        case F16: return 2;
        case BF16: return 2;
        case C64: return 8;
        case C128: return 16;
        default: return 0;  // unknown
    }
}

inline bool is_complex(int type) {
    return type == C64 || type == C128;
}

using Number = std::complex<double>;

inline Number load(const void* p, int type) {
    switch (type) {
        case F32: return *static_cast<const float*>(p);
        case F64: return *static_cast<const double*>(p);
        case F16: return float(*static_cast<const Half*>(p));
        case BF16: return float(*static_cast<const BFloat16*>(p));
        case C64: return Number(*static_cast<const std::complex<float>*>(p));
        default: return *static_cast<const Number*>(p);
    }
}

inline void store(void* p, int type, Number x) {
    switch (type) {
        case F32: *static_cast<float*>(p) = x.real(); break;
        case F64: *static_cast<double*>(p) = x.real(); break;
        case F16: *static_cast<Half*>(p) = Half::from(x.real()); break;
        case BF16: *static_cast<BFloat16*>(p) = BFloat16::from(x.real()); break;
        case C64: *static_cast<std::complex<float>*>(p) = std::complex<float>(x); break;
        default: *static_cast<Number*>(p) = x; break;
    }
}
