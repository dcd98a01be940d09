/* The dense op: y = act(x @ W + b) and its way back.
 *
 * Design: the activation runs over a few rows just written, while they are in the first-level cache. Inside the
 * registers of the product (rejected) it would be compiled once for each tile and activation. */
#ifdef FNN_OP
FNN_OP(DENSE, dense)
#elif !defined FNN_OPS_DENSE_H
#define FNN_OPS_DENSE_H

#include "activation.h"
#include "gemm_packed.h"
#include "optimizers.h"

#define ACTIVATE_ROWS (4 * TILE_ROWS)
#define LEARN_ABOVE (131072 / REAL_BYTES) /* numbers of dz; fewer stay in the second-level cache with a piece of dw */

static real *dense_z(const fnn_op *op, const fnn_model *model) {
    return op->z < 0 ? op_y(op, model) : place(model, op->z);
}

/* z of rows from `first` on, and of outputs [begin, end). */
static product dense_product(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t first,
                             int64_t rows, int64_t begin, int64_t end) {
    const real *params = model->params;
    return (product){.m = rows,
                     .n = end - begin,
                     .k = op->n_in,
                     .a = op_x(op, model, block, 0) + first * op->n_in,
                     .a_row = op->n_in,
                     .a_column = 1,
                     .b = params + op->w + begin,
                     .b_row = op->n_out,
                     .b_is = op->bfloat16 ? TO_ROUND : REALS,
                     .start = op->b < 0 ? NULL : params + op->b + begin,
                     .c = dense_z(op, model) + first * op->n_out + begin,
                     .c_row = op->n_out};
}

static void dense_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                          int64_t end) {
    real *y = op_y(op, model);
    const int64_t first = begin * op->repeat, rows = (end - begin) * op->repeat;
    product g = dense_product(op, model, block, first, rows, 0, op->n_out);
    const int plain = dense_z(op, model) == y && op->activation == FNN_LINEAR;
    const int64_t step = plain || op->bfloat16 || is_large(rows, g.n, g.k) ? rows : ACTIVATE_ROWS;
    for (int64_t i = first; i < first + rows; i += step, g.a += step * g.a_row, g.c += step * g.c_row) {
        g.m = at_most(first + rows - i, step);
        multiply(&g);
        if (plain) continue;
        fnn_lap_of_op(block, model, op, FNN_FORWARD);
        fnn_activate(op->activation, op->parameter, g.m, op->n_out, g.c, y + i * op->n_out);
        fnn_lap_of_op(block, model, op, FNN_ACTIVATE);
    }
}

/* dx of rows from `first` on, and of inputs [begin, end), from dz. */
static void dense_dx(const fnn_op *op, const fnn_model *model, int64_t first, int64_t rows, int64_t begin,
                     int64_t end) {
    const product g = {.m = rows,
                       .n = end - begin,
                       .k = op->n_out,
                       .a = op_dy(op, model) + first * op->n_out,
                       .a_row = op->n_out,
                       .a_column = 1,
                       .b = (const real *)model->params + op->w + begin * op->n_out,
                       .b_row = op->n_out,
                       .b_transposed = 1,
                       .b_is = op->bfloat16 ? TO_ROUND : REALS,
                       .c = op_dx(op, model, 0) + first * op->n_in + begin,
                       .c_row = op->n_in,
                       .add = op_edge(op, model, 0)->adds};
    multiply(&g);
}

static void dense_multiply(const fnn_op *op, const fnn_model *model, const fnn_block *block, int backward,
                           int64_t begin, int64_t end) {
    const int64_t rows = block->rows * op->repeat;
    if (backward) {
        if (op_dx(op, model, 0)) dense_dx(op, model, 0, rows, begin, end);
        return;
    }
    const product g = dense_product(op, model, block, 0, rows, begin, end);
    multiply(&g);
}

static void dense_activate(const fnn_op *op, const fnn_model *model, int backward, int64_t begin, int64_t end) {
    const int64_t first = begin * op->repeat * op->n_out, rows = (end - begin) * op->repeat;
    if (backward)
        activation_back(op, model, begin, end);
    else
        fnn_activate(op->activation, op->parameter, rows, op->n_out, dense_z(op, model) + first,
                     op_y(op, model) + first);
}

