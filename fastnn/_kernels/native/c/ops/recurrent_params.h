/* The gradients of a recurrent op's parameters, from what the way back has left in its room (recurrent.h). */
#ifndef FNN_OPS_RECURRENT_PARAMS_H
#define FNN_OPS_RECURRENT_PARAMS_H

#include "columns_of_rows.h"
#include "recurrent_walk.h"

#define CHUNK 64 /* steps whose part of some columns stays in the first-level cache */
#define MOST_PARTS 3
#define BIAS_VECS 8

/* Parts of the kernels' gradients that go over the same steps, and where each stands. */
typedef struct {
    product p[MOST_PARTS];
    real *to[MOST_PARTS];
    int n;
} gradient_parts;

/* A chunk's part of the sums; the next columns are asked for, since hardware does not see rows that are far apart. */
static void add_chunk(const product *g) {
    for (int64_t j = 0; j < g->n; j += TILE_WIDTH) {
        const real *next = g->b + (j + TILE_WIDTH < g->n ? j + TILE_WIDTH : g->k * g->b_row);
        for (int64_t p = 0; p < g->k; p++) __builtin_prefetch(next + p * g->b_row);
        columns_any(g, j, at_most(g->n - j, TILE_WIDTH));
    }
}

/* The sums over k steps, set or, each made by itself in `sums`, added.
 *
 * Design: a chunk of steps at a time for all parts, while it is in the caches. Products one by one with packed copies
 * of dz (rejected) take twice as long, since each has few rows. */
static void add_steps(gradient_parts *parts, int64_t k, int64_t columns, int add, real *sums) {
    for (int i = 0; i < parts->n; i++) {
        product *p = &parts->p[i];
        parts->to[i] = p->c;
        if (add) p->c = sums, p->c_row = p->n, sums += p->m * p->n;
    }
    for (int64_t at = 0; at < k; at += CHUNK)
        for (int i = 0; i < parts->n; i++) {
            product *p = &parts->p[i];
            p->k = at_most(k - at, CHUNK);
            add_chunk(p);
            p->a += CHUNK * p->a_column, p->b += CHUNK * p->b_row;
            p->start = p->c, p->start_row = p->c_row;
        }
    for (int i = 0; add && i < parts->n; i++) {
        const product *p = &parts->p[i];
        for (int64_t r = 0; r < p->m; r++) add_row(p->c + r * p->c_row, p->n, parts->to[i] + r * columns);
    }
}

/* The rows [begin, end) of the state's kernel. */
static void take_state(const sequences *s, const real *kept, int64_t begin, int64_t end, real *du,
                       gradient_parts *parts) {
    const int64_t split = s->cell->split * s->n;
    const product p = {.m = end - begin,
                       .n = split,
                       .a = kept_read(s, (real *)kept) + begin,
                       .a_row = 1,
                       .a_column = s->stride,
                       .b = kept,
                       .b_row = s->stride,
                       .c = du + begin * s->columns,
                       .c_row = s->columns};
    parts->p[parts->n++] = p;
    if (split == s->columns) return;
    product *rest = &parts->p[parts->n++];
    *rest = p;
    rest->n = s->columns - split, rest->c += split;
    s->cell->rest(s, kept, &rest->a, &rest->b);
    rest->a += begin;
}

/* Sums of `vecs` vectors of columns, each in the order of the rows: of several at once, since additions wait for each
 * other. */
ALWAYS_INLINE void sum_vectors(const real *dz, int64_t stride, int64_t rows, int add, real *sums, const int vecs,
                               int some) {
    vf sum[BIAS_VECS];
    UNROLL for (int v = 0; v < vecs; v++)
        sum[v] = vf_zero();
    for (int64_t i = 0; i < rows; i++, dz += stride) {
        UNROLL for (int v = 0; v < vecs; v++)
            sum[v] = vf_add(sum[v], vec_load(dz + v * LANES, some));
    }
    UNROLL for (int v = 0; v < vecs; v++)
        take_sum(sums + v * LANES, sum[v], add, some);
}

static void bias_gradient(const real *dz, int64_t stride, int64_t rows, int64_t n, int add, real *db) {
    int64_t j = 0;
    for (; j + BIAS_VECS * LANES <= n; j += BIAS_VECS * LANES)
        sum_vectors(dz + j, stride, rows, add, db + j, BIAS_VECS, LANES);
    for (; j < n; j += LANES) sum_vectors(dz + j, stride, rows, add, db + j, 1, (int)at_most(n - j, LANES));
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
    real *grads = model->grads, *sums = fnn_scratch(recurrent_scratch(op, cell));
    const int64_t last = at_most(end, s.n_in), first = at_least(begin - s.n_in, 0);
    for (int64_t i = 0; i < block->rows; i += RECURRENT_SHARD) {
        const int add = accumulate || i > 0;
        const int64_t k = at_most(block->rows - i, RECURRENT_SHARD) * s.steps;
        const real *kept = s.kept + i * s.steps * s.stride;
        gradient_parts parts = {.p = {{.m = last - begin,
                                       .n = s.columns,
                                       .a = s.x + i * s.steps * s.n_in + begin,
                                       .a_row = 1,
                                       .a_column = s.n_in,
                                       .b = kept,
                                       .b_row = s.stride,
                                       .c = grads + op->dw + begin * s.columns,
                                       .c_row = s.columns}}};
        if (op->dw >= 0 && begin < last) parts.n = 1;
        if (op->dmore[0] >= 0 && end > s.n_in) take_state(&s, kept, first, end - s.n_in, grads + op->dmore[0], &parts);
        add_steps(&parts, k, s.columns, add, sums);
        if (op->db >= 0 && begin == 0) bias_gradients(&s, kept, k, add, grads + op->db);
    }
}

static void recurrent_learn(const fnn_op *op, const fnn_model *model, const fnn_block *block, const cell *cell,
                            const double *c, double scale, int64_t begin, int64_t end) {
    const int64_t columns = cell->gates * op->n_out, last = at_most(end, op->n_in);
    const int64_t first = begin > op->n_in ? begin - op->n_in : 0;
    recurrent_params(op, model, block, cell, 0, begin, end);
    fnn_lap_of_op(block, model, op, FNN_DW);
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
    DOUBLE_LENT_KERNELS(name) = {.forward = name##_forward,                                                            \
                                 .backward_rows = name##_backward_rows,                                                \
                                 .backward_params = name##_backward_params,                                            \
                                 .scratch = name##_scratch,                                                            \
                                 .learn = name##_learn};

#endif
