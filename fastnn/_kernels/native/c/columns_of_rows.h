/* Sums down the columns of rows, LANES columns at a time, and what is done with them: what normalisations share.
 *
 * Rows go to ROW_CHAINS sums in turn, which are joined two by two, on every ISA. They are a run of rows, or those of an
 * index. */
#ifndef FNN_COLUMNS_OF_ROWS_H
#define FNN_COLUMNS_OF_ROWS_H

#include "optimizers.h"
#include "vec_rows.h"

#define ROW_CHAINS 4 /* sums at a time, so that additions need not wait for each other */

INLINE vf join_chains(const vf *sums) { return vf_add(vf_add(sums[0], sums[1]), vf_add(sums[2], sums[3])); }

/* Calls step(context, row, chain) for all rows, or where there is an index for its rows, in turn for the chains. */
INLINE void each_row(void (*step)(void *, int64_t, int), void *context, const int64_t *index, int64_t rows) {
    int64_t i = 0;
    for (; i + ROW_CHAINS <= rows; i += ROW_CHAINS) {
        UNROLL for (int k = 0; k < ROW_CHAINS; k++)
            step(context, index ? index[i + k] : i + k, k);
    }
    UNROLL for (int k = 0; k < ROW_CHAINS - 1; k++)
        if (i + k < rows) step(context, index ? index[i + k] : i + k, k);
}

/* `some` columns of rows that are `stride` apart, and the sums of their chains. */
typedef struct {
    const real *x, *dy;
    int64_t stride;
    int some;
    vf first, mean, one[ROW_CHAINS], other[ROW_CHAINS];
} column_run;

INLINE vf apart(const column_run *run, int64_t i) {
    return vf_sub(vec_load(run->x + i * run->stride, run->some), run->first);
}

INLINE void add_apart(void *context, int64_t i, int k) {
    column_run *run = context;
    run->one[k] = vf_add(run->one[k], apart(run, i));
}

INLINE void add_square(void *context, int64_t i, int k) {
    column_run *run = context;
    const vf distance = vf_sub(apart(run, i), run->mean);
    run->other[k] = vf_fma(distance, distance, run->other[k]);
}

INLINE void add_slope(void *context, int64_t i, int k) {
    column_run *run = context;
    const vf slope = vec_load(run->dy + i * run->stride, run->some);
    run->one[k] = vf_add(run->one[k], slope);
    run->other[k] = vf_fma(slope, apart(run, i), run->other[k]);
}

typedef struct {
    vf mean;    /* counted from the first row, which leaves all digits to it */
    vf squares; /* sum of squares around the mean */
} column_moments;

/* Of at least one row. */
INLINE column_moments moments_of_columns(const real *x, int64_t stride, const int64_t *index, int64_t rows, int some) {
    const real *first = index ? x + index[0] * stride : x;
    column_run run = {.x = x, .stride = stride, .some = some, .first = vec_load(first, some)};
    each_row(add_apart, &run, index, rows);
    run.mean = vf_div(join_chains(run.one), vf_set1((real)rows));
    each_row(add_square, &run, index, rows);
    return (column_moments){run.mean, join_chains(run.other)};
}

typedef struct {
    vf total, along; /* of dy, and of dy * (x - mean) */
} column_sums;

INLINE column_sums sums_of_columns(const real *x, const real *dy, vf mean, int64_t stride, const int64_t *index,
                                   int64_t rows, int some) {
    column_run run = {.x = x, .dy = dy, .stride = stride, .some = some, .first = mean};
    each_row(add_slope, &run, index, rows);
    return (column_sums){join_chains(run.one), join_chains(run.other)};
}

/* A row, and vectors of what its numbers are multiplied by and what is added. */
typedef struct {
    const real *x, *mean, *dy, *factor, *shift, *by;
    real *out;
    int adds;
} centred_run;

INLINE vf centred(const centred_run *run, int64_t j, int some) {
    return vf_sub(vec_load(run->x + j, some), vec_load(run->mean + j, some));
}

INLINE void centred_part(const void *context, int64_t j, int some) {
    const centred_run *run = context;
    vec_store(run->out + j,
              vf_fma(centred(run, j, some), vec_load(run->factor + j, some), vec_load(run->shift + j, some)), some);
}

INLINE void hand_back(const centred_run *run, vf gradient, int64_t j, int some) {
    vec_store(run->out + j, run->adds ? vf_add(vec_load(run->out + j, some), gradient) : gradient, some);
}

INLINE void centred_back(const void *context, int64_t j, int some) {
    const centred_run *run = context;
    const vf rest = vf_fma(centred(run, j, some), vec_load(run->factor + j, some), vec_load(run->shift + j, some));
    hand_back(run, vf_fma(vec_load(run->dy + j, some), vec_load(run->by + j, some), rest), j, some);
}

INLINE void scaled_back(const void *context, int64_t j, int some) {
    const centred_run *run = context;
    hand_back(run, vf_mul(vec_load(run->dy + j, some), vec_load(run->by + j, some)), j, some);
}

/* A sum set as the gradient of columns, or added to it. */
static void take_sum(real *gradient, vf sum, int accumulate, int some) {
    vec_store(gradient, accumulate ? vf_add(vec_load(gradient, some), sum) : sum, some);
}

/* The update of columns [begin, end) of gamma and beta, whose gradients are there. */
static void learn_columns(const fnn_op *op, const fnn_model *model, const double *c, double scale, int64_t begin,
                          int64_t end) {
    if (op->dw >= 0) fnn_update_kernel(model, c, scale, op->w + begin, op->w + end);
    if (op->db >= 0) fnn_update_kernel(model, c, scale, op->b + begin, op->b + end);
}

#endif
