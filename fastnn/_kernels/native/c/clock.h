/* Where the time of a call goes: a clock of each thread, read wherever one part of its work ends.
 *
 * A reading ends a lap and begins the next one, so that laps add up to the whole call.
 *
 * Design: one branch on a pointer of the block, which is NULL in all calls but profiles. Kernels compiled once more
 * with a clock in them (rejected) would be twice as large; a second run of single kernels (rejected) would not show
 * what caches do between them, nor who waits for whom. */
#ifndef FNN_CLOCK_H
#define FNN_CLOCK_H

#include <stddef.h>

#include "plan.h"

/* What of the call is no op's own: the numbers of the first laps. */
enum fnn_stage { FNN_GATHER, FNN_LOSS, FNN_UPDATE, FNN_WAITING, FNN_BETWEEN, FNN_N_STAGES };

/* The laps of each op, which follow in the order of the ops. */
enum fnn_part {
    FNN_FORWARD,
    FNN_ACTIVATE,
    FNN_BACK,
    FNN_ACTIVATE_BACK,
    FNN_STATISTICS,
    FNN_DW,
    FNN_LEARN,
    FNN_N_PARTS
};

typedef struct {
    int64_t ticks, count;
} fnn_lap;

struct fnn_clock {
    int64_t since;
    int64_t of_thread; /* whether ticks count only while the thread runs */
    fnn_lap laps[];
};

/* The time stamp counter of the processor or, slower to read, nanoseconds that this thread has run. */
int64_t fnn_ticks(int of_thread);

/* The lap at hand ends. */
void fnn_end_lap(fnn_clock *, int64_t lap);
void fnn_end_op_lap(fnn_clock *, const fnn_model *, const fnn_op *, enum fnn_part);

static inline void fnn_start_clock(fnn_clock *clock) {
    if (clock) clock->since = fnn_ticks((int)clock->of_thread);
}

static inline void fnn_lap_of(fnn_clock *clock, enum fnn_stage stage) {
    if (__builtin_expect(clock != NULL, 0)) fnn_end_lap(clock, stage);
}

static inline void fnn_lap_of_op(const fnn_block *block, const fnn_model *model, const fnn_op *op, enum fnn_part part) {
    if (__builtin_expect(block->clock != NULL, 0)) fnn_end_op_lap(block->clock, model, op, part);
}

#endif
