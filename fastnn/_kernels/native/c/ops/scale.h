/* The scale op: y = x * w with a factor for each column, and its way back. */
#ifdef FNN_OP
FNN_DOUBLE_LENT_OP(SCALE, scale)
#elif !defined FNN_OPS_SCALE_H
#define FNN_OPS_SCALE_H

#include "arrays.h"
#include "optimizers.h"

typedef struct {
    const real *x, *w;
    real *y;
    int add;
} scale_run;

INLINE void scale_part(const void *context, int64_t j, int some) {
    const scale_run *run = context;
    vf y = vf_mul(vec_load(run->x + j, some), vec_load(run->w + j, some));
    if (run->add) y = vf_add(vec_load(run->y + j, some), y);
    vec_store(run->y + j, y, some);
}

/* y = or += x * w, for rows of n. */
static void scale_rows(int64_t rows, int64_t n, const real *x, const real *w, int add, real *y) {
    for (int64_t i = 0; i < rows; i++) {
        const scale_run run = {.x = x + i * n, .w = w, .y = y + i * n, .add = add};
        vec_each(scale_part, &run, n);
    }
}

static const real *scale_factors(const fnn_op *op, const fnn_model *model) {
    return (const real *)model->params + op->w;
}

static void scale_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                          int64_t end) {
    const int64_t width = op->repeat * op->n_out, at = begin * width;
    scale_rows((end - begin) * op->repeat, op->n_out, op_x(op, model, block, 0) + at, scale_factors(op, model), 0,
               op_y(op, model) + at);
}

static void scale_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                int64_t end) {
    (void)block;
    const int64_t width = op->repeat * op->n_out, at = begin * width;
    real *dx = op_dx(op, model, 0);
    if (!dx) return;
    scale_rows((end - begin) * op->repeat, op->n_out, op_dy(op, model) + at, scale_factors(op, model),
               op_edge(op, model, 0)->adds, dx + at);
}

/* dw of `some` columns from j on: each sums over the rows in order. */
static vf sum_of_products(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t j, int some) {
    const int64_t rows = block->rows * op->repeat;
    const real *x = op_x(op, model, block, 0) + j, *dy = op_dy(op, model) + j;
    vf sum = vf_zero();
    for (int64_t i = 0; i < rows; i++)
        sum = vf_fma(vec_load(x + i * op->n_out, some), vec_load(dy + i * op->n_out, some), sum);
    return sum;
}

static void scale_backward_params(const fnn_op *op, const fnn_model *model, const fnn_block *block, int accumulate,
                                  int64_t begin, int64_t end) {
    real *dw = (real *)model->grads + op->dw;
    for (int64_t j = begin; j < end; j += LANES) {
        const int some = end - j < LANES ? (int)(end - j) : LANES;
        vf sum = sum_of_products(op, model, block, j, some);
        if (accumulate) sum = vf_add(vec_load(dw + j, some), sum);
        vec_store(dw + j, sum, some);
    }
}

static void scale_learn(const fnn_op *op, const fnn_model *model, const fnn_block *block, const double *c, double scale,
                        int64_t begin, int64_t end) {
    scale_backward_params(op, model, block, 0, begin, end);
    fnn_lap_of_op(block, model, op, FNN_DW);
    fnn_update_kernel(model, c, scale, op->w + begin, op->w + end);
}

DOUBLE_LENT_KERNELS(scale) = {.forward = scale_forward,
                              .backward_rows = scale_backward_rows,
                              .backward_params = scale_backward_params,
                              .learn = scale_learn};

#endif
