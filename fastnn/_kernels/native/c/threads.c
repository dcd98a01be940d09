/* The pool: workers spin briefly for the next region, then park on a condition variable.
 *
 * Design: own threads instead of OpenMP, whose pool does not survive a fork, comes in one copy per wheel and cannot be
 * told how long to spin. One region at a time; a second caller (another Python thread, or a nested call) runs alone, so
 * there are never more running threads than were asked for. */
#include "threads.h"

#include "platform/platform.h"

#if defined(__x86_64__)
#define relax() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define relax() __asm__ volatile("yield")
#else
#define relax() ((void)0)
#endif

/* A worker sleeps after longer than the pause between two calls of a busy program; a thread at a barrier lets others
 * run after some microseconds: schedulers that fill one processor first leave the other thread of a short call waiting
 * for this very one. */
enum { SPINS_BEFORE_PARK = 2000, SPINS_BEFORE_YIELD = 150 };

static int workers, busy, parked, claimed;
static int started_at[FNN_MAX_THREADS]; /* the region before a worker's first */
static int region;                      /* counts regions; a worker that sees it change has work */
static fnn_task task_now;
static void *argument_now;
static fnn_team team_now;

static int load(const int *value) { return __atomic_load_n(value, __ATOMIC_ACQUIRE); }
static void store(int *value, int to) { __atomic_store_n(value, to, __ATOMIC_RELEASE); }
static int add(int *value, int by) { return __atomic_add_fetch(value, by, __ATOMIC_ACQ_REL); }

void fnn_spin(int *spins) {
    if (++*spins < SPINS_BEFORE_YIELD)
        relax();
    else
        fnn_let_others_run();
}

void fnn_barrier(fnn_team *team) {
    if (team->size == 1) return;
    const int phase = load(&team->phase);
    if (add(&team->arrived, 1) == team->size) {
        store(&team->arrived, 0);
        store(&team->phase, phase + 1);
        return;
    }
    for (int spins = 0; load(&team->phase) == phase;) fnn_spin(&spins);
}

/* Waits for a region after `seen`; returns its number. */
static int next_region(int seen) {
    for (int spins = 0; spins < SPINS_BEFORE_PARK; spins++) {
        if (load(&region) != seen) return load(&region);
        relax();
    }
    fnn_lock();
    parked++;
    while (load(&region) == seen) fnn_wait();
    parked--;
    fnn_unlock();
    return load(&region);
}

static void worker(int thread) {
    for (int seen = started_at[thread];;) {
        seen = next_region(seen);
        if (thread < team_now.size) task_now(argument_now, &team_now, thread);
        add(&busy, -1);
    }
}

static int start_worker(int thread) {
    started_at[thread] = load(&region);
    return fnn_start_thread(worker, thread);
}

/* Threads do not survive a fork: the child begins with an empty pool. */
static void forget_workers(void) { workers = busy = parked = claimed = 0; }

static void grow_pool(int wanted) {
    fnn_after_fork(forget_workers);
    while (workers < wanted && start_worker(workers + 1)) workers++;
}

/* A worker between its last look at the region and its wait must not miss the call: hence the lock. */
static void wake_workers(void) {
    store(&busy, workers);
    fnn_lock();
    add(&region, 1);
    if (parked) fnn_wake_all();
    fnn_unlock();
}

void fnn_parallel(int n, fnn_task task, void *argument) {
    if (n <= 1 || __atomic_exchange_n(&claimed, 1, __ATOMIC_ACQ_REL)) {
        fnn_team alone = {1, 0, 0};
        task(argument, &alone, 0);
        return;
    }
    n = n < FNN_MAX_THREADS ? n : FNN_MAX_THREADS;
    grow_pool(n - 1);
    team_now = (fnn_team){workers + 1 < n ? workers + 1 : n, 0, 0};
    task_now = task;
    argument_now = argument;
    wake_workers();
    task(argument, &team_now, 0);
    for (int spins = 0; load(&busy);) fnn_spin(&spins);
    store(&claimed, 0);
}
