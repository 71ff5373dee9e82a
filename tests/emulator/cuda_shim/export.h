// How a kernel library hands its kernels to the scheduler.
#pragma once
#include <type_traits>
#include <utility>

#include "keywords.h"

// The linker defines these two around the section of the __shared__ variables; the anchor makes
// sure that the section exists.
extern "C" __attribute__((visibility("hidden"))) char __start_shim_shared[];
extern "C" __attribute__((visibility("hidden"))) char __stop_shim_shared[];
static char shim_shared_anchor[16] __attribute__((section("shim_shared"), used));

namespace shim {

template <auto function>
struct Entry;

template <class... P, void (*function)(P...)>
struct Entry<function> {
    static constexpr unsigned sizes[] = {sizeof(P)..., END_OF_SIZES};

    template <size_t... I>
    static void call(void** arguments, std::index_sequence<I...>) {
        function(*static_cast<std::remove_cv_t<std::remove_reference_t<P>>*>(arguments[I])...);
    }

    static void thread(void** arguments) {
        call(arguments, std::index_sequence_for<P...>{});
    }

    static void block(void** arguments) {
        dim3 n = shim_now.block_dim;
        shim_now.linear = 0;
        for (unsigned z = 0; z < n.z; z++) {
            for (unsigned y = 0; y < n.y; y++) {
                for (unsigned x = 0; x < n.x; x++) {
                    shim_now.thread = {x, y, z};
                    call(arguments, std::index_sequence_for<P...>{});
                    shim_now.linear++;
                }
            }
        }
    }
};

template <auto function, bool has_collectives>
constexpr Kernel describe() {
    using E = Entry<function>;
    if constexpr (has_collectives) {
        return {E::thread, nullptr, E::sizes, __start_shim_shared, __stop_shim_shared};
    } else {
        return {nullptr, E::block, E::sizes, __start_shim_shared, __stop_shim_shared};
    }
}

}  // namespace shim

#define SHIM_EXPORT(number, has_collectives, ...)                                        \
    extern "C" __attribute__((visibility("default"), externally_visible, used))          \
    const shim::Kernel shim_kernel_##number = shim::describe<__VA_ARGS__, has_collectives>();
