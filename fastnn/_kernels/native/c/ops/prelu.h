/* The prelu op: y = x above zero and alpha * x below, with an alpha for each column, and its way back. */
#ifdef FNN_OP
FNN_LENT_OP(PRELU, prelu)
#elif !defined FNN_OPS_PRELU_H
#define FNN_OPS_PRELU_H

#include "columns_of_rows.h"

/* y = or += come, times alpha where x is not above zero, for rows of n. */
INLINE void bend_rows(int64_t rows, int64_t n, const real *come, const real *x, const real *alpha, const int add,
                      real *y) {
    for (int64_t i = 0; i < rows * n; i += n)
        for (int64_t j = 0; j < n; j++) {
            const real bent = x[i + j] > 0 ? come[i + j] : come[i + j] * alpha[j];
            y[i + j] = add ? y[i + j] + bent : bent;
        }
}

static void prelu_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                          int64_t end) {
    const int64_t at = begin * op->repeat * op->n_out;
    const real *x = op_x(op, model, block, 0) + at, *alpha = (const real *)model->params + op->w;
    bend_rows((end - begin) * op->repeat, op->n_out, x, x, alpha, 0, op_y(op, model) + at);
}

static void prelu_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                int64_t end) {
    const int64_t width = op->repeat * op->n_out, at = begin * width;
    const real *x = op_x(op, model, block, 0) + at, *alpha = (const real *)model->params + op->w;
    const real *dy = op_dy(op, model) + at;
    real *dx = op_dx(op, model, 0);
    if (!dx) return;
    if (op_edge(op, model, 0)->adds)
        bend_rows((end - begin) * op->repeat, op->n_out, dy, x, alpha, 1, dx + at);
    else
        bend_rows((end - begin) * op->repeat, op->n_out, dy, x, alpha, 0, dx + at);
}

/* The sum of x * dy where x is not above zero, of `some` columns from j on: over the rows in order. */
static vf prelu_slope(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t j, int some) {
    const int64_t n = op->n_out, rows = block->rows * op->repeat;
    const real *x = op_x(op, model, block, 0) + j, *dy = op_dy(op, model) + j;
    vf sum = vf_zero();
    for (int64_t i = 0; i < rows * n; i += n) {
        const vf below = vec_load(x + i, some), product = vf_mul(below, vec_load(dy + i, some));
        sum = vf_add(sum, vf_select(vf_gt(below, vf_zero()), vf_zero(), product));
    }
    return sum;
}

static void prelu_backward_params(const fnn_op *op, const fnn_model *model, const fnn_block *block, int accumulate,
                                  int64_t begin, int64_t end) {
    real *dw = (real *)model->grads + op->dw;
    for (int64_t j = begin; j < end; j += LANES) {
        const int some = (int)at_most(end - j, LANES);
        take_sum(dw + j, prelu_slope(op, model, block, j, some), accumulate, some);
    }
}

static void prelu_learn(const fnn_op *op, const fnn_model *model, const fnn_block *block, const double *c, double scale,
                        int64_t begin, int64_t end) {
    prelu_backward_params(op, model, block, 0, begin, end);
    fnn_lap_of_op(block, model, op, FNN_DW);
    fnn_update_kernel(model, c, scale, op->w + begin, op->w + end);
}

LENT_KERNELS(prelu) = {.forward = prelu_forward,
                       .backward_rows = prelu_backward_rows,
                       .backward_params = prelu_backward_params,
                       .learn = prelu_learn};

#endif
