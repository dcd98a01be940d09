/* The rescale op: y = x * scale + offset with two numbers, and its way back. */
#ifdef FNN_OP
FNN_LENT_OP(RESCALE, rescale)
#elif !defined FNN_OPS_RESCALE_H
#define FNN_OPS_RESCALE_H

#include "arrays.h"

static RARE void rescale_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                 int64_t end) {
    const int64_t width = op->repeat * op->n_out, at = begin * width, count = (end - begin) * width;
    const real *x = op_x(op, model, block, 0) + at, scale = (real)op->numbers[0], offset = (real)op->numbers[1];
    real *y = op_y(op, model) + at;
    for (int64_t i = 0; i < count; i++) y[i] = x[i] * scale + offset;
}

static RARE void rescale_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                       int64_t end) {
    (void)block;
    const int64_t width = op->repeat * op->n_out, at = begin * width, count = (end - begin) * width;
    const real scale = (real)op->numbers[0];
    real *dz = op_dy(op, model) + at;
    for (int64_t i = 0; i < count; i++) dz[i] *= scale;
    hand_on(op, model, 0, dz, at, count);
}

LENT_KERNELS(rescale) = {.forward = rescale_forward, .backward_rows = rescale_backward_rows};

#endif
