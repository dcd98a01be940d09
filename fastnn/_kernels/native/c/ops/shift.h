/* The shift op: y = x + w with a number for each column, or y = w, and its way back (see _ops/shift.py). */
#ifdef FNN_OP
FNN_OP(SHIFT, shift)
#elif !defined FNN_OPS_SHIFT_H
#define FNN_OPS_SHIFT_H

#include "arrays.h"
#include "optimizers.h"

static int shift_alone(const fnn_op *op) { return op->geometry[0] != 0; }

static void shift_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                          int64_t end) {
    const int64_t n = op->n_out;
    const real *x = op_x(op, model, block, 0), *shifts = (const real *)model->params + op->w;
    real *y = op_y(op, model);
    for (int64_t i = begin * op->repeat; i < end * op->repeat; i++) {
        copy_row(shifts, n, y + i * n);
        if (!shift_alone(op)) add_row(x + i * n, n, y + i * n);
    }
}

static void shift_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                int64_t end) {
    (void)block;
    const int64_t width = op->repeat * op->n_out, at = begin * width, count = (end - begin) * width;
    real *dx = op_dx(op, model, 0);
    if (!shift_alone(op))
        hand_on(op, model, 0, op_dy(op, model) + at, at, count);
    else if (dx && !op_edge(op, model, 0)->adds)
        memset(dx + at, 0, (size_t)count * sizeof(real));
}

/* dw of `some` numbers from j on: each sums over the rows in order, and those that no row has are 0. */
static vf sum_of_slopes(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t j, int some) {
    const int64_t rows = block->rows * op->repeat, n = op->n_out;
    const int there = (int)(j >= n ? 0 : n - j < some ? n - j : some);
    const real *dy = op_dy(op, model) + j;
    vf sum = vf_zero();
    for (int64_t i = 0; there && i < rows; i++) sum = vf_add(vf_load_n(dy + i * n, there), sum);
    return sum;
}

static void shift_backward_params(const fnn_op *op, const fnn_model *model, const fnn_block *block, int accumulate,
                                  int64_t begin, int64_t end) {
    real *dw = (real *)model->grads + op->dw;
    for (int64_t j = begin; j < end; j += LANES) {
        const int some = end - j < LANES ? (int)(end - j) : LANES;
        vf sum = sum_of_slopes(op, model, block, j, some);
        if (accumulate) sum = vf_add(vec_load(dw + j, some), sum);
        vec_store(dw + j, sum, some);
    }
}

static void shift_learn(const fnn_op *op, const fnn_model *model, const fnn_block *block, const double *c, double scale,
                        int64_t begin, int64_t end) {
    shift_backward_params(op, model, block, 0, begin, end);
    fnn_update_kernel(model, c, scale, op->w + begin, op->w + end);
}

static const fnn_op_kernels shift_op = {.forward = shift_forward,
                                        .backward_rows = shift_backward_rows,
                                        .backward_params = shift_backward_params,
                                        .learn = shift_learn};

#endif
