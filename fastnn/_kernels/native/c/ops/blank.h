/* The blank op: rows as they are where a mask, the second input, is not 0, else zeros, whatever stands there. */
#ifdef FNN_OP
FNN_LENT_OP(BLANK, blank)
#elif !defined FNN_OPS_BLANK_H
#define FNN_OPS_BLANK_H

#include <string.h>

#include "arrays.h"

static RARE void blank_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                               int64_t end) {
    const int64_t n = op->n_out;
    const real *x = op_x(op, model, block, 0), *mask = op_x(op, model, block, 1);
    real *y = op_y(op, model);
    for (int64_t i = begin * op->repeat; i < end * op->repeat; i++) {
        if (mask[i] != 0)
            copy_row(x + i * n, n, y + i * n);
        else
            memset(y + i * n, 0, (size_t)n * sizeof *y);
    }
}

static RARE void blank_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                     int64_t end) {
    const int64_t n = op->n_out;
    const real *mask = op_x(op, model, block, 1), *dy = op_dy(op, model);
    real *dx = op_dx(op, model, 0);
    if (!dx) return;
    for (int64_t i = begin * op->repeat; i < end * op->repeat; i++) {
        if (mask[i] != 0)
            hand_on(op, model, 0, dy + i * n, i * n, n);
        else if (!op_edge(op, model, 0)->adds)
            memset(dx + i * n, 0, (size_t)n * sizeof *dx);
    }
}

LENT_KERNELS(blank) = {.forward = blank_forward, .backward_rows = blank_backward_rows};

#endif
