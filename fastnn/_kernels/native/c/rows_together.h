/* Sums and maxima over some rows at a time, each with the bits that vec_rows.h gives it alone: the lanes of so many
 * rows are folded at once, where a row by itself would wait for every step of its fold. */
#ifndef FNN_ROWS_TOGETHER_H
#define FNN_ROWS_TOGETHER_H

#include "transpose.h"
#include "vec_rows.h"

#define NUMBERS_TOGETHER 8192 /* of rows that go together: they stay in the first-level cache */

/* How many rows of n numbers go together. */
static int64_t rows_at_once(int64_t n) { return at_least(1, at_most(LANES, NUMBERS_TOGETHER / n)); }

/* term(context, i, some) joined over a row of n, up to its last fold: lane by lane. */
INLINE vf lanes_of_row(vf (*join)(vf, vf), real start, vf (*term)(const void *, int64_t, int), const void *context,
                       int64_t n) {
    vf acc[GROUPS];
    vec_row_lanes(join, start, term, context, n, 1, acc);
    vec_join_groups(join, acc);
    return acc[0];
}

/* Lane r of the result is what the lanes of the r-th row fold to. */
INLINE vf fold_rows(vf (*join)(vf, vf), vf *row) {
    UNROLL for (int h = LANES / 2; h; h /= 2) {
        UNROLL for (int i = 0; i < h; i++) {
            exchange(&row[i], &row[i + h], h);
            row[i] = join(row[i], row[i + h]);
        }
    }
    return row[0];
}

static __attribute__((noinline)) vf sums_of_rows(vf *row) { return fold_rows(vf_add, row); }

#endif
