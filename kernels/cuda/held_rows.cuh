// Rows of neighbours that are passed over several times: where address and length allow it they are
// loaded in pieces of 16 bytes and stay in registers; others are read again for each pass.
#include "rows.cuh"

template <typename T> struct alignas(16) Piece {
  static constexpr int SIZE = 16 / sizeof(T);
  T at[SIZE];
};

// A row that is spread over the threads in pieces; places after its end are 0.
constexpr int HELD_BYTES = 128;  // of a row, for each thread: HELD_BYTES in arrays.py
template <typename T> struct HeldRow {
  using A = compute_t<T>;
  static constexpr int SIZE = Piece<T>::SIZE;
  static constexpr int PIECES = HELD_BYTES / sizeof(A) / SIZE;
  A at[PIECES][SIZE];

  __device__ void load(const T* row, long long columns) {
#pragma unroll
    for (int p = 0; p < PIECES; ++p) {
      const long long c = place(p);
      Piece<T> piece;
      if (c < columns) piece = *(const Piece<T>*)(row + c);
#pragma unroll
      for (int i = 0; i < SIZE; ++i) at[p][i] = c < columns ? A(piece.at[i]) : A(0);
    }
  }
  // f(column, value) for each element that this thread holds.
  template <typename F> __device__ void each(long long columns, F f) {
#pragma unroll
    for (int p = 0; p < PIECES; ++p) {
      const long long c = place(p);
      if (c < columns) {
#pragma unroll
        for (int i = 0; i < SIZE; ++i) f(c + i, at[p][i]);
      }
    }
  }
  __device__ void store(T* row, long long columns) const {
#pragma unroll
    for (int p = 0; p < PIECES; ++p) {
      const long long c = place(p);
      Piece<T> piece;
#pragma unroll
      for (int i = 0; i < SIZE; ++i) piece.at[i] = T(at[p][i]);
      if (c < columns) *(Piece<T>*)(row + c) = piece;
    }
  }
  __device__ static long long place(int p) { return (p * blockDim.x + threadIdx.x) * SIZE; }
};

// A row that stays in memory; `store` is done by whoever changes an element.
template <typename T> struct ReadRow {
  using A = compute_t<T>;
  const T* row;
  __device__ void load(const T* from, long long) { row = from; }
  template <typename F> __device__ void each(long long columns, F f) {
    for (long long c = threadIdx.x; c < columns; c += blockDim.x) f(c, A(row[c]));
  }
};
