/* The normalize op: y = x / |x| along one axis of a row, (length, stride). */
#ifdef FNN_OP
FNN_LENT_OP(NORMALIZE, normalize)
#elif !defined FNN_OPS_NORMALIZE_H
#define FNN_OPS_NORMALIZE_H

#include "arrays.h"

#define MOST_FACTOR 1e7 /* what a number is multiplied by */

enum { NORMALIZE_LENGTH, NORMALIZE_STRIDE };

/* Numbers i * stride + j of a row, 0 <= i < length: those that have a norm together stand in one column j. */
typedef struct {
    const real *x, *dy;
    real *out;
    vf factor, along;
    int adds;
} normalize_run;

INLINE vf square_term(const void *context, int64_t j, int some) {
    const vf x = vec_load(((const normalize_run *)context)->x + j, some);
    return vf_mul(x, x);
}

INLINE vf along_term(const void *context, int64_t j, int some) {
    const normalize_run *run = context;
    return vf_mul(vf_mul(vec_load(run->x + j, some), run->factor), vec_load(run->dy + j, some));
}

INLINE void scaled_part(const void *context, int64_t j, int some) {
    const normalize_run *run = context;
    vec_store(run->out + j, vf_mul(vec_load(run->x + j, some), run->factor), some);
}

INLINE void normalized_back(const void *context, int64_t j, int some) {
    const normalize_run *run = context;
    const vf y = vf_mul(vec_load(run->x + j, some), run->factor);
    vf gradient = vf_mul(run->factor, vf_sub(vec_load(run->dy + j, some), vf_mul(y, run->along)));
    if (run->adds) gradient = vf_add(vec_load(run->out + j, some), gradient);
    vec_store(run->out + j, gradient, some);
}

INLINE vf factor_of(vf squares) { return vf_min(vf_div(vf_set1(1), vf_sqrt(squares)), vf_set1((real)MOST_FACTOR)); }

/* Where the factor is the largest there is, it does not depend on x. */
INLINE vf if_free(vf factor, vf along) {
    return vf_select(vf_lt(factor, vf_set1((real)MOST_FACTOR)), along, vf_zero());
}

/* A row that has one norm. */
static void normalize_whole(normalize_run run, int64_t n) {
    run.factor = factor_of(vf_set1(vec_row_sum(square_term, &run, n)));
    if (run.dy) {
        run.along = if_free(run.factor, vf_set1(vec_row_sum(along_term, &run, n)));
        vec_each(normalized_back, &run, n);
    } else {
        vec_each(scaled_part, &run, n);
    }
}

/* `some` columns of a row, (length, stride). */
INLINE void normalize_columns(normalize_run run, int64_t length, int64_t stride, int some) {
    vf sum = vf_zero();
    for (int64_t i = 0; i < length * stride; i += stride) sum = vf_add(sum, square_term(&run, i, some));
    run.factor = factor_of(sum);
    run.along = vf_zero();
    if (run.dy)
        for (int64_t i = 0; i < length * stride; i += stride) run.along = vf_add(run.along, along_term(&run, i, some));
    run.along = if_free(run.factor, run.along);
    for (int64_t i = 0; i < length * stride; i += stride) {
        if (run.dy)
            normalized_back(&run, i, some);
        else
            scaled_part(&run, i, some);
    }
}

static void normalize_row(const fnn_op *op, normalize_run run) {
    const int64_t length = op->geometry[NORMALIZE_LENGTH], stride = op->geometry[NORMALIZE_STRIDE];
    if (stride == 1) {
        normalize_whole(run, length);
        return;
    }
    const normalize_run row = run;
    for (int64_t j = 0; j < stride; j += LANES) {
        run.x = row.x + j, run.out = row.out + j, run.dy = row.dy ? row.dy + j : NULL;
        normalize_columns(run, length, stride, stride - j < LANES ? (int)(stride - j) : LANES);
    }
}

static RARE void normalize_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                   int64_t end) {
    const real *x = op_x(op, model, block, 0);
    real *y = op_y(op, model);
    for (int64_t i = begin * op->repeat * op->n_out; i < end * op->repeat * op->n_out; i += op->n_out)
        normalize_row(op, (normalize_run){.x = x + i, .out = y + i});
}

static RARE void normalize_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block,
                                         int64_t begin, int64_t end) {
    const real *x = op_x(op, model, block, 0), *dy = op_dy(op, model);
    real *dx = op_dx(op, model, 0);
    if (!dx) return;
    const int adds = op_edge(op, model, 0)->adds;
    for (int64_t i = begin * op->repeat * op->n_out; i < end * op->repeat * op->n_out; i += op->n_out)
        normalize_row(op, (normalize_run){.x = x + i, .dy = dy + i, .out = dx + i, .adds = adds});
}

LENT_KERNELS(normalize) = {.forward = normalize_forward, .backward_rows = normalize_backward_rows};

#endif
