/* The op that is an activation alone. */
#ifdef FNN_OP
FNN_OP(ACTIVATION, activation)
#elif !defined FNN_OPS_ACTIVATION_H
#define FNN_OPS_ACTIVATION_H

#include <string.h>

#include "activations.h"
#include "arrays.h"
#include "bf16.h"

enum { CACHED = 8192 / REAL_BYTES }; /* numbers, about */

static void activation_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                               int64_t end) {
    const int64_t rows = (end - begin) * op->repeat, at = begin * op->repeat * op->n_out;
    const real *x = op_x(op, model, block, 0) + at;
    if (op->z >= 0) memcpy(place(model, op->z) + at, x, (size_t)(rows * op->n_out) * sizeof(real));
    fnn_activate(op->activation, op->parameter, rows, op->n_out, x, op_y(op, model) + at);
}

/* Rows that pass through several loops, one loop after the other, while they are in the first-level cache. */
static int64_t rows_together(const fnn_op *op) { return at_least(1, CACHED / op->n_out); }

/* dz in place of dy, of rows of any op with an activation; rounded where the op multiplies bf16 numbers. */
static void activation_rows_back(const fnn_op *op, const fnn_model *model, int64_t first, int64_t rows) {
    const int64_t at = first * op->n_out;
    real *dz = op_dy(op, model) + at;
    if (op->activation != FNN_LINEAR)
        fnn_activate_back(op->activation, op->parameter, rows, op->n_out, op->z < 0 ? NULL : place(model, op->z) + at,
                          op_y(op, model) + at, dz);
    if (op->bfloat16) round_to_bf16(dz, rows * op->n_out, dz);
}

/* The same of samples. */
static void activation_back(const fnn_op *op, const fnn_model *model, int64_t begin, int64_t end) {
    activation_rows_back(op, model, begin * op->repeat, (end - begin) * op->repeat);
}

static void activation_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                     int64_t end) {
    (void)block;
    const int64_t n = op->n_out, last = end * op->repeat;
    for (int64_t i = begin * op->repeat; i < last; i += rows_together(op)) {
        const int64_t rows = at_most(rows_together(op), last - i);
        activation_rows_back(op, model, i, rows);
        hand_on(op, model, 0, op_dy(op, model) + i * n, i * n, rows * n);
    }
}

static const fnn_op_kernels activation_op = {.forward = activation_forward, .backward_rows = activation_backward_rows};

#endif
