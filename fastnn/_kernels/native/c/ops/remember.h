/* The remember op: y = x, which the next batch begins with (see _ops/remember.py). */
#ifdef FNN_OP
FNN_LENT_OP(REMEMBER, remember)
#elif !defined FNN_OPS_REMEMBER_H
#define FNN_OPS_REMEMBER_H

#include "arrays.h"

static void remember_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                             int64_t end) {
    const int64_t n = op->n_out;
    copy_row(op_x(op, model, block, 0) + begin * n, (end - begin) * n, op_y(op, model) + begin * n);
}

/* A batch is one block, and has as many rows as the plan says. */
static void remember_settle(const fnn_op *op, const fnn_model *model) {
    copy_row(op_y(op, model), model->header->batch_size * op->n_out, (real *)model->states + op->more[0]);
}

LENT_KERNELS(remember) = {.forward = remember_forward, .settle = remember_settle};

#endif
