/* The masked_mean op: the mean of those rows of a sample for which a mask, the second input, is not 0, and its way back
 * (see _ops/masked_mean.py). */
#ifdef FNN_OP
FNN_LENT_OP(MASKED_MEAN, masked_mean)
#elif !defined FNN_OPS_MASKED_MEAN_H
#define FNN_OPS_MASKED_MEAN_H

#include "arrays.h"

typedef struct {
    const real *from, *mask;
    real *to;
    int64_t rows, n;
    vf number; /* of the rows that count, at least 1 */
    int adds;
} mean_run;

static vf number_that_count(const real *mask, int64_t rows) {
    int64_t number = 0;
    for (int64_t i = 0; i < rows; i++) number += mask[i] != 0;
    return vf_set1((real)(number > 0 ? number : 1));
}

INLINE void mean_part(const void *context, int64_t j, int some) {
    const mean_run *run = context;
    const int many = run->rows > FNN_MANY;
    vf sum = vf_zero(), lost = vf_zero();
    for (int64_t i = 0; i < run->rows; i++)
        if (run->mask[i] != 0) {
            const vf number = vec_load(run->from + i * run->n + j, some);
            sum = many ? vec_add_kept(sum, number, &lost) : vf_add(sum, number);
        }
    vec_store(run->to + j, vf_div(sum, run->number), some);
}

INLINE void mean_back(const void *context, int64_t j, int some) {
    const mean_run *run = context;
    const vf share = vf_div(vec_load(run->from + j, some), run->number);
    for (int64_t i = 0; i < run->rows; i++) {
        real *to = run->to + i * run->n + j;
        vf gradient = run->mask[i] != 0 ? share : vf_zero();
        if (run->adds) gradient = vf_add(vec_load(to, some), gradient);
        vec_store(to, gradient, some);
    }
}

static RARE void masked_mean_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                     int64_t end) {
    const int64_t rows = op->geometry[0], n = op->n_out;
    const real *x = op_x(op, model, block, 0), *mask = op_x(op, model, block, 1);
    for (int64_t i = begin; i < end; i++) {
        const mean_run run = {.from = x + i * rows * n,
                              .mask = mask + i * rows,
                              .to = op_y(op, model) + i * n,
                              .rows = rows,
                              .n = n,
                              .number = number_that_count(mask + i * rows, rows)};
        vec_each(mean_part, &run, n);
    }
}

static RARE void masked_mean_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block,
                                           int64_t begin, int64_t end) {
    const int64_t rows = op->geometry[0], n = op->n_out;
    const real *mask = op_x(op, model, block, 1);
    real *dx = op_dx(op, model, 0);
    if (!dx) return;
    for (int64_t i = begin; i < end; i++) {
        const mean_run run = {.from = op_dy(op, model) + i * n,
                              .mask = mask + i * rows,
                              .to = dx + i * rows * n,
                              .rows = rows,
                              .n = n,
                              .number = number_that_count(mask + i * rows, rows),
                              .adds = op_edge(op, model, 0)->adds};
        vec_each(mean_back, &run, n);
    }
}

LENT_KERNELS(masked_mean) = {.forward = masked_mean_forward, .backward_rows = masked_mean_backward_rows};

#endif
