/* The conv_transpose op: y = act(what windows hand back to an image + b), and its way back (see
 * _ops/conv_transpose.py). The image of the convolution is y here, and its windows' numbers are x. */
#ifdef FNN_OP
FNN_OP(CONV_TRANSPOSE, conv_transpose)
#elif !defined FNN_OPS_CONV_TRANSPOSE_H
#define FNN_OPS_CONV_TRANSPOSE_H

#include "convolution.h"

static convolution turned_of(const fnn_op *op) { return convolution_of(op, op->n_in, 1); }

/* Beside what the convolution wants, room for a sample's gradient that is to be added. */
static size_t conv_transpose_scratch(const fnn_op *op) {
    const convolution v = turned_of(op);
    return convolution_scratch(&v) + (size_t)v.y_size * sizeof(real);
}

static void conv_transpose_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                   int64_t end) {
    const convolution v = turned_of(op);
    const real *b = op->b < 0 ? NULL : (const real *)model->params + op->b;
    real *y = op_y(op, model), *z = op->z < 0 ? y : place(model, op->z);
    const real *x = op_x(op, model, block, 0);
    real *scratch = fnn_scratch(convolution_scratch(&v));
    const gathers to_image = gathers_of(&v, scratch);
    real *turned = scratch + gathers_size(&v), *sums = turned + kernel_size(&v);
    const real *w = kernel_of(&v, op, model, scratch);
    turn_kernel(&v, w, turned);
    for (int64_t i = begin; i < end; i++) {
        real *to = z + i * v.x_size;
        for (int64_t at = 0; b && at < op->repeat; at++) copy_row(b, op->n_out, to + at * op->n_out);
        image_gradient(&v, 1, x + i * v.y_size, w, turned, &to_image, b != NULL, sums, to);
        fnn_lap_of_op(block, model, op, FNN_FORWARD);
        if (z == y && op->activation == FNN_LINEAR) continue;
        fnn_activate(op->activation, op->parameter, op->repeat, op->n_out, to, y + i * v.x_size);
        fnn_lap_of_op(block, model, op, FNN_ACTIVATE);
    }
}

static void conv_transpose_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block,
                                         int64_t begin, int64_t end) {
    const convolution v = turned_of(op);
    const real *dz = op_dy(op, model);
    real *dx = op_dx(op, model, 0);
    activation_back(op, model, begin, end);
    fnn_lap_of_op(block, model, op, FNN_ACTIVATE_BACK);
    if (!dx) return;
    const int add = op_edge(op, model, 0)->adds;
    real *scratch = fnn_scratch(conv_transpose_scratch(op)), *room = scratch + windows_size(&v);
    const real *w = forward_kernel(&v, op, model, scratch);
    real *made = scratch + convolution_scratch(&v) / sizeof(real);
    const int64_t *at = windows_at(&v, scratch);
    for (int64_t i = begin; i < end; i++) {
        real *to = dx + i * v.y_size;
        convolve(&v, 1, dz + i * v.x_size, w, NULL, at, room, add ? made : to);
        if (add) add_row(made, v.y_size, to);
    }
}

static void conv_transpose_backward_params(const fnn_op *op, const fnn_model *model, const fnn_block *block,
                                           int accumulate, int64_t begin, int64_t end) {
    const convolution v = turned_of(op);
    if (op->dw >= 0)
        kernel_gradient(&v, block->rows, op_dy(op, model), &(slopes){.array = op_x(op, model, block, 0)}, accumulate,
                        begin, end, (real *)model->grads + op->dw);
    if (begin == 0 && op->db >= 0) conv_db(op, model, block->rows, op->repeat, op_dy(op, model), accumulate);
}

static void conv_transpose_learn(const fnn_op *op, const fnn_model *model, const fnn_block *block, const double *c,
                                 double scale, int64_t begin, int64_t end) {
    conv_transpose_backward_params(op, model, block, 0, begin, end);
    fnn_lap_of_op(block, model, op, FNN_DW);
    conv_update(op, model, c, scale, op->n_in, begin, end);
}

static const fnn_op_kernels conv_transpose_op = {.forward = conv_transpose_forward,
                                                 .backward_rows = conv_transpose_backward_rows,
                                                 .backward_params = conv_transpose_backward_params,
                                                 .scratch = conv_transpose_scratch,
                                                 .learn = conv_transpose_learn};

#endif
