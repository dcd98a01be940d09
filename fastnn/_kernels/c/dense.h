/* The dense op: y = act(x @ W + b) and its way back.
 *
 * Design: the activation runs over a few rows just written, while they are in the first-level cache. Inside the
 * registers of the product (rejected) it would be compiled once for each tile and activation. */
#ifndef FNN_DENSE_H
#define FNN_DENSE_H

#include "activation_op.h"
#include "gemm_impl.h"

#define ACTIVATE_ROWS (4 * TILE_ROWS)

static void dense_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                          int64_t end) {
    const real *params = model->params;
    real *y = place(model, op->y), *z = op->z < 0 ? y : place(model, op->z);
    const int64_t first = begin * op->repeat, rows = (end - begin) * op->repeat;
    product g = {.n = op->n_out,
                 .k = op->n_in,
                 .a_row = op->n_in,
                 .a_column = 1,
                 .b = params + op->w,
                 .b_row = op->n_out,
                 .start = op->b < 0 ? NULL : params + op->b,
                 .c_row = op->n_out};
    const int64_t step = is_large(rows, g.n, g.k) ? rows : ACTIVATE_ROWS;
    for (int64_t i = first; i < first + rows; i += step) {
        g.m = at_most(first + rows - i, step);
        g.a = op_input(op, model, block) + i * op->n_in;
        g.c = z + i * op->n_out;
        multiply(&g);
        if (z != y || op->activation != FNN_LINEAR)
            fnn_activate(op->activation, op->parameter, g.m, op->n_out, g.c, y + i * op->n_out);
    }
}

/* W.T in panels of TILE_WIDTH columns, (n_out, width) each. A single row or column is its own transpose. */
static const real *transposed_kernel(const fnn_op *op, const fnn_model *model, int make) {
    const real *w = (const real *)model->params + op->w;
    if (op->n_in == 1 || op->n_out == 1) return w;
    real *panels = place(model, op->scratch);
    for (int64_t j = 0; make && j < op->n_in; j += TILE_WIDTH) {
        const int64_t width = at_most(op->n_in - j, TILE_WIDTH);
        transpose(width, op->n_out, w + j * op->n_out, op->n_out, panels + j * op->n_out, width);
    }
    return panels;
}

/* dx of rows from dz. The range that begins at sample 0 makes the panels for all: threads must run it before the
 * others, or call transposed_kernel and wait first. Large products pack W for themselves. */
static void dense_dx(const fnn_op *op, const fnn_model *model, int64_t first, int64_t rows) {
    product g = {.m = rows,
                 .n = op->n_in,
                 .k = op->n_out,
                 .a = place(model, op->dy) + first * op->n_out,
                 .a_row = op->n_out,
                 .a_column = 1,
                 .b = (const real *)model->params + op->w,
                 .b_row = op->n_out,
                 .b_transposed = 1,
                 .c = place(model, op->dx) + first * op->n_in,
                 .c_row = op->n_in};
    if (is_large(rows, op->n_in, op->n_out) && multiply_large(&g)) return;
    const real *panels = transposed_kernel(op, model, first == 0);
    for (int64_t j = 0; j < op->n_in; j += TILE_WIDTH) {
        product part = g;
        part.n = part.b_row = at_most(op->n_in - j, TILE_WIDTH);
        part.b = panels + j * op->n_out;
        part.b_transposed = 0;
        part.c += j;
        multiply_direct(&part);
    }
}

static void dense_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                int64_t end) {
    (void)block;
    activation_back(op, model, begin, end);
    if (op->dx >= 0) dense_dx(op, model, begin * op->repeat, (end - begin) * op->repeat);
}

static void dense_backward_params(const fnn_op *op, const fnn_model *model, const fnn_block *block, int accumulate,
                                  int64_t begin, int64_t end) {
    const int64_t rows = block->rows * op->repeat;
    const real *x = op_input(op, model, block) + begin, *dz = place(model, op->dy);
    real *grads = model->grads;
    product g = {.m = end - begin,
                 .n = op->n_out,
                 .k = rows,
                 .a = x,
                 .a_row = 1,
                 .a_column = op->n_in,
                 .b = dz,
                 .b_row = op->n_out,
                 .c = grads + op->w + begin * op->n_out,
                 .c_row = op->n_out,
                 .add = accumulate};
    if (op->n_out == 1) { /* the same sums as one row, so that vectors are full */
        g.m = 1, g.n = end - begin;
        g.a = dz, g.a_column = 1;
        g.b = x, g.b_row = op->n_in;
    }
    multiply(&g);
    if (begin == 0 && op->b >= 0) sum_columns(rows, op->n_out, dz, grads + op->b, accumulate);
}

#endif
