#include "fibre.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace {

constexpr size_t STACK = 64 << 10;
constexpr size_t PAGE = 4096;
constexpr int SAVED_REGISTERS = 6;

void* scheduler_stack_pointer;

}  // namespace

// Pushes the callee-saved registers, stores the stack pointer in *save, goes on with `load`.
extern "C" void fibre_switch(void** save, void* load);
asm(R"(
    .text
    .local fibre_switch
    fibre_switch:
        pushq %rbp
        pushq %rbx
        pushq %r12
        pushq %r13
        pushq %r14
        pushq %r15
        movq %rsp, (%rdi)
        movq %rsi, %rsp
        popq %r15
        popq %r14
        popq %r13
        popq %r12
        popq %rbx
        popq %rbp
        ret
)");

void fibre_create(Fibre* fibre) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* map = mmap(nullptr, STACK + PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (map == MAP_FAILED) throw std::bad_alloc();
    mprotect(map, PAGE, PROT_NONE);
    fibre->stack = static_cast<char*>(map) + PAGE;
}

void fibre_start(Fibre* fibre, void (*main)()) {
    void** top = reinterpret_cast<void**>(fibre->stack + STACK);
    *--top = nullptr;  // a return address for main, which never returns; it also aligns the stack
    *--top = reinterpret_cast<void*>(main);
    for (int i = 0; i < SAVED_REGISTERS; i++) *--top = nullptr;
    fibre->stack_pointer = top;
}

void fibre_enter(Fibre* fibre) {
    fibre_switch(&scheduler_stack_pointer, fibre->stack_pointer);
}

void fibre_leave(Fibre* fibre) {
    fibre_switch(&fibre->stack_pointer, scheduler_stack_pointer);
}
