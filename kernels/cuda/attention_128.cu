// Attention with heads of up to 128 features.
constexpr int FEATURES = 128;
#include "attention_gradient.cuh"
