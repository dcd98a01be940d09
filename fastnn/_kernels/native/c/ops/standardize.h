/* The standardize op: y = (x - mean) / deviation for each column, or y = x * deviation + mean, and the way back. */
#ifdef FNN_OP
FNN_LENT_OP(STANDARDIZE, standardize)
#elif !defined FNN_OPS_STANDARDIZE_H
#define FNN_OPS_STANDARDIZE_H

#include "arrays.h"
#include "scratch.h"

#define LEAST_DEVIATION 1e-7

static size_t standardize_scratch(const fnn_op *op) { return (size_t)op->n_out * sizeof(real); }

/* What the distance from the mean of each column is multiplied by. */
static const real *standardize_factors(const fnn_op *op, const fnn_model *model) {
    const real *variance = (const real *)model->params + op->more[1];
    real *factors = fnn_scratch(standardize_scratch(op));
    for (int64_t j = 0; j < op->n_out; j += LANES) {
        const int some = (int)at_most(op->n_out - j, LANES);
        const vf deviation = vf_max(vf_sqrt(vec_load(variance + j, some)), vf_set1((real)LEAST_DEVIATION));
        vec_store(factors + j, op->geometry[0] ? deviation : vf_div(vf_set1(1), deviation), some);
    }
    return factors;
}

static RARE void standardize_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                     int64_t end) {
    const int64_t n = op->n_out;
    const real *x = op_x(op, model, block, 0), *mean = (const real *)model->params + op->more[0];
    const real *factors = standardize_factors(op, model);
    real *y = op_y(op, model);
    for (int64_t i = begin * op->repeat * n; i < end * op->repeat * n; i += n) {
        if (op->geometry[0])
            for (int64_t j = 0; j < n; j++) y[i + j] = x[i + j] * factors[j] + mean[j];
        else
            for (int64_t j = 0; j < n; j++) y[i + j] = (x[i + j] - mean[j]) * factors[j];
    }
}

static RARE void standardize_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block,
                                           int64_t begin, int64_t end) {
    (void)block;
    const int64_t n = op->n_out, width = op->repeat * n;
    const real *factors = standardize_factors(op, model);
    real *dz = op_dy(op, model);
    for (int64_t i = begin * width; i < end * width; i += n)
        for (int64_t j = 0; j < n; j++) dz[i + j] *= factors[j];
    hand_on(op, model, 0, dz + begin * width, begin * width, (end - begin) * width);
}

LENT_KERNELS(standardize) = {
    .forward = standardize_forward, .backward_rows = standardize_backward_rows, .scratch = standardize_scratch};

#endif
