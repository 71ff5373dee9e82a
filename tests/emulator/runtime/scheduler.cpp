// One block at a time; every CUDA thread is a fibre; barriers and warp collectives are the places
// where fibres change.  Their order is drawn from a seed, so that a missing barrier shows.
#include "scheduler.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "fibre.h"

using shim::Exchange;
using shim::WARP;

bool forget_async_copies();  // see async_copies.cpp

shim::Now shim_now;
alignas(1024) char shim_dynamic_shared[shim::MAX_DYNAMIC_SHARED + 1024];

namespace {

constexpr size_t CANARY = 64;  // bytes after the dynamic shared memory that must stay as they are
constexpr int POISON = 0xFF;   // floats of these bytes are NaN, indices are -1

enum State : uint8_t { READY, AT_BARRIER, IN_WARP, DONE };

struct Thread {
    Fibre fibre;
    uint3 index;
    unsigned linear;
    State state;
    int line;  // where it waits
};

// The meeting of the lanes of one mask.  `result` stays readable until all have met again.
struct Meeting {
    unsigned mask = 0;
    unsigned arrived = 0;
    Exchange arriving;
    Exchange result;
};

struct Votes {
    int all = 1;
    int any = 0;
    int count = 0;
};

std::vector<Thread> threads;
std::vector<std::deque<Meeting>> warps;  // a deque keeps its elements in place as it grows
std::vector<unsigned> order;
Votes votes;
Votes last_votes;
unsigned nthreads;
unsigned current;
uint64_t random_state;
const scheduler::Launch* launch;
char error[512];

void set_error(const char* format, ...) {
    va_list values;
    va_start(values, format);
    vsnprintf(error, sizeof error, format, values);
    va_end(values);
}

uint32_t random_number() {
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return random_state >> 33;
}

void shuffle_order() {
    for (unsigned k = nthreads - 1; k > 0; k--) {
        std::swap(order[k], order[random_number() % (k + 1)]);
    }
}

void pause(State state, int line) {
    Thread& me = threads[current];
    me.state = state;
    me.line = line;
    fibre_leave(&me.fibre);
}

void resume(unsigned thread) {
    current = thread;
    shim_now.thread = threads[thread].index;
    shim_now.linear = threads[thread].linear;
    fibre_enter(&threads[thread].fibre);
}

void thread_main() {
    for (;;) {
        launch->kernel->thread(launch->arguments);
        pause(DONE, 0);
    }
}

void prepare_threads() {
    while (threads.size() < nthreads) {
        threads.emplace_back();
        fibre_create(&threads.back().fibre);
    }
    unsigned i = 0;
    for (unsigned z = 0; z < launch->block.z; z++) {
        for (unsigned y = 0; y < launch->block.y; y++) {
            for (unsigned x = 0; x < launch->block.x; x++, i++) {
                fibre_start(&threads[i].fibre, thread_main);
                threads[i].index = {x, y, z};
                threads[i].linear = i;
            }
        }
    }
    warps.resize((nthreads + WARP - 1) / WARP);
    order.resize(nthreads);
    for (unsigned k = 0; k < nthreads; k++) order[k] = k;
}

void prepare_block() {
    const shim::Kernel& kernel = *launch->kernel;
    memset(kernel.shared_begin, POISON, kernel.shared_end - kernel.shared_begin);
    memset(shim_dynamic_shared, POISON, launch->dynamic_shared + CANARY);
    for (auto& warp : warps) warp.clear();
    for (unsigned k = 0; k < nthreads; k++) threads[k].state = READY;
    votes = Votes();
}

bool run_ready_threads() {
    bool any = false;
    for (unsigned k : order) {
        if (threads[k].state != READY) continue;
        any = true;
        resume(k);
        if (error[0]) return false;
    }
    return any;
}

unsigned count(State state) {
    unsigned n = 0;
    for (unsigned k = 0; k < nthreads; k++) n += threads[k].state == state;
    return n;
}

// Everyone has arrived at a barrier or returned: may they go on?
bool open_barrier(unsigned returned) {
    int line = -1;
    for (unsigned k = 0; k < nthreads; k++) {
        if (threads[k].state != AT_BARRIER) continue;
        if (line < 0) line = threads[k].line;
        if (line == threads[k].line) continue;
        set_error("divergent barrier: threads wait at lines %d and %d", line, threads[k].line);
        return false;
    }
    if (returned && !launch->may_leave_early) {
        set_error("barrier at line %d not reached by %u threads that have returned", line,
                  returned);
        return false;
    }
    last_votes = votes;
    votes = Votes();
    for (unsigned k = 0; k < nthreads; k++) {
        if (threads[k].state == AT_BARRIER) threads[k].state = READY;
    }
    return true;
}

void report_deadlock() {
    for (unsigned k = 0; k < nthreads; k++) {
        if (threads[k].state != IN_WARP) continue;
        set_error("deadlock: thread %u waits for its warp at line %d", k, threads[k].line);
        return;
    }
}

void check_canary() {
    const char* end = shim_dynamic_shared + launch->dynamic_shared;
    for (size_t i = 0; i < CANARY; i++) {
        if (end[i] == static_cast<char>(POISON)) continue;
        set_error("wrote past the %zu bytes of dynamic shared memory", launch->dynamic_shared);
        return;
    }
}

void check_copies() {
    if (forget_async_copies()) set_error("a thread returned without waiting for what it copied");
}

void run_block_on_fibres() {
    prepare_block();
    forget_async_copies();
    while (!error[0]) {
        if (launch->seed) shuffle_order();
        bool ran = run_ready_threads();
        if (error[0]) return;
        unsigned returned = count(DONE);
        if (returned == nthreads) break;
        if (returned + count(AT_BARRIER) == nthreads) {
            open_barrier(returned);
        } else if (!ran) {
            report_deadlock();
        }
    }
    check_canary();
    check_copies();
}

bool is_valid_launch() {
    dim3 g = launch->grid;
    dim3 b = launch->block;
    uint64_t n = static_cast<uint64_t>(b.x) * b.y * b.z;
    bool ok = n > 0 && n <= 1024 && b.z <= 64 && g.x > 0 && g.y > 0 && g.z > 0;
    ok = ok && g.x <= 0x7FFFFFFF && g.y <= 65535 && g.z <= 65535;
    ok = ok && launch->dynamic_shared <= shim::MAX_DYNAMIC_SHARED;
    nthreads = n;
    if (!ok) {
        set_error("invalid launch configuration: grid (%u, %u, %u), block (%u, %u, %u), "
                  "%zu bytes of shared memory",
                  g.x, g.y, g.z, b.x, b.y, b.z, launch->dynamic_shared);
    }
    return ok;
}

void run_block(uint64_t number) {
    dim3 g = launch->grid;
    shim_now.block.x = number % g.x;
    shim_now.block.y = number / g.x % g.y;
    shim_now.block.z = number / g.x / g.y;
    if (launch->kernel->block) {
        launch->kernel->block(launch->arguments);
    } else {
        run_block_on_fibres();
    }
}

}  // namespace

