/* The dense op with a kernel that is held in bf16 (see _ops/bf16.py), for predictions: half the memory to read. */
#ifdef FNN_OP
FNN_OP(DENSE_BF16, dense_bf16)
#elif !defined FNN_OPS_DENSE_BF16_H
#define FNN_OPS_DENSE_BF16_H

#include "dense.h"

enum { BF16_ROWS = 3 }; /* so few rows read each number of the kernel where it is */
#define BF16_VECS (BF16_WIDE / 2 / LANES)
#ifdef FNN_F64
static const fnn_op_kernels dense_bf16_op = {0}; /* no plan in double has it */
#else

typedef struct {
    int64_t k, n;
    const real *x, *held, *bias;
    real *z;
} held_rows;

/* `rows` rows of 32 columns from `column` on, of which the last may not be there. */
INLINE void held_panel(const held_rows *h, int64_t column, const int rows) {
    vf sum[BF16_ROWS][2 * BF16_VECS];
    real start[BF16_WIDE] = {0};
    const int64_t width = at_most(h->n - column, BF16_WIDE);
    const real *w = bf16_row(h->held, h->k, 0, column);
    if (h->bias) copy_row(h->bias + column, width, start);
    UNROLL for (int r = 0; r < rows; r++) UNROLL
        for (int v = 0; v < 2 * BF16_VECS; v++) sum[r][v] = vf_load(start + v * LANES);
    for (int64_t p = 0; p < h->k; p++, w += BF16_WIDE / 2) UNROLL
        for (int v = 0; v < BF16_VECS; v++) {
            const vf pairs = vf_load(w + v * LANES), lower = bf16_lower(pairs), upper = bf16_upper(pairs);
            UNROLL for (int r = 0; r < rows; r++) {
                const vf number = vf_set1(h->x[r * h->k + p]);
                sum[r][v] = vf_fma(number, lower, sum[r][v]);
                sum[r][BF16_VECS + v] = vf_fma(number, upper, sum[r][BF16_VECS + v]);
            }
        }
    UNROLL for (int r = 0; r < rows; r++) UNROLL
        for (int v = 0; v < 2 * BF16_VECS; v++) {
            const int64_t left = width - v * LANES;
            if (left > 0) vec_store(h->z + r * h->n + column + v * LANES, sum[r][v], (int)at_most(left, LANES));
        }
}

INLINE void held_panels(const held_rows *h, const int rows) {
    for (int64_t column = 0; column < h->n; column += BF16_WIDE) held_panel(h, column, rows);
}

static void held_few(const held_rows *h, int64_t rows) {
    switch (rows) {
    case 1: held_panels(h, 1); break;
    case 2: held_panels(h, 2); break;
    case 3: held_panels(h, 3); break;
    }
}

static void held_many(const held_rows *h, int64_t rows) {
    const product g = {.m = rows,
                       .n = h->n,
                       .k = h->k,
                       .a = h->x,
                       .a_row = h->k,
                       .a_column = 1,
                       .b = h->held,
                       .b_row = h->n,
                       .b_is = HELD,
                       .start = h->bias,
                       .c = h->z,
                       .c_row = h->n};
    multiply(&g);
}

static void dense_bf16_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                               int64_t end) {
    const real *params = model->params;
    const int64_t first = begin * op->repeat, rows = (end - begin) * op->repeat;
    const held_rows h = {.k = op->n_in,
                         .n = op->n_out,
                         .x = op_x(op, model, block, 0) + first * op->n_in,
                         .held = params + op->w,
                         .bias = op->b < 0 ? NULL : params + op->b,
                         .z = op_y(op, model) + first * op->n_out};
    if (rows <= BF16_ROWS)
        held_few(&h, rows);
    else
        held_many(&h, rows);
    if (op->activation != FNN_LINEAR) fnn_activate(op->activation, op->parameter, rows, h.n, h.z, h.z);
}

static const fnn_op_kernels dense_bf16_op = {.forward = dense_bf16_forward, .scratch = dense_scratch};
#endif

#endif
