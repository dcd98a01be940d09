/* The conv op: y = act(x * w + b) for every window of an image, and its way back (see _ops/conv.py).
 *
 * Where the plan says that maxima of y are all that is read of it, they are taken of each image while it is in the
 * first-level cache, and y itself never reaches the workspace. */
#ifdef FNN_OP
FNN_OP(CONV, conv)
#elif !defined FNN_OPS_CONV_H
#define FNN_OPS_CONV_H

#include "convolution.h"

static convolution conv_of(const fnn_op *op) {
    convolution v = convolution_of(op, op->n_out, op->geometry[13]);
    if (!op->pooled) {
        v.together = images_together(&v);
        return v;
    }
    v.made = v.y_size + LANES; /* pooling reads behind it */
    v.maxima = sums_maxima(&v, op + 1);
    return v;
}

static size_t conv_scratch(const fnn_op *op) {
    const convolution v = conv_of(op);
    return convolution_scratch(&v);
}

/* The activated output of images that are together. */
static void conv_images(const fnn_op *op, const fnn_model *model, const fnn_block *block, const convolution *v,
                        int64_t images, const real *x, const real *w, const int64_t *at, real *room, real *z, real *y) {
    const real *b = op->b < 0 ? NULL : (const real *)model->params + op->b;
    convolve(v, images, x, w, b, at, room, z);
    fnn_lap_of_op(block, model, op, FNN_FORWARD);
    if (z == y && op->activation == FNN_LINEAR) return;
    fnn_activate(op->activation, op->parameter, images * op->repeat, v->n, z, y);
    fnn_lap_of_op(block, model, op, FNN_ACTIVATE);
}

/* Maxima of the output, which itself is made in scratch memory. Where the way back is taken, the places of the maxima
 * are kept instead of it. */
static void conv_forward_pooled(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                int64_t end) {
    const convolution v = conv_of(op);
    const pooling q = pooling_of(op + 1);
    const real *x = op_x(op, model, block, 0);
    real *scratch = fnn_scratch(convolution_scratch(&v)), *z = made_room(&v, scratch),
         *room = scratch + windows_size(&v);
    const int narrow = has_narrow_maxima(&v, &q);
    const int64_t *at = narrow ? NULL : windows_at(&v, scratch);
    const real *w = forward_kernel(&v, op, model, scratch);
    const real *bias = op->b < 0 ? NULL : (const real *)model->params + op->b;
    real *y = op_y(op + 1, model);
    integer *winners = model->values[op->output].grad < 0 ? NULL : (integer *)op_y(op, model);
    for (int64_t i = begin; i < end; i++) {
        integer *kept = winners ? winners + i * q.y_size : NULL;
        if (narrow) {
            const real *image = image_around(&v.s, &v.a, x + i * v.x_size, room);
            narrow_maxima(op, &v, &q, image, w, bias, y + i * q.y_size, kept);
            fnn_lap_of_op(block, model, op, FNN_FORWARD);
            continue;
        }
        conv_images(op, model, block, &v, 1, x + i * v.x_size, w, at, room, z, z);
        if (kept)
            pool_image_kept(&q, z, y + i * q.y_size, kept);
        else
            pool_image(&q, z, y + i * q.y_size, 0);
        fnn_lap_of_op(block, model, op + 1, FNN_FORWARD);
    }
}

static void conv_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin, int64_t end) {
    if (op->pooled) {
        conv_forward_pooled(op, model, block, begin, end);
        return;
    }
    const convolution v = conv_of(op);
    real *y = op_y(op, model), *z = op->z < 0 ? y : place(model, op->z);
    const real *x = op_x(op, model, block, 0);
    real *scratch = fnn_scratch(convolution_scratch(&v)), *room = scratch + windows_size(&v);
    const int64_t *at = windows_at(&v, scratch);
    const real *w = forward_kernel(&v, op, model, scratch);
    for (int64_t i = begin; i < end; i += v.together)
        conv_images(op, model, block, &v, at_most(v.together, end - i), x + i * v.x_size, w, at, room, z + i * v.y_size,
                    y + i * v.y_size);
}

