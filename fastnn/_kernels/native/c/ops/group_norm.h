/* The group_norm op: y = (x - mean) * rstd * gamma + beta with mean and variance of a group of channels over all
 * positions of a sample (see _ops/group_norm.py).
 *
 * Lanes run along the channels: each channel is measured down its positions, then those of a group are joined. */
#ifdef FNN_OP
FNN_LENT_OP(GROUP_NORM, group_norm)
#elif !defined FNN_OPS_GROUP_NORM_H
#define FNN_OPS_GROUP_NORM_H

#include "batch_norm.h"
#include "layer_norm.h"

/* Mean and rstd of the groups of sample i. */
static real *group_statistics(const fnn_op *op, const fnn_model *model, int64_t i) {
    return place(model, op->room) + 2 * op->geometry[0] * i;
}

/* Sums of dy, and of dy by the normal numbers, for each channel of sample i. */
static real *group_sums(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t i) {
    return group_statistics(op, model, block->rows) + 2 * op->n_out * i;
}

/* Joins the channels of a group in rows [first, first + rows) of a sample, with `before` numbers joined so far. */
static double join_group(const real *first, const real *mean, const real *squares, int64_t channels, int64_t rows,
                         double before, double *joined) {
    for (int64_t c = 0; c < channels; c++) {
        const double share = (double)rows / (before + (double)rows);
        const double apart = (double)first[c] + (double)mean[c] - joined[0];
        joined[0] += apart * share;
        joined[1] += (double)squares[c] + apart * apart * before * share;
        before += (double)rows;
    }
    return before;
}

/* Mean and variance of each group of a sample, in double; `room` is for two numbers of each channel. */
static void measure_sample(const fnn_op *op, const real *x, real *room, double (*joined)[2]) {
    const int64_t n = op->n_out, groups = op->geometry[0], channels = n / groups;
    for (int64_t g = 0; g < groups; g++) joined[g][0] = joined[g][1] = 0;
    for (int64_t i = 0; i < op->repeat; i += NORM_PART) {
        const int64_t rows = at_most(op->repeat - i, NORM_PART);
        for (int64_t j = 0; j < n; j += LANES) {
            const int some = (int)at_most(n - j, LANES);
            const column_moments m = moments_of_columns(x + i * n + j, n, NULL, rows, some);
            vec_store(room + j, m.mean, some);
            vec_store(room + n + j, m.squares, some);
        }
        for (int64_t g = 0; g < groups; g++) {
            const int64_t at = g * channels;
            join_group(x + i * n + at, room + at, room + n + at, channels, rows, (double)(i * channels), joined[g]);
        }
    }
    for (int64_t g = 0; g < groups; g++) joined[g][1] /= (double)(op->repeat * channels);
}

static real group_inverse(const fnn_op *op, double variance) {
    return (real)(1 / __builtin_sqrt(variance + op->numbers[0]));
}

/* Going forward mean and variance of each group in double, and both ways five vectors. */
static size_t group_norm_scratch(const fnn_op *op) {
    return (size_t)op->geometry[0] * sizeof(double[2]) + (size_t)(5 * op->n_out) * sizeof(real);
}

static void group_norm_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                               int64_t end) {
    const int64_t n = op->n_out, groups = op->geometry[0], channels = n / groups, size = op->repeat * n;
    const real *x = op_x(op, model, block, 0), *gamma = param_at(model, op->w), *beta = param_at(model, op->b);
    double (*joined)[2] = fnn_scratch(group_norm_scratch(op));
    real *room = (real *)(joined + groups), *mean = room + 2 * n, *factor = mean + n, *shift = factor + n;
    for (int64_t j = 0; j < n; j++) shift[j] = beta ? beta[j] : 0;
    for (int64_t i = begin; i < end; i++) {
        measure_sample(op, x + i * size, room, joined);
        for (int64_t g = 0; g < groups; g++) {
            const real own = (real)joined[g][0], by = group_inverse(op, joined[g][1]);
            for (int64_t j = g * channels; j < (g + 1) * channels; j++)
                mean[j] = own, factor[j] = gamma ? gamma[j] * by : by;
            if (op->room < 0) continue;
            group_statistics(op, model, i)[2 * g] = own;
            group_statistics(op, model, i)[2 * g + 1] = by;
        }
        for (int64_t k = i * size; k < (i + 1) * size; k += n) {
            const centred_run run = {
                .x = x + k, .mean = mean, .factor = factor, .shift = shift, .out = op_y(op, model) + k};
            vec_each(centred_part, &run, n);
        }
    }
}

