/* An op of a user's own: Python has it. */
#ifdef FNN_OP
FNN_OP(OWN, own)
#elif !defined FNN_OPS_OWN_H
#define FNN_OPS_OWN_H

#include "kernels.h"

static int own_whole(const fnn_op *op, const fnn_model *model, const fnn_block *block, int backward) {
    return fnn_visit(model->owner, op, block, backward);
}

static const fnn_op_kernels own_op = {.whole = own_whole};

#endif
