/* The recall op: y is what the batch before has left (see _ops/recall.py). */
#ifdef FNN_OP
FNN_LENT_OP(RECALL, recall)
#elif !defined FNN_OPS_RECALL_H
#define FNN_OPS_RECALL_H

#include "arrays.h"

static void recall_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                           int64_t end) {
    const real *states = (const real *)model->states + op->more[0];
    copy_row(states + (block->first_row + begin) * op->n_out, (end - begin) * op->n_out,
             op_y(op, model) + begin * op->n_out);
}

LENT_KERNELS(recall) = {.forward = recall_forward};

#endif
