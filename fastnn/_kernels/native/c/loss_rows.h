/* The rows of a block as its loss and its statistics see them, and which of them count.
 *
 * Design: kernels run on stretches of rows that all count, and are told of no other; so a number that is not finite
 * there spoils nothing, and without a mask the one stretch is the block. */
#ifndef FNN_LOSS_ROWS_H
#define FNN_LOSS_ROWS_H

#include "kernels.h"
#include "vec.h"

typedef struct {
    const void *target;     /* (n_samples, repeat, n_out), or int32 (n_samples, repeat) when sparse */
    const real *weight;     /* (n_samples,) or NULL for ones */
    const int32_t *samples; /* of the block's samples, their place in target and weight */
    real *y, *dy;           /* (rows of the block, n_out) */
    int64_t n_out, repeat;
    int sparse;
    real smoothing;     /* of the categorical cross-entropies' dense targets */
    real gamma;         /* of the categorical focal losses */
    real alpha;         /* of their classes alike, or */
    const real *alphas; /* of each class, else NULL */
    const real *mask;   /* 0 for rows that do not count, or NULL where all do */
    int64_t group;      /* rows that have a number of the mask together */
    real *terms;        /* where weight * loss of each row goes; NULL: they are added up at once */
} loss_rows;

static inline real row_weight(const loss_rows *rows, int64_t i) {
    return rows->weight ? rows->weight[rows->samples[rows->repeat == 1 ? i : i / rows->repeat]] : 1;
}

/* total with a row's weight * loss, or total where terms are kept. */
static inline double with_term(const loss_rows *rows, int64_t i, real term, double total) {
    if (!rows->terms) return total + term;
    rows->terms[i] = term;
    return total;
}

static inline int64_t target_row(const loss_rows *rows, int64_t i) {
    const int64_t repeat = rows->repeat;
    return repeat == 1 ? rows->samples[i] : rows->samples[i / repeat] * repeat + i % repeat;
}

static inline int row_counts(const loss_rows *rows, int64_t i) {
    return !rows->mask || rows->mask[i / rows->group] != 0;
}

/* Where, before `end`, rows end that count, or do not, as `first` does. */
static int64_t stretch_end(const loss_rows *rows, int64_t first, int64_t end) {
    if (!rows->mask) return end;
    const int counts = row_counts(rows, first);
    while (++first < end && row_counts(rows, first) == counts) continue;
    return first;
}

/* What rows [begin, end) that count are multiplied by so as to be all of the loss; 0 where none does. */
static double balance_of(const fnn_loss *loss, int divisor, const loss_rows *rows, int64_t begin, int64_t end) {
    if (!loss->balanced || divisor == FNN_BY_NOTHING) return 1;
    double whole = 0, there = 0;
    for (int64_t i = begin; i < end; i++) {
        const double w = divisor == FNN_BY_WEIGHT ? (double)row_weight(rows, i) : 1;
        whole += w;
        if (row_counts(rows, i)) there += w;
    }
    return there != 0 ? whole / there : 0;
}

#endif
