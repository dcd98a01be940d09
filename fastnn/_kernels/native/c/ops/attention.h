/* The attention op: y = softmax(scale * q @ k.T) @ v for each head of a sample, and its way back (see
 * _ops/attention.py).
 *
 * Queries pass some at a time, so that their scores stay in the cache. With `causal` those see only the keys up to the
 * last of them: what is left out are products with zeros.
 *
 * Design: gradients of a sample are set by the first piece of queries. Where queries, keys and values are one value, or
 * pieces see other keys, they are zeros first, and all is added to them. Products are never packed: packing has the
 * scratch memory that scores stand in, and operands of a head are small. */
#ifdef FNN_OP
FNN_OP(ATTENTION, attention)
#elif !defined FNN_OPS_ATTENTION_H
#define FNN_OPS_ATTENTION_H

#include <string.h>

#include "dropout.h"
#include "gemm_impl.h"
#include "rows_together.h"
#include "scratch.h"
#include "softmax.h"

#define SCORES_TOGETHER 16384 /* of a piece of queries, in the second-level cache */
#define CAUSAL_TOGETHER 32    /* queries; fewer would leave out more, in products too flat for tiles */

enum { AT_HEADS, AT_QUERIES, AT_KEYS, AT_D, AT_E, AT_MASK_ROWS, AT_CAUSAL, AT_GIVES_WEIGHTS };

/* A head of a sample. Rows of q, k, v and y, and of their gradients, have `heads` times the head's numbers. */
typedef struct {
    const int64_t *size;
    const real *q, *k, *v, *mask, *dy, *dscores;
    real *y, *scores, *dq, *dk, *dv;
    real *weights, *factors; /* (queries, keys); NULL where they are not kept, and without dropout */
    real *own, *product;     /* scratch: two pieces of (queries together, keys) */
    real scale;
    int adds[3];   /* whether dq, dk and dv are added to what is there */
    int mask_step; /* from a query's row of the mask to the next one's */
} head;

/* Queries [first, first + rows) of it, and the keys that some of them see. */
typedef struct {
    int64_t first, rows, keys;
} piece;

static int64_t queries_together(const int64_t *size) {
    const int64_t fit = SCORES_TOGETHER / size[AT_KEYS] / 16 * 16, some = fit > 16 ? fit : 16;
    return at_most(size[AT_CAUSAL] ? at_most(some, CAUSAL_TOGETHER) : some, size[AT_QUERIES]);
}

static piece piece_at(const int64_t *size, int64_t first) {
    const int64_t rows = at_most(queries_together(size), size[AT_QUERIES] - first);
    return (piece){first, rows, size[AT_CAUSAL] ? at_most(first + rows, size[AT_KEYS]) : size[AT_KEYS]};
}

/* How many keys query i sees, those that the mask blanks among them. */
static int64_t seen_by(const int64_t *size, int64_t i) {
    return size[AT_CAUSAL] ? at_most(i + 1, size[AT_KEYS]) : size[AT_KEYS];
}

static size_t attention_scratch(const fnn_op *op) {
    return (size_t)(2 * queries_together(op->geometry) * op->geometry[AT_KEYS]) * sizeof(real);
}

static int64_t scores_of(const int64_t *size) { return size[AT_HEADS] * size[AT_QUERIES] * size[AT_KEYS]; }

/* The h-th head of a sample of the block. */
static head head_at(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t sample, int64_t h) {
    const int64_t *size = op->geometry, d = size[AT_D], e = size[AT_E], heads = size[AT_HEADS];
    const int64_t scores = size[AT_QUERIES] * size[AT_KEYS], attended = size[AT_QUERIES] * heads * e;
    const int64_t queries = sample * size[AT_QUERIES] * heads, keys = sample * size[AT_KEYS] * heads;
    const int64_t at = sample * model->values[op->output].size, of_head = (sample * heads + h) * scores;
    head own = {.size = size, .scale = (real)op->numbers[0]};
    own.q = op_x(op, model, block, 0) + queries * d + h * d;
    own.k = op_x(op, model, block, 1) + keys * d + h * d;
    own.v = op_x(op, model, block, 2) + keys * e + h * e;
    own.y = op_y(op, model) + at + h * e;
    if (size[AT_GIVES_WEIGHTS]) own.scores = op_y(op, model) + at + attended + h * scores;
    if (size[AT_MASK_ROWS]) own.mask = op_x(op, model, block, 3) + sample * size[AT_MASK_ROWS] * size[AT_KEYS];
    own.mask_step = size[AT_MASK_ROWS] > 1;
    if (op->room >= 0) own.weights = place(model, op->room) + of_head;
    if (op->room >= 0 && op->rate != 0) own.factors = place(model, op->room) + block->rows * scores_of(size) + of_head;
    own.own = fnn_scratch(attention_scratch(op));
    own.product = own.own + queries_together(size) * size[AT_KEYS];
    return own;
}