const char* scheduler::run(const Launch& what) {
    launch = &what;
    error[0] = 0;
    if (!is_valid_launch()) return error;
    shim_now.grid_dim = what.grid;
    shim_now.block_dim = what.block;
    random_state = what.seed * 2 + 1;
    if (!what.kernel->block) prepare_threads();
    uint64_t nblocks = static_cast<uint64_t>(what.grid.x) * what.grid.y * what.grid.z;
    bool backwards = what.seed % 2;  // blocks may run in any order, so half of the seeds turn it
    for (uint64_t i = 0; i < nblocks && !error[0]; i++) {
        run_block(backwards ? nblocks - 1 - i : i);
    }
    return error[0] ? error : nullptr;
}

// ---- what kernels call --------------------------------------------------------------------------

void shim_barrier(int line) {
    pause(AT_BARRIER, line);
}

int shim_barrier_vote(int line, int predicate, int vote) {
    votes.all &= predicate;
    votes.any |= predicate;
    votes.count += predicate;
    pause(AT_BARRIER, line);
    if (vote == shim::VOTE_AND) return last_votes.all;
    return vote == shim::VOTE_OR ? last_votes.any : last_votes.count;
}

static Meeting& meeting_of(unsigned warp, unsigned mask) {
    for (Meeting& meeting : warps[warp]) {
        if (meeting.mask == mask) return meeting;
    }
    warps[warp].emplace_back();
    warps[warp].back().mask = mask;
    return warps[warp].back();
}

const Exchange* shim_exchange(unsigned mask, const void* value, size_t nbytes, int line) {
    unsigned lane = shim_now.linear % WARP;
    unsigned warp = shim_now.linear / WARP;
    unsigned existing = nthreads - warp * WARP;
    if (existing < WARP) mask &= (1u << existing) - 1;
    if (!(mask >> lane & 1)) {
        char text[100];
        snprintf(text, sizeof text, "line %d: lane %u is not in its own mask 0x%x", line, lane,
                 mask);
        shim_fail(text);
    }
    Meeting& meeting = meeting_of(warp, mask);
    memcpy(meeting.arriving.value[lane], value, nbytes);
    meeting.arrived |= 1u << lane;
    if (meeting.arrived != mask) {
        pause(IN_WARP, line);
        return &meeting.result;
    }
    meeting.result = meeting.arriving;  // the last to arrive publishes and wakes the others
    meeting.result.mask = mask;
    meeting.arrived = 0;
    for (unsigned l = 0; l < WARP; l++) {
        if (mask >> l & 1 && l != lane) threads[warp * WARP + l].state = READY;
    }
    return &meeting.result;
}
