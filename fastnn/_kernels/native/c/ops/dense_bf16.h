/* The dense op with a kernel that is held in bf16 (see _ops/bf16.py), for predictions: half the memory to read. */
#ifdef FNN_OP
FNN_OP(DENSE_BF16, dense_bf16)
#elif !defined FNN_OPS_DENSE_BF16_H
#define FNN_OPS_DENSE_BF16_H

#include "dense.h"

enum { BF16_ROWS = 3 }; /* so few rows read each number of the kernel where it is */
#define BF16_VECS (BF16_WIDE / LANES)
#define BF16_TOGETHER                                                                                                  \
    (BF16_VECS < 8 ? 8 / BF16_VECS : 1) /* panels of one row, so that sums do not wait for each other */
#ifdef FNN_F64
static const fnn_op_kernels dense_bf16_op = {0}; /* no plan in double has it */
#else

typedef struct {
    int64_t k, n;
    const real *x, *held, *bias;
    real *z;
} held_rows;

/* sum (rows, vecs vectors) += so many columns of a pair of rows of the kernel; the second may not be there. */
INLINE void held_pair(const held_rows *h, int64_t p, const real *w, int64_t panel, const int rows, const int vecs,
                      const int both, vf (*sum)[8]) {
    UNROLL for (int v = 0; v < vecs; v++) {
        const vf pairs = vf_load(w + v / BF16_VECS * panel + v % BF16_VECS * LANES);
        UNROLL for (int r = 0; r < rows; r++) {
            sum[r][v] = vf_fma(vf_set1(h->x[r * h->k + p]), bf16_first(pairs), sum[r][v]);
            if (both) sum[r][v] = vf_fma(vf_set1(h->x[r * h->k + p + 1]), bf16_second(pairs), sum[r][v]);
        }
    }
}

/* `rows` rows of so many panels from `column` on; the last column may not be there. */
INLINE void held_panels_at(const held_rows *h, int64_t column, const int rows, const int panels) {
    const int vecs = panels * BF16_VECS;
    const int64_t panel = bf16_pairs(h->k) * BF16_WIDE, width = at_most(h->n - column, panels * BF16_WIDE);
    vf sum[BF16_ROWS][8];
    real start[8 * LANES] = {0};
    const real *w = bf16_row(h->held, h->k, 0, column);
    if (h->bias) copy_row(h->bias + column, width, start);
    UNROLL for (int r = 0; r < rows; r++) UNROLL
        for (int v = 0; v < vecs; v++) sum[r][v] = vf_load(start + v * LANES);
    int64_t p = 0;
    for (; p + 1 < h->k; p += 2, w += BF16_WIDE) held_pair(h, p, w, panel, rows, vecs, 1, sum);
    if (p < h->k) held_pair(h, p, w, panel, rows, vecs, 0, sum);
    UNROLL for (int r = 0; r < rows; r++) UNROLL
        for (int v = 0; v < vecs; v++) {
            const int64_t left = width - v * LANES;
            if (left > 0) vec_store(h->z + r * h->n + column + v * LANES, sum[r][v], (int)at_most(left, LANES));
        }
}

static void held_row(const held_rows *h) {
    int64_t column = 0;
    for (; column + (BF16_TOGETHER - 1) * BF16_WIDE < h->n; column += BF16_TOGETHER * BF16_WIDE)
        held_panels_at(h, column, 1, BF16_TOGETHER);
    for (; column < h->n; column += BF16_WIDE) held_panels_at(h, column, 1, 1);
}

static void held_few(const held_rows *h, int64_t rows) {
    if (rows == 1) {
        held_row(h);
        return;
    }
    for (int64_t column = 0; column < h->n; column += BF16_WIDE)
        if (rows == 2)
            held_panels_at(h, column, 2, 1);
        else
            held_panels_at(h, column, BF16_ROWS, 1);
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
