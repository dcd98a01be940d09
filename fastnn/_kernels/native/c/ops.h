/* Where an op's arrays lie. */
#ifndef FNN_OPS_H
#define FNN_OPS_H

#include "kernels.h"
#include "vec.h"

/* Address of an offset in the workspace; NULL for -1. */
static real *place(const fnn_model *model, int64_t offset) {
    return offset < 0 ? NULL : (real *)model->workspace + offset;
}

static const real *op_input(const fnn_op *op, const fnn_model *model, const fnn_block *block) {
    return op->x < 0 ? block->x : place(model, op->x);
}

#endif
