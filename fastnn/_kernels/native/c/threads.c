/* The pool: workers spin briefly for the next region, then park on a condition variable.
 *
 * Design: own threads instead of OpenMP, whose pool does not survive a fork, comes in one copy per wheel and cannot be
 * told how long to spin. One region at a time; a second caller (another Python thread, or a nested call) runs alone, so
 * there are never more running threads than were asked for. */
#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <stddef.h>

#if defined(__x86_64__)
#define relax() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define relax() __asm__ volatile("yield")
#else
#define relax() ((void)0)
#endif

/* A worker sleeps after longer than the pause between two calls of a busy program; a thread at a barrier lets others
 * run after a while, because there may be more threads than processors. */
enum { SPINS_BEFORE_PARK = 2000, SPINS_BEFORE_YIELD = 1000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static int workers, busy, parked, claimed;
static int started_at[FNN_MAX_THREADS]; /* the region before a worker's first */
static int region;                      /* counts regions; a worker that sees it change has work */
static fnn_task task_now;
static void *argument_now;
static fnn_team team_now;

static int load(const int *value) { return __atomic_load_n(value, __ATOMIC_ACQUIRE); }
static void store(int *value, int to) { __atomic_store_n(value, to, __ATOMIC_RELEASE); }
static int add(int *value, int by) { return __atomic_add_fetch(value, by, __ATOMIC_ACQ_REL); }

static void spin(int *spins) {
    if (++*spins < SPINS_BEFORE_YIELD)
        relax();
    else
        sched_yield();
}

void fnn_barrier(fnn_team *team) {
    if (team->size == 1) return;
    const int phase = load(&team->phase);
    if (add(&team->arrived, 1) == team->size) {
        store(&team->arrived, 0);
        store(&team->phase, phase + 1);
        return;
    }
    for (int spins = 0; load(&team->phase) == phase;) spin(&spins);
}

/* Waits for a region after `seen`; returns its number. */
static int next_region(int seen) {
    for (int spins = 0; spins < SPINS_BEFORE_PARK; spins++) {
        if (load(&region) != seen) return load(&region);
        relax();
    }
    pthread_mutex_lock(&mutex);
    parked++;
    while (load(&region) == seen) pthread_cond_wait(&work, &mutex);
    parked--;
    pthread_mutex_unlock(&mutex);
    return load(&region);
}

static void *worker(void *number) {
    const int thread = (int)(ptrdiff_t)number;
    for (int seen = started_at[thread];;) {
        seen = next_region(seen);
        if (thread < team_now.size) task_now(argument_now, &team_now, thread);
        add(&busy, -1);
    }
    return NULL;
}

static int start_worker(int thread) {
    pthread_t id;
    started_at[thread] = load(&region);
    if (pthread_create(&id, NULL, worker, (void *)(ptrdiff_t)thread)) return 0;
    pthread_detach(id);
    return 1;
}

/* Threads do not survive a fork: the child begins with an empty pool. */
static void forget_after_fork(void) {
    workers = busy = parked = claimed = 0;
    mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    work = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
}

static void grow_pool(int wanted) {
    static int registered;
    if (!registered) registered = !pthread_atfork(NULL, NULL, forget_after_fork);
    while (workers < wanted && start_worker(workers + 1)) workers++;
}

/* A worker between its last look at the region and its wait must not miss the call: hence the lock. */
static void wake_workers(void) {
    store(&busy, workers);
    pthread_mutex_lock(&mutex);
    add(&region, 1);
    if (parked) pthread_cond_broadcast(&work);
    pthread_mutex_unlock(&mutex);
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
    for (int spins = 0; load(&busy);) spin(&spins);
    store(&claimed, 0);
}
