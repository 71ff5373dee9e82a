// Stand-in for cuRAND: uniform and normal numbers of a splitmix64 generator, not NVIDIA's stream.
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace {

struct Generator {
    uint64_t state = 0;

    uint64_t next() {
        uint64_t z = state += 0x9E3779B97F4A7C15ull;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ z >> 27) * 0x94D049BB133111EBull;
        return z ^ z >> 31;
    }

    double uniform() {  // in (0, 1]
        return ((next() >> 11) + 1) * 0x1p-53;
    }

    float uniform_float() {  // in (0, 1]
        return ((next() >> 40) + 1) * 0x1p-24f;
    }

    double normal() {
        double radius = sqrt(-2 * log(uniform()));
        return radius * cos(6.283185307179586 * uniform());
    }
};

}  // namespace

extern "C" {

int curandCreateGenerator(Generator** generator, int) {
    *generator = new Generator;
    return 0;
}

int curandDestroyGenerator(Generator* generator) {
    delete generator;
    return 0;
}

int curandGetVersion(int* version) {
    *version = 10400;
    return 0;
}

int curandSetStream(Generator*, void*) {
    return 0;
}

int curandSetPseudoRandomGeneratorSeed(Generator* generator, uint64_t seed) {
    generator->state = seed;
    return 0;
}

int curandSetGeneratorOffset(Generator*, uint64_t) {
    return 0;
}

int curandSetGeneratorOrdering(Generator*, int) {
    return 0;
}

int curandGenerate(Generator* generator, uint32_t* out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = generator->next() >> 32;
    return 0;
}

int curandGenerateLongLong(Generator* generator, uint64_t* out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = generator->next();
    return 0;
}

int curandGenerateUniform(Generator* generator, float* out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = generator->uniform_float();
    return 0;
}

int curandGenerateUniformDouble(Generator* generator, double* out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = generator->uniform();
    return 0;
}

int curandGenerateNormal(Generator* generator, float* out, size_t n, float mean, float deviation) {
    for (size_t i = 0; i < n; i++) out[i] = mean + deviation * generator->normal();
    return 0;
}

int curandGenerateNormalDouble(Generator* generator, double* out, size_t n, double mean,
                               double deviation) {
    for (size_t i = 0; i < n; i++) out[i] = mean + deviation * generator->normal();
    return 0;
}

}  // extern "C"
