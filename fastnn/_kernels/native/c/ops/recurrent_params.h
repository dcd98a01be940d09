/* The gradients of a recurrent op's parameters, from what the way back has left in its room (recurrent.h). */
#ifndef FNN_OPS_RECURRENT_PARAMS_H
#define FNN_OPS_RECURRENT_PARAMS_H

#include "columns_of_rows.h"
#include "recurrent_walk.h"

#define CHUNK 64 /* steps whose part of some columns stays in the first-level cache */
#define MOST_PARTS 3
#define BIAS_VECS 8

/* Parts of the kernels' gradients that go over the same steps, where each stands, and what bias gradients sum. */
typedef struct {
    product p[MOST_PARTS];
    real *to[MOST_PARTS];
    int n, n_biases;
    struct {
        const real *dz;
        real *sums;
        int64_t n;
    } bias[MOST_PARTS];
} gradient_parts;

/* Sums of `vecs` vectors of columns go on, each in the order of the rows: of several at once, since additions wait for
 * each other. */
ALWAYS_INLINE void sum_vectors(const real *dz, int64_t stride, int64_t rows, real *sums, const int vecs, int some) {
    vf sum[BIAS_VECS];
    UNROLL for (int v = 0; v < vecs; v++)
        sum[v] = vec_load(sums + v * LANES, some);
    for (int64_t i = 0; i < rows; i++, dz += stride) {
        UNROLL for (int v = 0; v < vecs; v++)
            sum[v] = vf_add(sum[v], vec_load(dz + v * LANES, some));
    }
    UNROLL for (int v = 0; v < vecs; v++)
        vec_store(sums + v * LANES, sum[v], some);
}

static void add_biases(const real *dz, int64_t stride, int64_t rows, int64_t n, real *sums) {
    int64_t j = 0;
    for (; j + BIAS_VECS * LANES <= n; j += BIAS_VECS * LANES)
        sum_vectors(dz + j, stride, rows, sums + j, BIAS_VECS, LANES);
    for (; j < n; j += LANES) sum_vectors(dz + j, stride, rows, sums + j, 1, (int)at_most(n - j, LANES));
}

/* Asks for columns of rows that are far apart, which hardware does not see: the lines that begin in every `every`-th
 * of them. */
static void ask_for(const real *rows, int64_t stride, int64_t k) {
    for (int64_t p = 0; p < k; p++) __builtin_prefetch(rows + p * stride);
}

/* k steps' part of some columns of the sums; the next columns are asked for, one line of each row for each part. */
static void add_columns(const gradient_parts *parts, int64_t j) {
    for (int i = 0; i < parts->n; i++) {
        const product *g = &parts->p[i];
        if (j >= g->n) continue;
        const real *next = g->b + (j + TILE_WIDTH < g->n ? j + TILE_WIDTH : g->k * g->b_row);
        ask_for(next + (i % 2) * (TILE_WIDTH / 2), g->b_row, g->k);
        columns_any(g, j, at_most(g->n - j, TILE_WIDTH));
    }
}

/* The sums over steps [at, at + k). */
static void add_chunk(const sequences *s, gradient_parts *parts, int64_t at, int64_t k) {
    gradient_parts here = *parts;
    int64_t n = 0;
    for (int i = 0; i < parts->n; i++) {
        product *p = &here.p[i];
        p->k = k, p->a += at * p->a_column, p->b += at * p->b_row;
        n = at_least(n, p->n);
    }
    for (int64_t j = 0; j < n; j += TILE_WIDTH) add_columns(&here, j);
    for (int i = 0; i < parts->n; i++) parts->p[i].start = parts->p[i].c, parts->p[i].start_row = parts->p[i].c_row;
    for (int i = 0; i < parts->n_biases; i++)
        add_biases(parts->bias[i].dz + at * s->stride, s->stride, k, parts->bias[i].n, parts->bias[i].sums);
}

