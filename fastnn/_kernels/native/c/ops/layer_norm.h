/* The layer_norm op: y = (x - mean) * rstd * gamma + beta with mean and variance of each row (see _ops/layer_norm.py).
 *
 * Means are counted from the first number of their row, which leaves all digits to them. */
#ifdef FNN_OP
FNN_DOUBLE_LENT_OP(LAYER_NORM, layer_norm)
#elif !defined FNN_OPS_LAYER_NORM_H
#define FNN_OPS_LAYER_NORM_H

#include "arrays.h"
#include "columns_of_rows.h"

#define NORM_SHARD 16 /* samples whose parts of dw and db are one sum */

/* A row; gamma and beta may be NULL. */
typedef struct {
    const real *x, *dy, *gamma, *beta;
    real *out;
    int adds;
    vf first, mean, by; /* of x */
    vf shared, along;   /* what is taken from dy * gamma, as it is and by the normal
                           number */
} norm_row;

ALWAYS_INLINE vf row_apart(const norm_row *row, int64_t j, int some) {
    return vf_sub(vf_sub(vec_load(row->x + j, some), row->first), row->mean);
}

ALWAYS_INLINE vf row_normal(const norm_row *row, int64_t j, int some) {
    return vf_mul(row_apart(row, j, some), row->by);
}

ALWAYS_INLINE vf row_slope(const norm_row *row, int64_t j, int some) {
    const vf dy = vec_load(row->dy + j, some);
    return row->gamma ? vf_mul(dy, vec_load(row->gamma + j, some)) : dy;
}

ALWAYS_INLINE vf row_term(const void *context, int64_t j, int some) {
    const norm_row *row = context;
    return vf_sub(vec_load(row->x + j, some), row->first);
}

ALWAYS_INLINE vf row_square(const void *context, int64_t j, int some) {
    const vf apart = row_apart(context, j, some);
    return vf_mul(apart, apart);
}

ALWAYS_INLINE vf slope_term(const void *context, int64_t j, int some) { return row_slope(context, j, some); }

ALWAYS_INLINE vf slope_along_term(const void *context, int64_t j, int some) {
    return vf_mul(row_slope(context, j, some), row_normal(context, j, some));
}

ALWAYS_INLINE void row_part(const void *context, int64_t j, int some) {
    const norm_row *row = context;
    const vf normal = row_normal(row, j, some), shift = row->beta ? vec_load(row->beta + j, some) : vf_zero();
    vec_store(row->out + j, row->gamma ? vf_fma(normal, vec_load(row->gamma + j, some), shift) : vf_add(normal, shift),
              some);
}

ALWAYS_INLINE void row_back(const void *context, int64_t j, int some) {
    const norm_row *row = context;
    const vf rest = vf_fma(row_normal(row, j, some), row->along, row->shared);
    vf gradient = vf_mul(vf_sub(row_slope(row, j, some), rest), row->by);
    if (row->adds) gradient = vf_add(vec_load(row->out + j, some), gradient);
    vec_store(row->out + j, gradient, some);
}

static const real *param_at(const fnn_model *model, int64_t offset) {
    return offset < 0 ? NULL : (const real *)model->params + offset;
}

/* What is known of row i: its mean, and what its numbers are multiplied by. */
static real *row_room(const fnn_op *op, const fnn_model *model, int64_t i) { return place(model, op->room) + 2 * i; }

static void layer_norm_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                               int64_t end) {
    const int64_t n = op->n_out;
    const real *x = op_x(op, model, block, 0), share = (real)(1.0 / (double)n);
    norm_row row = {.gamma = param_at(model, op->w), .beta = param_at(model, op->b)};
    for (int64_t i = begin * op->repeat; i < end * op->repeat; i++) {
        row.x = x + i * n, row.out = op_y(op, model) + i * n;
        row.first = vf_set1(row.x[0]);
        const real mean = vec_row_sum(row_term, &row, n) * share;
        row.mean = vf_set1(mean);
        const vf variance = vf_set1(vec_row_sum(row_square, &row, n) * share);
        row.by = vf_div(vf_set1(1), vf_sqrt(vf_add(variance, vf_set1((real)op->numbers[0]))));
        vec_each(row_part, &row, n);
        if (op->room < 0) continue;
        row_room(op, model, i)[0] = mean;
        row_room(op, model, i)[1] = row.by[0];
    }
}

