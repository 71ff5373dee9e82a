// The functions that element-wise programs call, with NumPy's results in special cases.
//
// They stand in a namespace so that their names hide CUDA's own (isnan, floor, exp...); those are
// called with a leading `::`.  Comparisons against itself are the test for NaN.
#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#endif
#ifndef NAN
#define NAN __int_as_float(0x7fc00000)
#endif

namespace scalar {

template <typename T> struct Traits {  // integers and bool
  static constexpr bool is_float = false;
  static constexpr bool is_signed = T(-1) < T(0);
};
template <> struct Traits<bool> {
  static constexpr bool is_float = false;
  static constexpr bool is_signed = false;
};
template <> struct Traits<float> {
  static constexpr bool is_float = true;
  static constexpr bool is_signed = true;
};
template <> struct Traits<double> {
  static constexpr bool is_float = true;
  static constexpr bool is_signed = true;
};

// Functions that CUDA has under a name for float and one for double

#define FUNCTION_OF_1(name, cuda_name)                                             \
  __device__ inline float name(float x) { return ::cuda_name##f(x); }              \
  __device__ inline double name(double x) { return ::cuda_name(x); }
#define FUNCTION_OF_2(name, cuda_name)                                             \
  __device__ inline float name(float x, float y) { return ::cuda_name##f(x, y); }  \
  __device__ inline double name(double x, double y) { return ::cuda_name(x, y); }

FUNCTION_OF_1(exp, exp)
FUNCTION_OF_1(exp2, exp2)
FUNCTION_OF_1(expm1, expm1)
FUNCTION_OF_1(log, log)
FUNCTION_OF_1(log1p, log1p)
FUNCTION_OF_1(log2, log2)
FUNCTION_OF_1(log10, log10)
FUNCTION_OF_1(sqrt, sqrt)
FUNCTION_OF_1(sin, sin)
FUNCTION_OF_1(cos, cos)
FUNCTION_OF_1(tan, tan)
FUNCTION_OF_1(arcsin, asin)
FUNCTION_OF_1(arccos, acos)
FUNCTION_OF_1(arctan, atan)
FUNCTION_OF_1(sinh, sinh)
FUNCTION_OF_1(cosh, cosh)
FUNCTION_OF_1(tanh, tanh)
FUNCTION_OF_1(arcsinh, asinh)
FUNCTION_OF_1(arccosh, acosh)
FUNCTION_OF_1(arctanh, atanh)
FUNCTION_OF_1(erf, erf)
FUNCTION_OF_1(floor, floor)
FUNCTION_OF_1(ceil, ceil)
FUNCTION_OF_1(trunc, trunc)
FUNCTION_OF_1(rint, rint)
FUNCTION_OF_1(absolute, fabs)
FUNCTION_OF_2(arctan2, atan2)
FUNCTION_OF_2(hypot, hypot)
FUNCTION_OF_2(copysign, copysign)
FUNCTION_OF_2(power, pow)
FUNCTION_OF_2(fmod, fmod)

#undef FUNCTION_OF_1
#undef FUNCTION_OF_2

// Integers are whole already.
template <typename T> __device__ inline T floor(T x) { return x; }
template <typename T> __device__ inline T ceil(T x) { return x; }
template <typename T> __device__ inline T trunc(T x) { return x; }
template <typename T> __device__ inline T rint(T x) { return x; }

// Comparison, logic, selection

template <typename A, typename B> __device__ inline bool logical_and(A a, B b) {
  return (a != A(0)) && (b != B(0));
}
template <typename A, typename B> __device__ inline bool logical_or(A a, B b) {
  return (a != A(0)) || (b != B(0));
}
template <typename A, typename B> __device__ inline bool logical_xor(A a, B b) {
  return (a != A(0)) != (b != B(0));
}
template <typename A> __device__ inline bool logical_not(A a) { return a == A(0); }

template <typename T> __device__ inline bool isnan(T x) { return x != x; }
template <typename T> __device__ inline bool isinf(T x) {
  if constexpr (Traits<T>::is_float) return x == T(INFINITY) || x == T(-INFINITY);
  return false;
}
template <typename T> __device__ inline bool isfinite(T x) { return !isnan(x) && !isinf(x); }
__device__ inline bool signbit(float x) { return __float_as_int(x) < 0; }
__device__ inline bool signbit(double x) { return __double_as_longlong(x) < 0; }
template <typename T> __device__ inline bool signbit(T x) { return x < T(0); }

template <typename T> __device__ inline T select(bool condition, T x, T y) {
  return condition ? x : y;
}
template <typename T> __device__ inline T maximum(T x, T y) { return x >= y || x != x ? x : y; }
template <typename T> __device__ inline T minimum(T x, T y) { return x <= y || x != x ? x : y; }

template <typename T> __device__ inline T sign(T x) {
  if (x != x) return x;
  return T(int(x > T(0)) - int(x < T(0)));
}
// 0 - x in unsigned arithmetic: the most negative integer stays what it is.
template <typename T> __device__ inline T absolute(T x) {
  return x < T(0) ? T(0ull - (unsigned long long)x) : x;
}

// Division with Python's signs

// The quotient is rounded down and the remainder has the divisor's sign (NumPy's npy_divmod).
// Integer division by zero gives 0; by -1 it is a negation, which cannot overflow into a trap.
template <typename T> __device__ inline T floor_divide(T x, T y) {
  if constexpr (Traits<T>::is_float) {
    if (y == T(0)) return x / y;
    T rest = fmod(x, y);
    T quotient = (x - rest) / y;
    if (rest != T(0) && (y < T(0)) != (rest < T(0))) quotient -= T(1);
    if (quotient == T(0)) return copysign(T(0), x / y);
    T whole = floor(quotient);
    return quotient - whole > T(0.5) ? whole + T(1) : whole;
  } else {
    if (y == T(0)) return T(0);
    if constexpr (Traits<T>::is_signed) {
      if (y == T(-1)) return T(0ull - (unsigned long long)x);
    }
    T quotient = x / y;
    T rest = x - quotient * y;
    return rest != T(0) && (y < T(0)) != (rest < T(0)) ? T(quotient - T(1)) : quotient;
  }
}

template <typename T> __device__ inline T remainder(T x, T y) {
  if constexpr (Traits<T>::is_float) {
    T rest = fmod(x, y);
    if (y == T(0) || rest != rest) return rest;
    if (rest == T(0)) return copysign(T(0), y);
    return (y < T(0)) != (rest < T(0)) ? rest + y : rest;
  } else {
    if (y == T(0)) return T(0);
    if constexpr (Traits<T>::is_signed) {
      if (y == T(-1)) return T(0);
    }
    T rest = x % y;
    return rest != T(0) && (y < T(0)) != (rest < T(0)) ? T(rest + y) : rest;
  }
}

// Integer powers wrap around; a negative exponent leaves only the powers of 1 and -1.
template <typename T> __device__ inline T power(T x, T y) {
  if (y < T(0)) {
    if (x == T(1)) return T(1);
    if (x + T(1) == T(0)) return y % T(2) == T(0) ? T(1) : x;
    return T(0);
  }
  unsigned long long base = (unsigned long long)x;
  unsigned long long exponent = (unsigned long long)y;
  unsigned long long result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) result *= base;
    base *= base;
  }
  return T(result);
}

// Exponentials of sums, in forms that do not overflow

template <typename T> __device__ inline T logaddexp(T x, T y) {
  if (x == y) return x + T(0.6931471805599453);  // also the infinities, whose difference is NaN
  T difference = x - y;
  if (difference > T(0)) return x + log1p(exp(-difference));
  if (difference <= T(0)) return y + log1p(exp(difference));
  return difference;
}
// exp of a negative number only: no overflow on either side.
template <typename T> __device__ inline T sigmoid(T x) {
  T e = exp(-absolute(x));
  return (x >= T(0) ? T(1) : e) / (T(1) + e);
}
template <typename T> __device__ inline T softplus(T x) {
  return maximum(x, T(0)) + log1p(exp(-absolute(x)));
}

// Bits

template <typename T> __device__ inline T bitwise_invert(T x) { return T(~x); }
__device__ inline bool bitwise_invert(bool x) { return !x; }

// Shifts by the width or more, or by a negative number, push out all bits.
template <typename T> __device__ inline T left_shift(T x, T y) {
  return (unsigned long long)y < 8 * sizeof(T) ? T((unsigned long long)x << (int)y) : T(0);
}
template <typename T> __device__ inline T right_shift(T x, T y) {
  if ((unsigned long long)y < 8 * sizeof(T)) return T(x >> (int)y);
  return x < T(0) ? T(-1) : T(0);
}

}  // namespace scalar