static void multiply_small(const product *g) {
    if (is_narrow(g))
        multiply_narrow(g);
    else
        multiply_direct(g);
}

/* c (rows, keys) = a @ b.T, rows of a and b being those of a head n wide. */
static void multiply_by_keys(const head *h, piece at, const real *a, const real *b, int64_t n, real *c) {
    const int64_t row = h->size[AT_HEADS] * n;
    const product g = {.m = at.rows,
                       .n = at.keys,
                       .k = n,
                       .a = a + at.first * row,
                       .a_row = row,
                       .a_column = 1,
                       .b = b,
                       .b_row = row,
                       .b_transposed = 1,
                       .c = c,
                       .c_row = h->size[AT_KEYS]};
    multiply_small(&g);
}

/* c (rows, n) = or += scores (rows, keys) @ b (keys, n). */
static void gather_keys(const head *h, piece at, const real *scores, const real *b, int64_t n, int add, real *c) {
    const int64_t row = h->size[AT_HEADS] * n;
    const product g = {.m = at.rows,
                       .n = n,
                       .k = at.keys,
                       .a = scores,
                       .a_row = h->size[AT_KEYS],
                       .a_column = 1,
                       .b = b,
                       .b_row = row,
                       .c = c + at.first * row,
                       .c_row = row,
                       .add = add};
    multiply_small(&g);
}

/* c (keys, n) = or += scores (rows, keys).T @ b (rows, n). */
static void spread_to_keys(const head *h, piece at, const real *scores, const real *b, int64_t n, int add, real *c) {
    const int64_t row = h->size[AT_HEADS] * n;
    const product g = {.m = at.keys,
                       .n = n,
                       .k = at.rows,
                       .a = scores,
                       .a_row = 1,
                       .a_column = h->size[AT_KEYS],
                       .b = b + at.first * row,
                       .b_row = row,
                       .c = c,
                       .c_row = row,
                       .add = add};
    multiply_small(&g);
}

/* a * scale, kept in out. */
INLINE vf row_score(const void *context, int64_t j, int some) {
    const row_run *row = context;
    const vf score = vf_mul(vec_load(row->a + j, some), row->scale);
    vec_store(row->out + j, score, some);
    return score;
}

/* Minus infinity where the mask, b, is 0. */
INLINE void row_masked_score(const void *context, int64_t j, int some) {
    const row_run *row = context;
    const vf score = vf_mul(vec_load(row->a + j, some), row->scale);
    const vf seen = vf_select(vf_eq(vec_load(row->b + j, some), vf_zero()), vf_set1(-REAL_INFINITY), score);
    vec_store(row->out + j, seen, some);
}

INLINE void row_multiply(const void *context, int64_t j, int some) {
    vec_store(((const row_run *)context)->out + j, row_product(context, j, some), some);
}

/* out * scale */
INLINE void row_logit_back(const void *context, int64_t j, int some) {
    const row_run *row = context;
    const vf centred = vf_sub(vec_load(row->out + j, some), row->shift);
    vec_store(row->out + j, vf_mul(vf_mul(vec_load(row->a + j, some), centred), row->scale), some);
}

static void clear(real *numbers, int64_t count) { memset(numbers, 0, (size_t)count * sizeof *numbers); }

/* The n scores of query i, scaled, minus infinity where the mask blanks a key: nothing is left to scale. */
static RARE void blank_row(const head *h, row_run *row, int64_t i, int64_t n) {
    row->b = h->mask + i * h->mask_step * h->size[AT_KEYS];
    vec_each(row_masked_score, row, n);
    row->scale = vf_set1(1);
}