static void dense_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                int64_t end) {
    activation_back(op, model, begin, end);
    fnn_lap_of_op(block, model, op, FNN_ACTIVATE_BACK);
    if (op_dx(op, model, 0)) dense_dx(op, model, begin * op->repeat, (end - begin) * op->repeat, 0, op->n_in);
}

/* dw of input features [begin, end), set or added to. */
static void dense_dw(const fnn_op *op, const fnn_model *model, const fnn_block *block, int accumulate, int64_t begin,
                     int64_t end, real *dw) {
    const parts by_shards = {.shards = block->shards, .n_shards = block->n_shards};
    const product g = {.m = end - begin,
                       .n = op->n_out,
                       .k = block->rows * op->repeat,
                       .a = op_x(op, model, block, 0) + begin,
                       .a_row = 1,
                       .a_column = op->n_in,
                       .b = op_dy(op, model),
                       .b_row = op->n_out,
                       .b_is = op->bfloat16 ? ROUNDED : REALS,
                       .c = dw,
                       .c_row = op->n_out,
                       .add = accumulate,
                       .parts = block->shards ? &by_shards : NULL};
    multiply(&g);
}

static void dense_db(const fnn_op *op, const fnn_model *model, const fnn_block *block, int accumulate) {
    real *db = (real *)model->grads + op->db;
    if (block->shards)
        sum_columns_of_shards(block->shards, block->n_shards, op->n_out, op_dy(op, model), db);
    else
        sum_columns(block->rows * op->repeat, op->n_out, op_dy(op, model), db, accumulate);
}

static void dense_backward_params(const fnn_op *op, const fnn_model *model, const fnn_block *block, int accumulate,
                                  int64_t begin, int64_t end) {
    dense_dw(op, model, block, accumulate, begin, end, (real *)model->grads + op->dw + begin * op->n_out);
    if (begin == 0 && op->db >= 0) dense_db(op, model, block, accumulate);
}

/* Input features whose dw is made and used before the next ones' are: all, when their product is worth packing dz. */
static int64_t learn_step(const fnn_op *op, const fnn_block *block) {
    const int64_t dz = block->rows * op->repeat * op->n_out;
    if (dz > LEARN_ABOVE) return op->n_in;
    const int64_t tiles = LEARN_ABOVE / 2 / (op->n_out * TILE_ROWS);
    return (tiles > 0 ? tiles : 1) * TILE_ROWS;
}

/* Gradients of a range all go to its beginning in grads, so that they stay in the cache and memory sees parameters and
 * slots alone. */
static void dense_learn(const fnn_op *op, const fnn_model *model, const fnn_block *block, const double *c, double scale,
                        int64_t begin, int64_t end) {
    real *dw = (real *)model->grads + op->dw + begin * op->n_out;
    const int64_t step = learn_step(op, block);
    const double *of_kernel = scalars_at(model, c, op->w);
    for (int64_t i = begin; i < end; i += step) {
        const int64_t last = at_most(i + step, end);
        dense_dw(op, model, block, 0, i, last, dw);
        fnn_lap_of_op(block, model, op, FNN_DW);
        if (model->header->has_penalty)
            penalize_range(model, scale, dw, op->w + i * op->n_out, op->w + last * op->n_out);
        update_range(model, dw, of_kernel, op->w + i * op->n_out, op->w + last * op->n_out);
        fnn_lap_of_op(block, model, op, FNN_LEARN);
    }
    if (begin == 0 && op->db >= 0) {
        dense_db(op, model, block, 0);
        fnn_lap_of_op(block, model, op, FNN_DW);
        fnn_update_kernel(model, c, scale, op->b, op->b + op->n_out);
    }
}

static size_t dense_scratch(const fnn_op *op) { return op->bfloat16 ? bf16_scratch(op->n_out, op->n_in) : 0; }

static const fnn_op_kernels dense_op = {.forward = dense_forward,
                                        .backward_rows = dense_backward_rows,
                                        .backward_params = dense_backward_params,
                                        .scratch = dense_scratch,
                                        .multiply = dense_multiply,
                                        .activate = dense_activate,
                                        .learn = dense_learn};

#endif
