// The gradient of attention: see attention.cuh, and ops/attention.py for the formulas.
#include "attention.cuh"

// dQ = scale dS K, dS = P (G V^T - D), P = e^(S - L).  Blocks: (tiles of queries, heads, batch).
template <typename T>
__global__ void __launch_bounds__(128, 1) attention_query_gradient(
    const T* g, const T* query, const T* key, const T* value, const bool* allowed,
    const float* added, const float* logs, const float* delta, T* dq, const Attention s) {
  constexpr int STREAM = Plan<T>::STREAM_BACK;
  __align__(16) __shared__ T queries[Plan<T>::KEPT_SIZE];
  __align__(16) __shared__ T arriving[Plan<T>::KEPT_SIZE];
  __align__(16) __shared__ T keys[Plan<T>::SIZE_BACK];
  __align__(16) __shared__ T values[Plan<T>::SIZE_BACK];
  const int h = blockIdx.y, b = blockIdx.z;
  const Rows<const T> k = s.of_keys(key, b, h / s.group(), s.features);
  const Rows<const T> v = s.of_keys(value, b, h / s.group(), s.value_features);
  const Mask masked(allowed, added, s, b, h);
  const int first = blockIdx.x * Plan<T>::ROWS;
  const int own = threadIdx.x / 32 * 16;
  fetch<FEATURES>(queries, s.of_queries(query, b, h, s.features), first);
  fetch<FEATURES>(arriving, s.of_queries(g, b, h, s.value_features), first);
  fetch<FEATURES>(values, v, 0);
  float log_of[2] = {0.0f, 0.0f};
  float delta_of[2] = {0.0f, 0.0f};
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int row = first + own + lane_group() + 8 * i;
    if (row < s.queries) {
      log_of[i] = *s.of_queries(logs, b, h, 1).at(row);
      delta_of[i] = *s.of_queries(delta, b, h, 1).at(row);
    }
  }
  float sums[FEATURES / 8][4];
  clear(sums);
  const int last = s.is_causal ? min(s.keys, first + Plan<T>::ROWS) : s.keys;
  for (int n = 0; n < last; n += STREAM) {
    float scores[STREAM / 8][4];
    float slopes[STREAM / 8][4];
    clear(scores);
    clear(slopes);
    arrived();
    fetch<FEATURES>(keys, k, n);
    add_rows_product<T, FEATURES>(slopes, arriving + own * Plan<T>::STRIDE, values);
    arrived();
    if (n + STREAM < last) fetch<FEATURES>(values, v, n + STREAM);
    add_rows_product<T, FEATURES>(scores, queries + own * Plan<T>::STRIDE, keys);
    score<false>(scores, masked, first + own, n);
#pragma unroll
    for (int j = 0; j < STREAM / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const float weight = weight_of<T>(scores[j][e] - log_of[e / 2]);
        slopes[j][e] = weight * (slopes[j][e] - delta_of[e / 2]);
      }
    }
    add_weighted_rows<T, FEATURES>(sums, slopes, keys);
  }
  scale_row(sums, 0, s.scale);
  scale_row(sums, 1, s.scale);
  store(sums, s.of_queries(dq, b, h, s.features), first + own);
}

// Scores of keys (rows) and queries (columns, from `first` on) become weights, and slopes, which
// hold V G^T, what the scores' gradients are.  A query that may see no key has the weight `share` for
// all of them, whatever the scores are.
template <typename T, int N>
__device__ inline void weigh(
    float (&scores)[N][4], float (&slopes)[N][4], const Rows<const float>& logs,
    const Rows<const float>& delta, int first, float share) {
#pragma unroll
  for (int j = 0; j < N; ++j) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int row = first + 8 * j + lane_pair() + i;
      const float log_of = row < logs.length ? *logs.at(row) : 0.0f;
      const float delta_of = row < logs.length ? *delta.at(row) : 0.0f;
#pragma unroll
      for (int e = i; e < 4; e += 2) {
        const float weight = weight_of<T>(scores[j][e] - log_of);
        slopes[j][e] = weight * (slopes[j][e] - delta_of);
        scores[j][e] = log_of == ALL_FORBIDDEN ? share : weight;
      }
    }
  }
}