/* The softmax of products in place, of so many rows from that of query `first` on; zeros where the mask blanks all. */
static void weigh(const head *h, int64_t first, int64_t rows, real *weights) {
    const int64_t keys = h->size[AT_KEYS];
    const vf lowest = vf_set1(-REAL_INFINITY);
    vf lanes[LANES];
    real of_row[LANES];
    for (int64_t r = 0; r < LANES; r++) lanes[r] = vf_zero();
    for (int64_t r = 0; r < rows; r++) {
        row_run row = {.a = weights + r * keys, .out = weights + r * keys, .scale = vf_set1(h->scale)};
        const int64_t seen = seen_by(h->size, first + r);
        if (h->mask) blank_row(h, &row, first + r, seen);
        lanes[r] = lanes_of_row(vf_max, -REAL_INFINITY, row_score, &row, seen);
    }
    const vf largest = fold_rows(vf_max, lanes);
    vf_store(of_row, vf_select(vf_eq(largest, lowest), vf_zero(), largest));
    for (int64_t r = 0; r < rows; r++) {
        const row_run row = {.a = weights + r * keys, .out = weights + r * keys, .shift = vf_set1(of_row[r])};
        lanes[r] = lanes_of_row(vf_add, 0, row_exp_kept, &row, seen_by(h->size, first + r));
    }
    const vf total = sums_of_rows(lanes);
    vf_store(of_row, vf_select(vf_eq(total, vf_zero()), vf_set1(1), total));
    for (int64_t r = 0; r < rows; r++) {
        const row_run row = {.out = weights + r * keys, .scale = vf_set1(of_row[r])};
        vec_each(row_divide, &row, seen_by(h->size, first + r));
    }
}

/* What values are multiplied by: the weights, with dropout times their factors. */
static const real *dropped_weights(const head *h, piece at, const real *weights) {
    const int64_t keys = h->size[AT_KEYS];
    if (!h->factors) return weights;
    for (int64_t i = 0; i < at.rows; i++) {
        const row_run row = {
            .a = weights + i * keys, .b = h->factors + (at.first + i) * keys, .out = h->product + i * keys};
        vec_each(row_multiply, &row, at.keys);
    }
    return h->product;
}

static void attend(const head *h, piece at) {
    const int64_t keys = h->size[AT_KEYS];
    real *weights = h->weights ? h->weights + at.first * keys : h->own;
    const int64_t together = rows_at_once(keys);
    multiply_by_keys(h, at, h->q, h->k, h->size[AT_D], weights);
    for (int64_t i = 0; i < at.rows; i += together)
        weigh(h, at.first + i, at_most(together, at.rows - i), weights + i * keys);
    for (int64_t i = 0; i < at.rows; i++) {
        const int64_t query = at.first + i, seen = seen_by(h->size, query);
        real *row = weights + i * keys;
        clear(row + seen, at.keys - seen);
        if (!h->scores) continue;
        copy_row(row, seen, h->scores + query * keys);
        clear(h->scores + query * keys + seen, keys - seen);
    }
    gather_keys(h, at, dropped_weights(h, at, weights), h->v, h->size[AT_E], 0, h->y);
}

/* Factors of all weights of a sample; ones where dropout rests. */
static void make_factors(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t sample) {
    const int64_t n = scores_of(op->geometry);
    real *factors = place(model, op->room) + (block->rows + sample) * n;
    if (block->training)
        draw_factors(op, op->rate, (uint64_t)block->step, (block->first_row + sample) * n, n, factors);
    else
        for (int64_t i = 0; i < n; i++) factors[i] = 1;
}

static void attention_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                              int64_t end) {
    const int64_t *size = op->geometry;
    for (int64_t sample = begin; sample < end; sample++) {
        if (op->room >= 0 && op->rate != 0) make_factors(op, model, block, sample);
        for (int64_t i = 0; i < size[AT_HEADS]; i++) {
            const head h = head_at(op, model, block, sample, i);
            for (int64_t first = 0; first < size[AT_QUERIES]; first += queries_together(size))
                attend(&h, piece_at(size, first));
        }
    }
}

/* Gradients of the products from those of what values are multiplied by, in place: so many rows from that of query
 * `first` on. */
