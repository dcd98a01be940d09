/* The dense op by products of whole numbers (see _ops/int8.py). */
#ifdef FNN_OP
FNN_DOUBLE_LENT_OP(DENSE_INT8, dense_int8)
#elif !defined FNN_OPS_DENSE_INT8_H
#define FNN_OPS_DENSE_INT8_H

#include "activation.h"
#include "int8_product.h"
#include "scratch.h"

static int8_kernel int8_kernel_of(const fnn_op *op, const fnn_model *model, int64_t n_in) {
    const real *params = model->params;
    return (int8_kernel){.n_in = n_in,
                         .n_out = op->n_out,
                         .w = (const int8_t *)(params + op->w),
                         .scale = params + op->more[0],
                         .sums = params + op->more[1],
                         .bias = params + op->b,
                         .inverse = (real)op->numbers[0],
                         .zero = (int32_t)op->numbers[1],
                         .least = op->activation == FNN_RELU ? 0 : -REAL_INFINITY};
}

/* The activation of rows of z, but for relu, which products have applied. */
static void int8_activate(const fnn_op *op, int64_t rows, int64_t n, real *z) {
    if (op->activation != FNN_LINEAR && op->activation != FNN_RELU)
        fnn_activate(op->activation, op->parameter, rows, n, z, z);
}

static size_t dense_int8_scratch(const fnn_op *op) { return (size_t)(int8_together(op->n_in) * int8_pitch(op->n_in)); }

static void dense_int8_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                               int64_t end) {
    const int8_kernel k = int8_kernel_of(op, model, op->n_in);
    const int64_t pitch = int8_pitch(k.n_in), together = int8_together(k.n_in), last = end * op->repeat;
    const real *x = op_x(op, model, block, 0);
    real *y = op_y(op, model);
    uint8_t *q = fnn_scratch(dense_int8_scratch(op));
    for (int64_t i = begin * op->repeat; i < last; i += together) {
        const int64_t rows = at_most(last - i, together);
        for (int64_t r = 0; r < rows; r++) int8_quantize(&k, x + (i + r) * k.n_in, k.n_in, q + r * pitch);
        int8_product(&k, q, rows, y + i * k.n_out);
        int8_activate(op, rows, k.n_out, y + i * k.n_out);
    }
}

DOUBLE_LENT_KERNELS(dense_int8) = {.forward = dense_int8_forward, .scratch = dense_int8_scratch};

#endif
