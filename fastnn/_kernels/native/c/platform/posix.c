/* Linux, macOS and all others with POSIX threads. */
#include "platform.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

void *fnn_aligned_alloc(size_t bytes) {
    void *memory;
    return posix_memalign(&memory, FNN_ALIGNMENT, bytes) ? NULL : memory;
}

void fnn_aligned_free(void *memory) { free(memory); }

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int has_key;
static void (*release_own)(void *);

static void make_key(void) { has_key = !pthread_key_create(&key, release_own); }

void *fnn_get_own(void (*release)(void *)) {
    __atomic_store_n(&release_own, release, __ATOMIC_RELAXED);
    pthread_once(&once, make_key);
    return has_key ? pthread_getspecific(key) : NULL;
}

int fnn_set_own(void *value) { return has_key && !pthread_setspecific(key, value); }

typedef struct {
    void (*work)(int);
    int number;
} start;

static void *run(void *argument) {
    const start begun = *(start *)argument;
    free(argument);
    begun.work(begun.number);
    return NULL;
}

int fnn_start_thread(void (*work)(int number), int number) {
    pthread_t id;
    start *begun = malloc(sizeof *begun);
    if (!begun) return 0;
    *begun = (start){work, number};
    if (pthread_create(&id, NULL, run, begun)) {
        free(begun);
        return 0;
    }
    pthread_detach(id);
    return 1;
}

void fnn_let_others_run(void) { sched_yield(); }

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

void fnn_lock(void) { pthread_mutex_lock(&mutex); }
void fnn_unlock(void) { pthread_mutex_unlock(&mutex); }
void fnn_wait(void) { pthread_cond_wait(&condition, &mutex); }
void fnn_wake_all(void) { pthread_cond_broadcast(&condition); }

static void (*forget_all)(void);

static void in_child(void) {
    mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    condition = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    forget_all();
}

void fnn_after_fork(void (*forget)(void)) {
    if (forget_all) return;
    forget_all = forget;
    pthread_atfork(NULL, NULL, in_child);
}

double fnn_seconds(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

int64_t fnn_thread_nanoseconds(void) {
    struct timespec ran;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ran);
    return (int64_t)ran.tv_sec * 1000000000 + ran.tv_nsec;
}
