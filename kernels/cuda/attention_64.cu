// Attention with heads of up to 64 features.
constexpr int FEATURES = 64;
#include "attention_gradient.cuh"
