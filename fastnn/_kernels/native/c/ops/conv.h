/* The conv op: y = act(x * w + b) for every window of an image, and its way back (see _ops/conv.py). */
#ifdef FNN_OP
FNN_OP(CONV, conv)
#elif !defined FNN_OPS_CONV_H
#define FNN_OPS_CONV_H

#include "convolution.h"

static convolution conv_of(const fnn_op *op) { return convolution_of(op, op->n_out, op->geometry[13]); }

static size_t conv_scratch(const fnn_op *op) {
    const convolution v = conv_of(op);
    return convolution_scratch(&v);
}

static void conv_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin, int64_t end) {
    const convolution v = conv_of(op);
    const real *w = (const real *)model->params + op->w, *b = op->b < 0 ? NULL : (const real *)model->params + op->b;
    real *y = op_y(op, model), *z = op->z < 0 ? y : place(model, op->z);
    const real *x = op_x(op, model, block, 0);
    real *room = fnn_scratch(convolution_scratch(&v));
    for (int64_t i = begin; i < end; i++) {
        convolve(&v, x + i * v.x_size, w, b, room, z + i * v.y_size);
        if (z != y || op->activation != FNN_LINEAR)
            fnn_activate(op->activation, op->parameter, op->repeat, v.n, z + i * v.y_size, y + i * v.y_size);
    }
}

static void conv_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                               int64_t end) {
    (void)block;
    const convolution v = conv_of(op);
    const real *w = (const real *)model->params + op->w, *dz = op_dy(op, model);
    real *dx = op_dx(op, model, 0);
    activation_back(op, model, begin, end);
    if (!dx) return;
    real *turned = fnn_scratch(convolution_scratch(&v)), *sums = turned + kernel_size(&v);
    turn_kernel(&v, w, turned);
    for (int64_t i = begin; i < end; i++)
        image_gradient(&v, dz + i * v.y_size, w, turned, op_edge(op, model, 0)->adds, sums, dx + i * v.x_size);
}

static void conv_backward_params(const fnn_op *op, const fnn_model *model, const fnn_block *block, int accumulate,
                                 int64_t begin, int64_t end) {
    const convolution v = conv_of(op);
    if (op->dw >= 0)
        kernel_gradient(&v, block->rows, op_x(op, model, block, 0), op_dy(op, model), accumulate, begin, end,
                        (real *)model->grads + op->dw);
    if (begin == 0 && op->db >= 0) conv_db(op, model, block, accumulate);
}

static void conv_learn(const fnn_op *op, const fnn_model *model, const fnn_block *block, const double *c, double scale,
                       int64_t begin, int64_t end) {
    conv_backward_params(op, model, block, 0, begin, end);
    conv_update(op, model, c, scale, op->n_out, begin, end);
}

static const fnn_op_kernels conv_op = {.forward = conv_forward,
                                       .backward_rows = conv_backward_rows,
                                       .backward_params = conv_backward_params,
                                       .scratch = conv_scratch,
                                       .learn = conv_learn};

#endif