/* The slopes by z that the op keeps: of the output, or of its maxima. */
static slopes conv_slopes(const fnn_op *op, const fnn_model *model, const pooling *q) {
    if (!op->pooled) return (slopes){.array = op_dy(op, model)};
    return (slopes){.maxima = q, .dy = op_dy(op + 1, model), .winners = (const integer *)op_y(op, model)};
}

static void conv_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                               int64_t end) {
    const convolution v = conv_of(op);
    const pooling q = op->pooled ? pooling_of(op + 1) : (pooling){0};
    const slopes from = conv_slopes(op, model, &q);
    real *dx = op_dx(op, model, 0);
    fnn_op active = op[op->pooled ? 1 : 0]; /* what has y and dy, of this op's activation */
    active.activation = op->activation, active.parameter = op->parameter, active.z = op->z;
    active.bfloat16 = op->bfloat16;
    activation_back(&active, model, begin, end);
    fnn_lap_of_op(block, model, op, FNN_ACTIVATE_BACK);
    if (!dx) return;
    real *scratch = fnn_scratch(convolution_scratch(&v)), *made = made_room(&v, scratch);
    const gathers to_image = gathers_of(&v, scratch);
    real *turned = scratch + gathers_size(&v), *sums = turned + kernel_size(&v);
    const real *w = kernel_of(&v, op, model, scratch);
    turn_kernel(&v, w, turned);
    for (int64_t i = begin; i < end; i += v.together)
        image_gradient(&v, at_most(v.together, end - i), slopes_of(&from, &v, i, made), w, turned, &to_image,
                       op_edge(op, model, 0)->adds, sums, dx + i * v.x_size);
}

static size_t conv_part(const fnn_op *op) {
    const convolution v = conv_of(op);
    return (size_t)kernel_size(&v) * sizeof(real);
}

static void conv_make_parts(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t first,
                            int64_t last, void *parts) {
    const convolution v = conv_of(op);
    const pooling q = op->pooled ? pooling_of(op + 1) : (pooling){0};
    const slopes from = conv_slopes(op, model, &q);
    kernel_parts(&v, block->rows, op_x(op, model, block, 0), &from, first, last, parts);
}

static void conv_backward_params(const fnn_op *op, const fnn_model *model, const fnn_block *block, int accumulate,
                                 int64_t begin, int64_t end) {
    const convolution v = conv_of(op);
    const pooling q = op->pooled ? pooling_of(op + 1) : (pooling){0};
    const slopes from = conv_slopes(op, model, &q);
    if (op->dw >= 0 && block->parts)
        add_kernel_parts(&v, block->rows, block->parts, accumulate, begin, end, (real *)model->grads + op->dw);
    else if (op->dw >= 0)
        kernel_gradient(&v, block->rows, op_x(op, model, block, 0), &from, accumulate, begin, end,
                        (real *)model->grads + op->dw);
    if (begin == 0 && op->db >= 0)
        conv_db(op, model, block->rows, op->pooled ? q.s.oh * q.s.ow : op->repeat, op->pooled ? from.dy : from.array,
                accumulate);
}

static void conv_learn(const fnn_op *op, const fnn_model *model, const fnn_block *block, const double *c, double scale,
                       int64_t begin, int64_t end) {
    conv_backward_params(op, model, block, 0, begin, end);
    fnn_lap_of_op(block, model, op, FNN_DW);
    conv_update(op, model, c, scale, op->n_out, begin, end);
}

static const fnn_op_kernels conv_op = {.forward = conv_forward,
                                       .backward_rows = conv_backward_rows,
                                       .backward_params = conv_backward_params,
                                       .scratch = conv_scratch,
                                       .part_samples = CONV_SHARD,
                                       .part = conv_part,
                                       .make_parts = conv_make_parts,
                                       .learn = conv_learn};

#endif
