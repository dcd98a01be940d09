/* The batch_norm op: y = act((x - mean) * rstd * gamma + beta) for each column, and its way back (see
 * _ops/batch_norm.py).
 *
 * A batch is measured part by part; what is known of a part, and then of the batch, stands in the op's room. With a
 * mask, rows that count are measured alone, wherever they stand (batch_norm_parts.h). */
#ifdef FNN_OP
FNN_OP(BATCH_NORM, batch_norm)
#elif !defined FNN_OPS_BATCH_NORM_H
#define FNN_OPS_BATCH_NORM_H

#include "activation.h"
#include "batch_norm_parts.h"
#include "scratch.h"

enum { NORM_VECTORS = 4 };
enum { NORM_MEAN, NORM_VARIANCE, NORM_TOTAL, NORM_ALONG };

static int norm_measures(const fnn_op *op, const fnn_block *block) { return block->training && !op->inference; }

/* The i-th vector of the room. */
static real *norm_vector(const fnn_op *op, const fnn_model *model, int64_t i) {
    return place(model, op->room) + i * op->n_out;
}

/* Mean and variance that normalise the block: its own, or the moving ones. */
static const real *norm_statistic(const fnn_op *op, const fnn_model *model, const fnn_block *block, int which) {
    return norm_measures(op, block) ? norm_vector(op, model, which) : (const real *)model->params + op->more[which];
}

static void norm_measure_part(const fnn_op *op, const fnn_model *model, const real *x, const norm_part *part) {
    const int64_t n = op->n_out;
    real *mean = norm_vector(op, model, NORM_VECTORS + 2 * part->number), *squares = mean + n;
    int64_t index[NORM_PART];
    if (part->counted == 0) return;
    index_part(part, index);
    for (int64_t j = 0; j < n; j += LANES) {
        const int some = (int)at_most(n - j, LANES);
        const column_moments m = part_moments(part, index, x + j, n, some);
        vec_store(mean + j, m.mean, some);
        vec_store(squares + j, m.squares, some);
    }
}

static void norm_sum_part(const fnn_op *op, const fnn_model *model, const real *x, const norm_part *part) {
    const int64_t n = op->n_out;
    const real *mean = norm_vector(op, model, NORM_MEAN), *dy = op_dy(op, model);
    real *total = norm_vector(op, model, NORM_VECTORS + 2 * part->number), *along = total + n;
    int64_t index[NORM_PART];
    index_part(part, index);
    for (int64_t j = 0; j < n; j += LANES) {
        const int some = (int)at_most(n - j, LANES);
        const column_sums s = part_sums(part, index, x + j, dy + j, vec_load(mean + j, some), n, some);
        vec_store(total + j, s.total, some);
        vec_store(along + j, s.along, some);
    }
}

static void batch_norm_measure(const fnn_op *op, const fnn_model *model, const fnn_block *block, int backward,
                               int64_t begin, int64_t end) {
    const real *x = op_x(op, model, block, 0), *mask = norm_mask(op, model, block);
    norm_part part = {0};
    if (backward) activation_back(op, model, begin, end);
    for (int64_t i = norm_parts_of(op, begin); i < norm_parts_of(op, end); i++) {
        next_part(op, block, mask, i, &part);
        if (part.rows == 0) continue;
        if (backward)
            norm_sum_part(op, model, x, &part);
        else
            norm_measure_part(op, model, x, &part);
    }
}

/* Mean and variance of LOGICAL_LANES columns from those of the parts. A part's mean is counted from its first row, and
 * while they are joined from the first of all, which leaves all digits to the distances. Both are 0 of no row. */
static void norm_join_moments(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t j, int some) {
    const int64_t n = op->n_out;
    const real *x = op_x(op, model, block, 0) + j, *mask = norm_mask(op, model, block), *lead = NULL;
    double mean[LOGICAL_LANES] = {0}, squares[LOGICAL_LANES] = {0}, rows = 0;
    norm_part part = {0};
    for (int64_t i = 0; i < norm_parts_of(op, block->rows); i++) {
        next_part(op, block, mask, i, &part);
        if (part.counted == 0) continue;
        const real *own = norm_vector(op, model, NORM_VECTORS + 2 * i) + j, *first = x + part.lead * n;
        const double counted = (double)part.counted, share = counted / (rows + counted), weight = rows * share;
        if (!lead) lead = first;
        for (int k = 0; k < some; k++) {
            const double apart = (double)first[k] - (double)lead[k] + (double)own[k] - mean[k];
            mean[k] += apart * share;
            squares[k] += (double)own[n + k] + apart * apart * weight;
        }
        rows += counted;
    }
    for (int k = 0; k < some; k++) {
        norm_vector(op, model, NORM_MEAN)[j + k] = lead ? (real)((double)lead[k] + mean[k]) : 0;
        norm_vector(op, model, NORM_VARIANCE)[j + k] = lead ? (real)(squares[k] / rows) : 0;
    }
}