/* Sums of each channel of a sample, over parts of its positions in order. */
static void sum_sample(const fnn_op *op, const real *x, const real *dy, const real *mean, const real *by, real *sums) {
    const int64_t n = op->n_out;
    for (int64_t j = 0; j < n; j += LANES) {
        const int some = (int)at_most(n - j, LANES);
        const vf own = vec_load(mean + j, some);
        column_sums all = {vf_zero(), vf_zero()};
        for (int64_t i = 0; i < op->repeat; i += NORM_PART) {
            const int64_t at = i * n + j;
            const int64_t rows = at_most(op->repeat - i, NORM_PART);
            const column_sums s = sums_of_columns(x + at, dy + at, own, n, NULL, rows, some);
            all.total = vf_add(all.total, s.total);
            all.along = vf_add(all.along, s.along);
        }
        vec_store(sums + j, all.total, some);
        vec_store(sums + n + j, vf_mul(all.along, vec_load(by + j, some)), some);
    }
}

/* What dy, x - mean and 1 are multiplied by in the channels of group g, for dx. */
static void group_slopes(const fnn_op *op, const real *gamma, const real *sums, real by, int64_t g, real *slopes) {
    const int64_t n = op->n_out, channels = n / op->geometry[0];
    double total = 0, along = 0;
    for (int64_t j = g * channels; j < (g + 1) * channels; j++) {
        const double factor = gamma ? (double)gamma[j] : 1;
        total += factor * (double)sums[j];
        along += factor * (double)sums[n + j];
    }
    const double share = -(double)by / (double)(op->repeat * channels);
    for (int64_t j = g * channels; j < (g + 1) * channels; j++) {
        slopes[j] = gamma ? gamma[j] * by : by;
        slopes[n + j] = (real)(along * share * (double)by);
        slopes[2 * n + j] = (real)(total * share);
    }
}

static void group_norm_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                     int64_t end) {
    const int64_t n = op->n_out, groups = op->geometry[0], channels = n / groups, size = op->repeat * n;
    const real *x = op_x(op, model, block, 0), *dy = op_dy(op, model), *gamma = param_at(model, op->w);
    real *dx = op_dx(op, model, 0), *slopes = fnn_scratch(group_norm_scratch(op));
    real *mean = slopes + 3 * n, *by = mean + n;
    for (int64_t i = begin; i < end; i++) {
        const real *known = group_statistics(op, model, i);
        real *sums = group_sums(op, model, block, i);
        for (int64_t j = 0; j < n; j++) mean[j] = known[2 * (j / channels)], by[j] = known[2 * (j / channels) + 1];
        sum_sample(op, x + i * size, dy + i * size, mean, by, sums);
        if (!dx) continue;
        for (int64_t g = 0; g < groups; g++) group_slopes(op, gamma, sums, known[2 * g + 1], g, slopes);
        for (int64_t k = i * size; k < (i + 1) * size; k += n) {
            const centred_run run = {.x = x + k,
                                     .mean = mean,
                                     .dy = dy + k,
                                     .factor = slopes + n,
                                     .shift = slopes + 2 * n,
                                     .by = slopes,
                                     .out = dx + k,
                                     .adds = op_edge(op, model, 0)->adds};
            vec_each(centred_back, &run, n);
        }
    }
}

static void group_norm_backward_params(const fnn_op *op, const fnn_model *model, const fnn_block *block, int accumulate,
                                       int64_t begin, int64_t end) {
    real *grads = model->grads;
    for (int64_t j = begin; j < end; j += LANES) {
        const int some = (int)at_most(end - j, LANES);
        vf dw = vf_zero(), db = vf_zero();
        for (int64_t i = 0; i < block->rows; i++) {
            const real *sums = group_sums(op, model, block, i) + j;
            db = vf_add(db, vec_load(sums, some));
            dw = vf_add(dw, vec_load(sums + op->n_out, some));
        }
        if (op->dw >= 0) take_sum(grads + op->dw + j, dw, accumulate, some);
        if (op->db >= 0) take_sum(grads + op->db + j, db, accumulate, some);
    }
}

static void group_norm_learn(const fnn_op *op, const fnn_model *model, const fnn_block *block, const double *c,
                             double scale, int64_t begin, int64_t end) {
    group_norm_backward_params(op, model, block, 0, begin, end);
    fnn_lap_of_op(block, model, op, FNN_DW);
    learn_columns(op, model, c, scale, begin, end);
}

LENT_KERNELS(group_norm) = {.forward = group_norm_forward,
                            .backward_rows = group_norm_backward_rows,
                            .backward_params = group_norm_backward_params,
                            .scratch = group_norm_scratch,
                            .learn = group_norm_learn};

#endif
