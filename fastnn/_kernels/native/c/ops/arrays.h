/* Where an op's arrays lie, and how it hands on gradients. */
#ifndef FNN_OPS_ARRAYS_H
#define FNN_OPS_ARRAYS_H

#include "lent.h"
#include "vec_rows.h"

/* Address of an offset in the workspace. */
static real *place(const fnn_model *model, int64_t offset) { return (real *)model->workspace + offset; }

static const fnn_edge *op_edge(const fnn_op *op, const fnn_model *model, int i) {
    return &model->edges[op->first_edge + i];
}

/* The i-th input: a block of the model's own inputs, or what another op left in the workspace. */
static const real *op_x(const fnn_op *op, const fnn_model *model, const fnn_block *block, int i) {
    const int value = op_edge(op, model, i)->value;
    return value < model->header->n_inputs ? block->inputs[value] : place(model, model->values[value].offset);
}

static real *op_y(const fnn_op *op, const fnn_model *model) { return place(model, model->values[op->output].offset); }

static real *op_dy(const fnn_op *op, const fnn_model *model) { return place(model, model->values[op->output].grad); }

/* Gradient of the i-th input; NULL where nobody wants it. */
static real *op_dx(const fnn_op *op, const fnn_model *model, int i) {
    const int64_t offset = model->values[op_edge(op, model, i)->value].grad;
    return offset < 0 ? NULL : place(model, offset);
}

/* sum + number, where `lost` is what earlier roundings have added too much, and then what this one has (Kahan 1965). */
INLINE vf vec_add_kept(vf sum, vf number, vf *lost) {
    const vf term = vf_sub(number, *lost), next = vf_add(sum, term), more = vf_sub(vf_sub(next, sum), term);
    *lost = vf_select(vf_lt(vf_abs(more), vf_set1(REAL_INFINITY)), more, vf_zero());
    return next;
}

static void add_row(const real *from, int64_t n, real *to) {
    int64_t j = 0;
    for (; j <= n - LANES; j += LANES) vf_store(to + j, vf_add(vf_load(to + j), vf_load(from + j)));
    if (j < n)
        vf_store_n(to + j, vf_add(vf_load_n(to + j, (int)(n - j)), vf_load_n(from + j, (int)(n - j))), (int)(n - j));
}

/* Hands numbers [at, at + count) of a gradient on to the i-th input: set, or added to what others have left. */
static void hand_on(const fnn_op *op, const fnn_model *model, int i, const real *gradient, int64_t at, int64_t count) {
    real *dx = op_dx(op, model, i);
    if (!dx || dx + at == gradient) return; /* one array for both: there already */
    if (op_edge(op, model, i)->adds)
        add_row(gradient, count, dx + at);
    else
        copy_row(gradient, count, dx + at);
}

#endif
