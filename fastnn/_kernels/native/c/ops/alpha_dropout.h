/* Alpha dropout: y = a * x + b, or one number for what is dropped (see _ops/alpha_dropout.py). */
#ifdef FNN_OP
FNN_LENT_OP(ALPHA_DROPOUT, alpha_dropout)
#elif !defined FNN_OPS_ALPHA_DROPOUT_H
#define FNN_OPS_ALPHA_DROPOUT_H

#include "dropout.h"

static RARE void alpha_dropout_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                       int64_t end) {
    const int64_t width = op->repeat * op->n_out, at = begin * width, count = (end - begin) * width;
    const real *x = op_x(op, model, block, 0) + at;
    const real a = (real)op->numbers[0], b = (real)op->numbers[1], dropped = (real)op->numbers[2];
    real *y = op_y(op, model) + at;
    if (!block->training) {
        memcpy(y, x, (size_t)count * sizeof(real));
        return;
    }
    real *factors = place(model, op->z) + at;
    draw_of_block(op, op->rate, block, begin, end, factors);
    if (op->rate == 0) { /* all are 1 */
        memcpy(y, x, (size_t)count * sizeof(real));
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        y[i] = factors[i] > 0 ? x[i] * a + b : dropped;
        factors[i] = factors[i] > 0 ? a : 0;
    }
}

LENT_KERNELS(alpha_dropout) = {.forward = alpha_dropout_forward, .backward_rows = dropout_backward_rows};

#endif
