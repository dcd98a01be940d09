/* A small pool of threads for one parallel region at a time. */
#ifndef FNN_THREADS_H
#define FNN_THREADS_H

enum { FNN_MAX_THREADS = 256 };

/* What the threads of a region share. Thread 0 is the caller. */
typedef struct {
    int size;
    int arrived, phase; /* of the barrier */
} fnn_team;

typedef void (*fnn_task)(void *argument, fnn_team *team, int thread);

/* Runs task on n threads at most and returns when all are done. It gets fewer, down to the caller alone, when
 * another region is running, this one is nested, or threads cannot be made: a task reads team->size. */
void fnn_parallel(int n, fnn_task task, void *argument);

/* Once around a loop that waits for another thread; counts in spins, which begins with 0. */
void fnn_spin(int *spins);

/* Waits until every thread of the team is here. */
void fnn_barrier(fnn_team *team);

#endif
