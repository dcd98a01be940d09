/* The parametric op: y = x + alpha * (f(x) - x) with an alpha for each column and an activation f, and its way back. */
#ifdef FNN_OP
FNN_LENT_OP(PARAMETRIC, parametric)
#elif !defined FNN_OPS_PARAMETRIC_H
#define FNN_OPS_PARAMETRIC_H

#include "activations.h"
#include "columns_of_rows.h"

enum { PIECE = 256 }; /* numbers whose slopes stand on the stack */

/* y = x + alpha * (f - x) for rows of n; y may be f. */
static void blend_rows(int64_t rows, int64_t n, const real *x, const real *f, const real *alpha, real *y) {
    for (int64_t i = 0; i < rows * n; i += n)
        for (int64_t j = 0; j < n; j += LANES) {
            const int some = (int)at_most(n - j, LANES);
            const vf from = vec_load(x + i + j, some), way = vf_sub(vec_load(f + i + j, some), from);
            vec_store(y + i + j, vf_fma(vec_load(alpha + j, some), way, from), some);
        }
}

static RARE void parametric_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                    int64_t end) {
    const int64_t rows = (end - begin) * op->repeat, at = begin * op->repeat * op->n_out;
    const real *x = op_x(op, model, block, 0) + at;
    real *y = op_y(op, model) + at, *f = op->z < 0 ? y : place(model, op->z) + at;
    fnn_activate(op->activation, op->parameter, rows, op->n_out, x, f);
    blend_rows(rows, op->n_out, x, f, (const real *)model->params + op->w, y);
}

/* dx = or += dy + alpha * (dy * f'(x) - dy) of at most PIECE numbers of a row. */
static void blend_back(const fnn_op *op, int64_t n, const real *x, const real *f, const real *alpha, const real *dy,
                       int add, real *dx) {
    real slopes[PIECE];
    copy_row(dy, n, slopes);
    fnn_activate_back(op->activation, op->parameter, 1, n, x, f, slopes);
    for (int64_t j = 0; j < n; j += LANES) {
        const int some = (int)at_most(n - j, LANES);
        const vf came = vec_load(dy + j, some), way = vf_sub(vec_load(slopes + j, some), came);
        const vf gradient = vf_fma(vec_load(alpha + j, some), way, came);
        vec_store(dx + j, add ? vf_add(vec_load(dx + j, some), gradient) : gradient, some);
    }
}

static RARE void parametric_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block,
                                          int64_t begin, int64_t end) {
    const int64_t n = op->n_out, first = begin * op->repeat * n, last = end * op->repeat * n;
    const real *x = op_x(op, model, block, 0), *dy = op_dy(op, model), *f = place(model, op->z);
    const real *alpha = (const real *)model->params + op->w;
    real *dx = op_dx(op, model, 0);
    if (!dx) return;
    const int add = op_edge(op, model, 0)->adds;
    for (int64_t i = first; i < last; i += n)
        for (int64_t j = 0; j < n; j += PIECE)
            blend_back(op, at_most(n - j, PIECE), x + i + j, f + i + j, alpha + j, dy + i + j, add, dx + i + j);
}

/* The sum of dy * (f - x) of `some` columns from j on: over the rows in order. */
static vf parametric_slope(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t j, int some) {
    const int64_t n = op->n_out, rows = block->rows * op->repeat;
    const real *x = op_x(op, model, block, 0) + j, *dy = op_dy(op, model) + j, *f = place(model, op->z) + j;
    vf sum = vf_zero();
    for (int64_t i = 0; i < rows * n; i += n)
        sum = vf_fma(vec_load(dy + i, some), vf_sub(vec_load(f + i, some), vec_load(x + i, some)), sum);
    return sum;
}

static RARE void parametric_backward_params(const fnn_op *op, const fnn_model *model, const fnn_block *block,
                                            int accumulate, int64_t begin, int64_t end) {
    real *dw = (real *)model->grads + op->dw;
    for (int64_t j = begin; j < end; j += LANES) {
        const int some = (int)at_most(end - j, LANES);
        take_sum(dw + j, parametric_slope(op, model, block, j, some), accumulate, some);
    }
}

static void parametric_learn(const fnn_op *op, const fnn_model *model, const fnn_block *block, const double *c,
                             double scale, int64_t begin, int64_t end) {
    parametric_backward_params(op, model, block, 0, begin, end);
    fnn_lap_of_op(block, model, op, FNN_DW);
    fnn_update_kernel(model, c, scale, op->w + begin, op->w + end);
}

LENT_KERNELS(parametric) = {.forward = parametric_forward,
                            .backward_rows = parametric_backward_rows,
                            .backward_params = parametric_backward_params,
                            .learn = parametric_learn};

#endif
