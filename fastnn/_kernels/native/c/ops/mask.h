/* The mask op: 0 for a row whose numbers are all equal to numbers[0], else 1. */
#ifdef FNN_OP
FNN_LENT_OP(MASK, mask)
#elif !defined FNN_OPS_MASK_H
#define FNN_OPS_MASK_H

#include "arrays.h"

typedef struct {
    const real *x;
    vf blank;
} mask_run;

/* 1 where a number differs; NaN does. */
INLINE vf differs(const void *context, int64_t j, int some) {
    const mask_run *run = context;
    return vf_select(vf_eq(vec_load(run->x + j, some), run->blank), vf_zero(), vf_set1(1));
}

static RARE void mask_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                              int64_t end) {
    const real *x = op_x(op, model, block, 0);
    real *y = op_y(op, model);
    mask_run run = {.blank = vf_set1((real)op->numbers[0])};
    for (int64_t i = begin * op->repeat; i < end * op->repeat; i++) {
        run.x = x + i * op->n_in;
        y[i] = vec_row(vf_max, 0, differs, &run, op->n_in);
    }
}

LENT_KERNELS(mask) = {.forward = mask_forward};

#endif
