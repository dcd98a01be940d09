/* The op that is an activation alone. */
#ifndef FNN_ACTIVATION_OP_H
#define FNN_ACTIVATION_OP_H

#include <string.h>

#include "activations.h"
#include "ops.h"

static void activation_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                               int64_t end) {
    const int64_t rows = (end - begin) * op->repeat, at = begin * op->repeat * op->n_out;
    const real *x = op_input(op, model, block) + at;
    if (op->z >= 0) memcpy(place(model, op->z) + at, x, (size_t)(rows * op->n_out) * sizeof(real));
    fnn_activate(op->activation, op->parameter, rows, op->n_out, x, place(model, op->y) + at);
}

/* dz in place of dy, for any op with an activation. */
static void activation_back(const fnn_op *op, const fnn_model *model, int64_t begin, int64_t end) {
    const int64_t rows = (end - begin) * op->repeat, at = begin * op->repeat * op->n_out;
    if (op->activation == FNN_LINEAR) return;
    fnn_activate_back(op->activation, op->parameter, rows, op->n_out, op->z < 0 ? NULL : place(model, op->z) + at,
                      place(model, op->y) + at, place(model, op->dy) + at);
}

static void activation_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                     int64_t end) {
    (void)block;
    const int64_t width = op->repeat * op->n_out, at = begin * width;
    activation_back(op, model, begin, end);
    if (op->dx >= 0)
        memcpy(place(model, op->dx) + at, place(model, op->dy) + at, (size_t)((end - begin) * width) * sizeof(real));
}

#endif
