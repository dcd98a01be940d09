/* What the native code asks of the operating system; posix.c, win32.c and alone.c answer, of which a build has one.
 *
 * Design: just what threads.c, scratch.c and pulse.c use, behind one header without a system's own, because
 * <windows.h> puts thousands of names and macros into whoever includes it. C11 threads (rejected) are not in Apple's C
 * library, and have no way to clean up after a fork. How many processors there are is asked in Python
 * (_base/threads.py), for backends without native code want to know it too. */
#ifndef FNN_PLATFORM_H
#define FNN_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

enum { FNN_ALIGNMENT = 64 }; /* bytes: a cache line, and the widest vector register */

/* At least `bytes` bytes at such an address, or NULL. */
void *fnn_aligned_alloc(size_t bytes);
/* NULL too. */
void fnn_aligned_free(void *memory);

/* A pointer that each thread has of its own: NULL at first, and given to `release` (always the same) when the thread
 * ends. fnn_set_own says 0 when it cannot be kept; fnn_get_own must have been called before. */
void *fnn_get_own(void (*release)(void *));
int fnn_set_own(void *value);

/* Runs work(number) in a thread that nobody waits for; 0 when there can be none. */
int fnn_start_thread(void (*work)(int number), int number);
/* Lets other threads run. */
void fnn_let_others_run(void);

/* One lock and one condition, which are the pool's: waiting gives the lock up meanwhile, and may end for no reason. */
void fnn_lock(void);
void fnn_unlock(void);
void fnn_wait(void);
void fnn_wake_all(void);

/* Calls `forget` in the child after each fork, before which the lock and the condition are made anew; the first call
 * counts. Nothing where a process does not fork. */
void fnn_after_fork(void (*forget)(void));

/* Seconds since some time in the past; never runs backwards. */
double fnn_seconds(void);

/* Nanoseconds that the calling thread has run on a processor; of its time as a whole where the system does not say. */
int64_t fnn_thread_nanoseconds(void);

#endif