// Whether a head of the block's group has a query before `end` that may see no key; all threads ask.
__device__ inline bool any_blind(const Attention& s, const float* logs, int b, int key_head, int end) {
  bool is_blind = false;
  for (int h = key_head * s.group(); h < (key_head + 1) * s.group(); ++h) {
    const Rows<const float> rows = s.of_queries(logs, b, h, 1);
    for (int q = threadIdx.x; q < end; q += blockDim.x) is_blind |= *rows.at(q) == ALL_FORBIDDEN;
  }
  return __syncthreads_or(is_blind);
}

// dK = scale dS^T Q and dV = P^T G, over all heads that a head of the keys serves.
// Blocks: (tiles of keys, heads of the keys, batch).
template <typename T>
__global__ void __launch_bounds__(128, 1) attention_key_gradient(
    const T* g, const T* query, const T* key, const T* value, const bool* allowed,
    const float* added, const float* logs, const float* delta, T* dk, T* dv, const Attention s) {
  constexpr int STREAM = Plan<T>::STREAM_BACK;
  __align__(16) __shared__ T keys[Plan<T>::KEPT_SIZE];
  __align__(16) __shared__ T values[Plan<T>::KEPT_SIZE];
  __align__(16) __shared__ T queries[2][Plan<T>::SIZE_BACK];  // in use to the end of a step
  __align__(16) __shared__ T arriving[Plan<T>::SIZE_BACK];
  const int key_head = blockIdx.y, b = blockIdx.z;
  const int first = blockIdx.x * Plan<T>::ROWS;
  const int own = threadIdx.x / 32 * 16;
  int begin = s.is_causal ? first / STREAM * STREAM : 0;  // of the queries that weigh a key
  if (begin > 0 && (allowed != nullptr || added != nullptr) &&
      any_blind(s, logs, b, key_head, min(begin, s.queries)))
    begin = 0;
  const int end = (key_head + 1) * s.group();  // of the heads
  int h = begin < s.queries ? key_head * s.group() : end;
  if (h < end) {
    fetch<FEATURES>(keys, s.of_keys(key, b, key_head, s.features), first);
    fetch<FEATURES>(values, s.of_keys(value, b, key_head, s.value_features), first);
    fetch<FEATURES>(queries[0], s.of_queries(query, b, h, s.features), begin);
  }
  float of_keys[FEATURES / 8][4];
  float of_values[FEATURES / 8][4];
  clear(of_keys);
  clear(of_values);
  const float share = 1.0f / s.keys;
  for (int q = begin, tile = 0; h < end; tile ^= 1) {
    const bool is_last = q + STREAM >= s.queries;  // of this head
    const int next_h = is_last ? h + 1 : h;
    const int next_q = is_last ? begin : q + STREAM;
    float weights[STREAM / 8][4];
    float slopes[STREAM / 8][4];
    clear(weights);
    clear(slopes);
    arrived();
    fetch<FEATURES>(arriving, s.of_queries(g, b, h, s.value_features), q);
    add_rows_product<T, FEATURES>(weights, keys + own * Plan<T>::STRIDE, queries[tile]);
    arrived();
    if (next_h < end)
      fetch<FEATURES>(queries[tile ^ 1], s.of_queries(query, b, next_h, s.features), next_q);
    add_rows_product<T, FEATURES>(slopes, values + own * Plan<T>::STRIDE, arriving);
    score<true>(weights, Mask(allowed, added, s, b, h), first + own, q);
    weigh<T>(weights, slopes, s.of_queries(logs, b, h, 1), s.of_queries(delta, b, h, 1), q, share);
    add_weighted_rows<T, FEATURES>(of_values, weights, arriving);
    add_weighted_rows<T, FEATURES>(of_keys, slopes, queries[tile]);
    h = next_h;
    q = next_q;
  }
  scale_row(of_keys, 0, s.scale);
  scale_row(of_keys, 1, s.scale);
  store(of_keys, s.of_keys(dk, b, key_head, s.features), first + own);
  store(of_values, s.of_keys(dv, b, key_head, s.value_features), first + own);
}