static void norm_join_sums(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t j, int some) {
    const real *mask = norm_mask(op, model, block);
    double total[LOGICAL_LANES] = {0}, along[LOGICAL_LANES] = {0};
    norm_part part = {0};
    for (int64_t i = 0; i < norm_parts_of(op, block->rows); i++) {
        next_part(op, block, mask, i, &part);
        if (part.rows == 0) continue;
        const real *own = norm_vector(op, model, NORM_VECTORS + 2 * i) + j;
        for (int k = 0; k < some; k++) {
            total[k] += (double)own[k];
            along[k] += (double)own[op->n_out + k];
        }
    }
    for (int k = 0; k < some; k++) {
        norm_vector(op, model, NORM_TOTAL)[j + k] = (real)total[k];
        norm_vector(op, model, NORM_ALONG)[j + k] = (real)along[k];
    }
}

static void batch_norm_join(const fnn_op *op, const fnn_model *model, const fnn_block *block, int backward) {
    for (int64_t j = 0; j < op->n_out; j += LOGICAL_LANES) {
        const int some = (int)at_most(op->n_out - j, LOGICAL_LANES);
        if (backward)
            norm_join_sums(op, model, block, j, some);
        else
            norm_join_moments(op, model, block, j, some);
    }
}

/* 1 / sqrt(variance + epsilon) */
ALWAYS_INLINE vf norm_inverse(const fnn_op *op, vf variance) {
    return vf_div(vf_set1(1), vf_sqrt(vf_add(variance, vf_set1((real)op->numbers[0]))));
}

ALWAYS_INLINE vf norm_gamma(const fnn_op *op, const fnn_model *model, int64_t j, int some) {
    return op->w < 0 ? vf_set1(1) : vec_load((const real *)model->params + op->w + j, some);
}

/* Three vectors on the way back, two going forward. */
static size_t batch_norm_scratch(const fnn_op *op) { return (size_t)(3 * op->n_out) * sizeof(real); }

static void batch_norm_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                               int64_t end) {
    const int64_t n = op->n_out;
    const real *x = op_x(op, model, block, 0), *mean = norm_statistic(op, model, block, NORM_MEAN);
    const real *variance = norm_statistic(op, model, block, NORM_VARIANCE);
    real *y = op_y(op, model), *z = op->z < 0 ? y : place(model, op->z);
    real *factor = fnn_scratch(batch_norm_scratch(op)), *beta = factor + n;
    for (int64_t j = 0; j < n; j += LANES) {
        const int some = (int)at_most(n - j, LANES);
        const vf inverse = norm_inverse(op, vec_load(variance + j, some));
        vec_store(factor + j, vf_mul(norm_gamma(op, model, j, some), inverse), some);
        vec_store(beta + j, op->b < 0 ? vf_zero() : vec_load((const real *)model->params + op->b + j, some), some);
    }
    const int64_t last = end * op->repeat;
    for (int64_t first = begin * op->repeat, rows; first < last; first += rows) {
        rows = at_most(rows_together(op), last - first);
        for (int64_t i = first; i < first + rows; i++) {
            const centred_run run = {.x = x + i * n, .mean = mean, .factor = factor, .shift = beta, .out = z + i * n};
            vec_each(centred_part, &run, n);
        }
        fnn_activate(op->activation, op->parameter, rows, n, z + first * n, y + first * n);
    }
}

/* What dy, x - mean and 1 are multiplied by, for dx. */
static void norm_slopes(const fnn_op *op, const fnn_model *model, const fnn_block *block, real *slopes) {
    const int64_t n = op->n_out;
    const real *variance = norm_statistic(op, model, block, NORM_VARIANCE);
    const vf share = vf_set1((real)(-1.0 / (double)norm_counted(op, model, block)));
    for (int64_t j = 0; j < n; j += LANES) {
        const int some = (int)at_most(n - j, LANES);
        const vf inverse = norm_inverse(op, vec_load(variance + j, some));
        const vf factor = vf_mul(norm_gamma(op, model, j, some), inverse), shared = vf_mul(factor, share);
        vec_store(slopes + j, factor, some);
        if (!norm_measures(op, block)) continue;
        const vf along = vf_mul(vf_mul(inverse, inverse), vec_load(norm_vector(op, model, NORM_ALONG) + j, some));
        vec_store(slopes + n + j, vf_mul(shared, along), some);
        vec_store(slopes + 2 * n + j, vf_mul(shared, vec_load(norm_vector(op, model, NORM_TOTAL) + j, some)), some);
    }
}

