/* The concatenate op: rows of several inputs side by side. */
#ifdef FNN_OP
FNN_DOUBLE_LENT_OP(CONCATENATE, concatenate)
#elif !defined FNN_OPS_CONCATENATE_H
#define FNN_OPS_CONCATENATE_H

#include "arrays.h"

/* Width of a row of the i-th input. */
static int64_t width_of(const fnn_op *op, const fnn_model *model, int i) {
    return model->values[op_edge(op, model, i)->value].size / op->repeat;
}

static void concatenate_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                int64_t end) {
    real *y = op_y(op, model);
    for (int i = 0; i < op->n_inputs; i++) {
        const int64_t width = width_of(op, model, i);
        const real *x = op_x(op, model, block, i);
        for (int64_t r = begin * op->repeat; r < end * op->repeat; r++)
            copy_row(x + r * width, width, y + r * op->n_out);
        y += width;
    }
}

static void concatenate_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                      int64_t end) {
    (void)block;
    const real *dy = op_dy(op, model);
    for (int i = 0; i < op->n_inputs; i++) {
        const int64_t width = width_of(op, model, i);
        for (int64_t r = begin * op->repeat; r < end * op->repeat; r++)
            hand_on(op, model, i, dy + r * op->n_out, r * width, width);
        dy += width;
    }
}

DOUBLE_LENT_KERNELS(concatenate) = {.forward = concatenate_forward, .backward_rows = concatenate_backward_rows};

#endif
