// Fibres: a stack of their own and a hand-written switch (x86-64, System V calling convention).
#pragma once

struct Fibre {
    void* stack_pointer = nullptr;
    char* stack = nullptr;
};

void fibre_create(Fibre* fibre);                  // maps its stack, with a guard page below it
void fibre_start(Fibre* fibre, void (*main)());   // the next fibre_enter begins `main`
void fibre_enter(Fibre* fibre);                   // from the scheduler into the fibre ...
void fibre_leave(Fibre* fibre);                   // ... and back