/* The sums over those of steps [first, end) of all samples that count; a chunk of them at a time for all parts, while
 * it is in the caches. Those that do not count are left out: what they would add are zeros, which change no sum but one
 * that has underflowed to -0, in its sign. Which of them are taken with others follows from the mask alone.
 *
 * Design: products one by one with packed copies of dz (rejected) take twice as long, since each has few rows. */
static void add_steps(const sequences *s, gradient_parts *parts, int64_t first, int64_t end) {
    for (int64_t done = first; done < end;) {
        const run_of_steps run = next_run(s, done, end);
        const int64_t step = even_block(at_least(run.to - run.from, 1), CHUNK);
        for (int64_t at = run.from; at < run.to; at += step)
            add_chunk(s, parts, at - first, at_most(run.to - at, step));
        done = run.to;
    }
    if (parts->n && !parts->p[0].start) add_chunk(s, parts, 0, 0); /* sums of nothing */
}

/* Where sums of their own are made first: products that are added to what is there. Returns what follows them. */
static RARE real *set_apart(gradient_parts *parts, real *sums) {
    for (int i = 0; i < parts->n; i++) {
        product *p = &parts->p[i];
        parts->to[i] = p->c;
        p->c = sums, p->c_row = p->n, sums += p->m * p->n;
    }
    return sums;
}

static RARE void add_apart_sums(const gradient_parts *parts, int64_t columns) {
    for (int i = 0; i < parts->n; i++) {
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

/* The gradient of the bias, whose sums are made in `sums`; of the state's part of the gates, too, where it has one. */
static RARE void take_biases(const sequences *s, const real *kept, real *sums, gradient_parts *parts) {
    const int64_t split = s->cell->split * s->n, two = s->op->geometry[VARIANT] ? 2 : 1;
    const real *read, *dz;
    memset(sums, 0, (size_t)(two * s->columns) * sizeof(real));
    parts->bias[0].dz = kept, parts->bias[0].sums = sums, parts->bias[0].n = s->columns;
    parts->n_biases = 1;
    if (two == 1) return;
    s->cell->rest(s, kept, &read, &dz);
    parts->bias[1].dz = dz, parts->bias[1].sums = sums + s->columns + split, parts->bias[1].n = s->columns - split;
    parts->n_biases = 2;
}

/* Those sums are set as the gradient, or added; of gates before split the state's part has the same. */
static RARE void give_biases(const sequences *s, real *sums, int add, real *db) {
    const int64_t split = s->cell->split * s->n, n = s->columns * (s->op->geometry[VARIANT] ? 2 : 1);
    if (n > s->columns) copy_row(sums, split, sums + s->columns);
    if (add)
        add_row(sums, n, db);
    else
        copy_row(sums, n, db);
}

/* Units are the rows of the input's kernel, then those of the state's. */
static void recurrent_params(const fnn_op *op, const fnn_model *model, const fnn_block *block, const cell *cell,
                             int accumulate, int64_t begin, int64_t end) {
    const sequences s = sequences_of(op, model, block, cell);
    real *grads = model->grads, *sums = fnn_scratch(recurrent_scratch(op, cell));
    const int64_t last = at_most(end, s.n_in), first = at_least(begin - s.n_in, 0);
    for (int64_t i = 0; i < block->rows; i += RECURRENT_SHARD) {
        const int add = accumulate || i > 0;
        const int64_t from = i * s.steps, k = at_most(block->rows - i, RECURRENT_SHARD) * s.steps;
        const int has_bias = op->db >= 0 && begin == 0;
        real *biases = sums;
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
        if (add) biases = set_apart(&parts, sums);
        if (has_bias) take_biases(&s, kept, biases, &parts);
        add_steps(&s, &parts, from, from + k);
        if (add) add_apart_sums(&parts, s.columns);
        if (has_bias) give_biases(&s, biases, add, grads + op->db);
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
