/* Systems without threads, as WebAssembly: all work is the caller's. */
#include "platform.h"

#include <stdlib.h>
#include <time.h>

/* A multiple of the alignment, as aligned_alloc wants it. */
void *fnn_aligned_alloc(size_t bytes) {
    if (bytes > (size_t)-FNN_ALIGNMENT) return NULL;
    return aligned_alloc(FNN_ALIGNMENT, (bytes + FNN_ALIGNMENT - 1) / FNN_ALIGNMENT * FNN_ALIGNMENT);
}

void fnn_aligned_free(void *memory) { free(memory); }

static void *own;

void *fnn_get_own(void (*release)(void *)) {
    (void)release; /* the only thread ends with the process */
    return own;
}

int fnn_set_own(void *value) {
    own = value;
    return 1;
}

int fnn_start_thread(void (*work)(int number), int number) {
    (void)work, (void)number;
    return 0;
}

void fnn_let_others_run(void) {}
void fnn_lock(void) {}
void fnn_unlock(void) {}
void fnn_wait(void) {}
void fnn_wake_all(void) {}
void fnn_after_fork(void (*forget)(void)) { (void)forget; }

double fnn_seconds(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

int64_t fnn_thread_nanoseconds(void) { return (int64_t)(fnn_seconds() * 1e9); }