static void layer_norm_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                     int64_t end) {
    const int64_t n = op->n_out;
    const real *x = op_x(op, model, block, 0), *dy = op_dy(op, model), share = (real)(1.0 / (double)n);
    real *dx = op_dx(op, model, 0);
    if (!dx) return;
    norm_row row = {.gamma = param_at(model, op->w), .adds = op_edge(op, model, 0)->adds};
    for (int64_t i = begin * op->repeat; i < end * op->repeat; i++) {
        const real *known = row_room(op, model, i);
        row.x = x + i * n, row.dy = dy + i * n, row.out = dx + i * n;
        row.first = vf_set1(row.x[0]), row.mean = vf_set1(known[0]), row.by = vf_set1(known[1]);
        row.shared = vf_set1(vec_row_sum(slope_term, &row, n) * share);
        row.along = vf_set1(vec_row_sum(slope_along_term, &row, n) * share);
        vec_each(row_back, &row, n);
    }
}

/* dw and db of `some` columns from j on, of rows [first, last): each one sum from zero. */
static void layer_norm_sums(const fnn_op *op, const fnn_model *model, const real *x, int64_t first, int64_t last,
                            int64_t j, int some, vf *dw, vf *db) {
    const real *dy = op_dy(op, model);
    *dw = *db = vf_zero();
    for (int64_t i = first; i < last; i++) {
        const real *known = row_room(op, model, i);
        const norm_row row = {.x = x + i * op->n_out,
                              .first = vf_set1(x[i * op->n_out]),
                              .mean = vf_set1(known[0]),
                              .by = vf_set1(known[1])};
        const vf slope = vec_load(dy + i * op->n_out + j, some);
        *dw = vf_fma(slope, row_normal(&row, j, some), *dw);
        *db = vf_add(*db, slope);
    }
}

static void layer_norm_backward_params(const fnn_op *op, const fnn_model *model, const fnn_block *block, int accumulate,
                                       int64_t begin, int64_t end) {
    const int64_t rows = block->rows * op->repeat, step = NORM_SHARD * op->repeat;
    const real *x = op_x(op, model, block, 0);
    real *grads = model->grads;
    for (int64_t j = begin; j < end; j += LANES) {
        const int some = end - j < LANES ? (int)(end - j) : LANES;
        vf dw = vf_zero(), db = vf_zero();
        for (int64_t i = 0; i < rows; i += step) {
            vf own_dw, own_db;
            layer_norm_sums(op, model, x, i, i + step < rows ? i + step : rows, j, some, &own_dw, &own_db);
            dw = vf_add(dw, own_dw);
            db = vf_add(db, own_db);
        }
        if (op->dw >= 0) take_sum(grads + op->dw + j, dw, accumulate, some);
        if (op->db >= 0) take_sum(grads + op->db + j, db, accumulate, some);
    }
}

static void layer_norm_learn(const fnn_op *op, const fnn_model *model, const fnn_block *block, const double *c,
                             double scale, int64_t begin, int64_t end) {
    layer_norm_backward_params(op, model, block, 0, begin, end);
    fnn_lap_of_op(block, model, op, FNN_DW);
    learn_columns(op, model, c, scale, begin, end);
}

DOUBLE_LENT_KERNELS(layer_norm) = {.forward = layer_norm_forward,
                                   .backward_rows = layer_norm_backward_rows,
                                   .backward_params = layer_norm_backward_params,
                                   .learn = layer_norm_learn};

#endif
