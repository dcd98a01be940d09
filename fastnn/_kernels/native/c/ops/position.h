/* The position op: y = w with a number for each column, and its way back (see _ops/position.py). */
#ifdef FNN_OP
FNN_LENT_OP(POSITION, position)
#elif !defined FNN_OPS_POSITION_H
#define FNN_OPS_POSITION_H

#include "arrays.h"
#include "optimizers.h"

static RARE void position_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                  int64_t end) {
    (void)block;
    const int64_t n = op->n_out;
    real *y = op_y(op, model);
    for (int64_t i = begin * op->repeat; i < end * op->repeat; i++)
        copy_row((const real *)model->params + op->w, n, y + i * n);
}

static RARE void position_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                        int64_t end) {
    (void)block;
    const int64_t width = op->repeat * op->n_out;
    real *dx = op_dx(op, model, 0);
    if (dx && !op_edge(op, model, 0)->adds)
        memset(dx + begin * width, 0, (size_t)((end - begin) * width) * sizeof(real));
}

/* dw of `some` numbers from j on: each sums over the rows in order, and those that no row has are 0. */
static vf sum_of_slopes(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t j, int some) {
    const int64_t rows = block->rows * op->repeat, n = op->n_out;
    const int there = (int)(j >= n ? 0 : n - j < some ? n - j : some);
    const real *dy = op_dy(op, model) + j;
    vf sum = vf_zero();
    for (int64_t i = 0; there && i < rows; i++) sum = vf_add(vf_load_n(dy + i * n, there), sum);
    return sum;
}

static RARE void position_backward_params(const fnn_op *op, const fnn_model *model, const fnn_block *block,
                                          int accumulate, int64_t begin, int64_t end) {
    real *dw = (real *)model->grads + op->dw;
    for (int64_t j = begin; j < end; j += LANES) {
        const int some = end - j < LANES ? (int)(end - j) : LANES;
        vf sum = sum_of_slopes(op, model, block, j, some);
        if (accumulate) sum = vf_add(vec_load(dw + j, some), sum);
        vec_store(dw + j, sum, some);
    }
}

static void position_learn(const fnn_op *op, const fnn_model *model, const fnn_block *block, const double *c,
                           double scale, int64_t begin, int64_t end) {
    position_backward_params(op, model, block, 0, begin, end);
    fnn_lap_of_op(block, model, op, FNN_DW);
    fnn_update_kernel(model, c, scale, op->w + begin, op->w + end);
}

LENT_KERNELS(position) = {.forward = position_forward,
                          .backward_rows = position_backward_rows,
                          .backward_params = position_backward_params,
                          .learn = position_learn};

#endif