static void weigh_back(const head *h, int64_t first, int64_t rows, real *slopes) {
    const int64_t keys = h->size[AT_KEYS];
    vf lanes[LANES];
    real of_row[LANES];
    for (int64_t r = 0; r < LANES; r++) lanes[r] = vf_zero();
    for (int64_t r = 0; r < rows; r++) {
        const int64_t query = first + r, seen = seen_by(h->size, query);
        real *out = slopes + r * keys;
        const row_run row = {.a = h->weights + query * keys, .b = out};
        if (h->factors) {
            const row_run kept = {.a = out, .b = h->factors + query * keys, .out = out};
            vec_each(row_multiply, &kept, seen);
        }
        if (h->dscores) add_row(h->dscores + query * keys, seen, out);
        lanes[r] = lanes_of_row(vf_add, 0, row_product, &row, seen);
    }
    vf_store(of_row, sums_of_rows(lanes));
    for (int64_t r = 0; r < rows; r++) {
        const row_run row = {.a = h->weights + (first + r) * keys,
                             .out = slopes + r * keys,
                             .shift = vf_set1(of_row[r]),
                             .scale = vf_set1(h->scale)};
        vec_each(row_logit_back, &row, seen_by(h->size, first + r));
    }
}

static void attend_back(const head *h, piece at) {
    const int64_t d = h->size[AT_D], e = h->size[AT_E], keys = h->size[AT_KEYS], together = rows_at_once(keys);
    const real *weights = h->weights + at.first * keys;
    if (h->dv) spread_to_keys(h, at, dropped_weights(h, at, weights), h->dy, e, h->adds[2] || at.first, h->dv);
    if (!h->dq && !h->dk) return;
    multiply_by_keys(h, at, h->dy, h->v, e, h->own);
    for (int64_t i = 0; i < at.rows; i += together)
        weigh_back(h, at.first + i, at_most(together, at.rows - i), h->own + i * keys);
    for (int64_t i = 0; i < at.rows; i++) {
        const int64_t seen = seen_by(h->size, at.first + i);
        clear(h->own + i * keys + seen, at.keys - seen);
    }
    if (h->dq) gather_keys(h, at, h->own, h->k, d, h->adds[0], h->dq);
    if (h->dk) spread_to_keys(h, at, h->own, h->q, d, h->adds[1] || at.first, h->dk);
}

/* Whether all of the i-th input's gradient is added to what is there: to zeros, if nobody else has set it. */
static int adds_up(const fnn_op *op, const fnn_model *model, int i) {
    int adds = op_edge(op, model, i)->adds || (i > 0 && op->geometry[AT_CAUSAL]);
    for (int j = 0; j < 3; j++) adds |= j != i && op_edge(op, model, j)->value == op_edge(op, model, i)->value;
    return adds;
}

/* Gradient of the i-th input at a sample; NULL where nobody wants it. */
static real *started_dx(const fnn_op *op, const fnn_model *model, int i, int adds, int64_t sample) {
    const int64_t n = model->values[op_edge(op, model, i)->value].size;
    real *dx = op_dx(op, model, i);
    if (!dx) return NULL;
    if (adds && !op_edge(op, model, i)->adds) clear(dx + sample * n, n);
    return dx + sample * n;
}

static void attention_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                    int64_t end) {
    const int64_t *size = op->geometry, attended = size[AT_QUERIES] * size[AT_HEADS] * size[AT_E];
    for (int64_t sample = begin; sample < end; sample++) {
        const real *dy = op_dy(op, model) + sample * model->values[op->output].size;
        real *dx[3];
        int adds[3];
        for (int i = 0; i < 3; i++) {
            adds[i] = adds_up(op, model, i);
            dx[i] = started_dx(op, model, i, adds[i], sample);
        }
        for (int64_t i = 0; i < size[AT_HEADS]; i++) {
            head h = head_at(op, model, block, sample, i);
            h.dq = dx[0] ? dx[0] + i * size[AT_D] : NULL;
            h.dk = dx[1] ? dx[1] + i * size[AT_D] : NULL;
            h.dv = dx[2] ? dx[2] + i * size[AT_E] : NULL;
            h.dy = dy + i * size[AT_E];
            memcpy(h.adds, adds, sizeof adds);
            if (h.scores) h.dscores = dy + attended + i * size[AT_QUERIES] * size[AT_KEYS];
            for (int64_t first = 0; first < size[AT_QUERIES]; first += queries_together(size))
                attend_back(&h, piece_at(size, first));
        }
    }
}

static const fnn_op_kernels attention_op = {
    .forward = attention_forward, .backward_rows = attention_backward_rows, .scratch = attention_scratch};

#endif
