/* The gradients of a recurrent op's parameters, from what the way back has left in its room (recurrent.h). */
#ifndef FNN_OPS_RECURRENT_PARAMS_H
#define FNN_OPS_RECURRENT_PARAMS_H

#include "recurrent.h"

/* Rows of a kernel's gradient: the sums over a shard's steps, set or added. */
static void add_shard(const sequences *s, product p, int add) {
    p.b_row = s->stride, p.a_row = 1, p.c_row = s->columns, p.add = add;
    multiply(&p);
}

/* Rows [begin, end) of the state's kernel. */
static void state_gradient(const sequences *s, const real *kept, int64_t k, int64_t begin, int64_t end, int add,
                           real *du) {
    const int64_t split = s->cell->split * s->n;
    const product p = {.m = end - begin,
                       .n = split,
                       .k = k,
                       .a = kept_read(s, (real *)kept) + begin,
                       .a_column = s->stride,
                       .b = kept,
                       .c = du + begin * s->columns};
    add_shard(s, p, add);
    if (split == s->columns) return;
    product rest = p;
    rest.n = s->columns - split, rest.c += split;
    s->cell->rest(s, kept, &rest.a, &rest.b);
    rest.a += begin;
    add_shard(s, rest, add);
}

/* Sums of the columns of dz, each in the order of the rows; several vectors, so that additions need not wait. */
#define BIAS_VECS 8
static void bias_gradient(const real *dz, int64_t stride, int64_t rows, int64_t n, int add, real *db) {
    for (int64_t j = 0; j < n; j += LANES) {
        vf sum[BIAS_VECS];
        const int vecs = n - j >= BIAS_VECS * LANES ? BIAS_VECS : 1, some = (int)at_most(n - j, LANES);
        if (vecs > 1) {
            UNROLL for (int v = 0; v < BIAS_VECS; v++)
                sum[v] = vf_zero();
            for (int64_t i = 0; i < rows; i++) {
                UNROLL for (int v = 0; v < BIAS_VECS; v++)
                    sum[v] = vf_add(sum[v], vf_load(dz + i * stride + j + v * LANES));
            }
        } else {
            sum[0] = vf_zero();
            for (int64_t i = 0; i < rows; i++) sum[0] = vf_add(sum[0], vec_load(dz + i * stride + j, some));
        }
        for (int v = 0; v < vecs; v++, j += v < vecs ? LANES : 0)
            vec_store(db + j, add ? vf_add(vec_load(db + j, some), sum[v]) : sum[v], some);
    }
}

/* That of the bias; of the state's part of the gates, too, where it has one. */
static void bias_gradients(const sequences *s, const real *kept, int64_t k, int add, real *db) {
    bias_gradient(kept, s->stride, k, s->columns, add, db);
    if (!s->op->geometry[VARIANT]) return;
    const int64_t split = s->cell->split * s->n;
    const real *read, *dz;
    s->cell->rest(s, kept, &read, &dz);
    bias_gradient(kept, s->stride, k, split, add, db + s->columns);
    bias_gradient(dz, s->stride, k, s->columns - split, add, db + s->columns + split);
}

/* Units are the rows of the input's kernel, then those of the state's. */
static void recurrent_params(const fnn_op *op, const fnn_model *model, const fnn_block *block, const cell *cell,
                             int accumulate, int64_t begin, int64_t end) {
    const sequences s = sequences_of(op, model, block, cell);
    real *grads = model->grads;
    const int64_t last = at_most(end, s.n_in), first = begin > s.n_in ? begin - s.n_in : 0;
    for (int64_t i = 0; i < block->rows; i += RECURRENT_SHARD) {
        const int add = accumulate || i > 0;
        const int64_t k = at_most(block->rows - i, RECURRENT_SHARD) * s.steps;
        const real *kept = s.kept + i * s.steps * s.stride;
        const product p = {.m = last - begin,
                           .n = s.columns,
                           .k = k,
                           .a = s.x + i * s.steps * s.n_in + begin,
                           .a_column = s.n_in,
                           .b = kept,
                           .c = grads + op->dw + begin * s.columns};
        if (op->dw >= 0 && begin < last) add_shard(&s, p, add);
        if (op->dmore[0] >= 0 && end > s.n_in)
            state_gradient(&s, kept, k, first, end - s.n_in, add, grads + op->dmore[0]);
        if (op->db >= 0 && begin == 0) bias_gradients(&s, kept, k, add, grads + op->db);
    }
}

static void recurrent_learn(const fnn_op *op, const fnn_model *model, const fnn_block *block, const cell *cell,
                            const double *c, double scale, int64_t begin, int64_t end) {
    const int64_t columns = cell->gates * op->n_out, last = at_most(end, op->n_in);
    const int64_t first = begin > op->n_in ? begin - op->n_in : 0;
    recurrent_params(op, model, block, cell, 0, begin, end);
    if (op->dw >= 0 && begin < last)
        fnn_update_kernel(model, c, scale, op->w + begin * columns, op->w + last * columns);
    if (op->dmore[0] >= 0 && end > op->n_in)
        fnn_update_kernel(model, c, scale, op->more[0] + first * columns, op->more[0] + (end - op->n_in) * columns);
    if (op->db >= 0 && begin == 0)
        fnn_update_kernel(model, c, scale, op->b, op->b + columns * (1 + (op->geometry[VARIANT] != 0)));
}

#define RECURRENT_OP(name, cell)                                                                                       \
    static void name##_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,        \
                               int64_t end) {                                                                          \
        recurrent_forward(op, model, block, &cell, begin, end);                                                        \
    }                                                                                                                  \
    static void name##_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,  \
                                     int64_t end) {                                                                    \
        recurrent_back(op, model, block, &cell, begin, end);                                                           \
    }                                                                                                                  \
    static void name##_backward_params(const fnn_op *op, const fnn_model *model, const fnn_block *block,               \
                                       int accumulate, int64_t begin, int64_t end) {                                   \
        recurrent_params(op, model, block, &cell, accumulate, begin, end);                                             \
    }                                                                                                                  \
    static size_t name##_scratch(const fnn_op *op) { return recurrent_scratch(op, &cell); }                            \
    static void name##_learn(const fnn_op *op, const fnn_model *model, const fnn_block *block, const double *c,        \
                             double scale, int64_t begin, int64_t end) {                                               \
        recurrent_learn(op, model, block, &cell, c, scale, begin, end);                                                \
    }                                                                                                                  \
    static const fnn_op_kernels name##_op = {.forward = name##_forward,                                                \
                                             .backward_rows = name##_backward_rows,                                    \
                                             .backward_params = name##_backward_params,                                \
                                             .scratch = name##_scratch,                                                \
                                             .learn = name##_learn};

#endif