static void batch_norm_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                     int64_t end) {
    const int64_t n = op->n_out;
    const real *x = op_x(op, model, block, 0), *dy = op_dy(op, model);
    real *dx = op_dx(op, model, 0), *slopes = dx ? fnn_scratch(batch_norm_scratch(op)) : NULL;
    if (!norm_measures(op, block)) activation_back(op, model, begin, end);
    if (!dx) return;
    norm_slopes(op, model, block, slopes);
    const int adds = op_edge(op, model, 0)->adds, measures = norm_measures(op, block);
    const real *mask = norm_mask(op, model, block);
    for (int64_t i = begin * op->repeat; i < end * op->repeat; i++) {
        const centred_run run = {.x = x + i * n,
                                 .mean = norm_statistic(op, model, block, NORM_MEAN),
                                 .dy = dy + i * n,
                                 .factor = slopes + n,
                                 .shift = slopes + 2 * n,
                                 .by = slopes,
                                 .out = dx + i * n,
                                 .adds = adds};
        if (measures && (!mask || mask[i] != 0))
            vec_each(centred_back, &run, n);
        else
            vec_each(scaled_back, &run, n);
    }
}

/* Sums over the block where nothing has measured it, of `some` columns from j on. */
static column_sums norm_sums(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t j, int some) {
    const int64_t n = op->n_out, rows = block->rows * op->repeat;
    const real *x = op_x(op, model, block, 0) + j, *dy = op_dy(op, model) + j, *mask = norm_mask(op, model, block);
    const vf mean = vec_load(norm_statistic(op, model, block, NORM_MEAN) + j, some);
    column_sums all = {vf_zero(), vf_zero()};
    int64_t index[NORM_PART];
    norm_part part = {0};
    for (int64_t i = 0; i < rows; i += part.rows) {
        run_part(mask, i, mask ? rows : at_most(i + NORM_PART, rows), &part);
        index_part(&part, index);
        const column_sums s = part_sums(&part, index, x, dy, mean, n, some);
        all.total = vf_add(all.total, s.total);
        all.along = vf_add(all.along, s.along);
    }
    return all;
}

static void batch_norm_backward_params(const fnn_op *op, const fnn_model *model, const fnn_block *block, int accumulate,
                                       int64_t begin, int64_t end) {
    const real *variance = norm_statistic(op, model, block, NORM_VARIANCE);
    real *grads = model->grads;
    for (int64_t j = begin; j < end; j += LANES) {
        const int some = (int)at_most(end - j, LANES);
        column_sums s;
        if (norm_measures(op, block)) {
            s.total = vec_load(norm_vector(op, model, NORM_TOTAL) + j, some);
            s.along = vec_load(norm_vector(op, model, NORM_ALONG) + j, some);
        } else {
            s = norm_sums(op, model, block, j, some);
        }
        const vf inverse = norm_inverse(op, vec_load(variance + j, some));
        if (op->dw >= 0) take_sum(grads + op->dw + j, vf_mul(s.along, inverse), accumulate, some);
        if (op->db >= 0) take_sum(grads + op->db + j, s.total, accumulate, some);
    }
}

static void batch_norm_learn(const fnn_op *op, const fnn_model *model, const fnn_block *block, const double *c,
                             double scale, int64_t begin, int64_t end) {
    batch_norm_backward_params(op, model, block, 0, begin, end);
    fnn_lap_of_op(block, model, op, FNN_DW);
    learn_columns(op, model, c, scale, begin, end);
}

static void batch_norm_settle(const fnn_op *op, const fnn_model *model) {
    const double momentum = op->numbers[1];
    for (int which = NORM_MEAN; which <= NORM_VARIANCE; which++) {
        real *kept = (real *)model->params + op->more[which];
        const real *came = norm_vector(op, model, which);
        for (int64_t j = 0; j < op->n_out; j++)
            kept[j] = (real)((double)kept[j] * momentum + (double)came[j] * (1 - momentum));
    }
}

static const fnn_op_kernels batch_norm_op = {.forward = batch_norm_forward,
                                             .backward_rows = batch_norm_backward_rows,
                                             .backward_params = batch_norm_backward_params,
                                             .scratch = batch_norm_scratch,
                                             .measure = batch_norm_measure,
                                             .join = batch_norm_join,
                                             .settle = batch_norm_settle,
                                             .learn = batch_norm_learn};

#endif
