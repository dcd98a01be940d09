/* The embedding op: rows of a table by their whole numbers, which come as real ones (see _ops/embedding.py).
 *
 * Threads share rows of the table: each goes over all numbers in their order and takes those of its rows, so that no
 * sum depends on how many there are.
 *
 * Design: a block's gradients are added where those of earlier blocks stand, in order. A sum of their own (rejected)
 * would be a second table, of which most rows are zeros. */
#ifdef FNN_OP
FNN_DOUBLE_LENT_OP(EMBEDDING, embedding)
#elif !defined FNN_OPS_EMBEDDING_H
#define FNN_OPS_EMBEDDING_H

#include <string.h>

#include "arrays.h"
#include "optimizers.h"
#include "prefetch.h"
#include "scratch.h"

#define FETCHED_AHEAD 8   /* numbers between the row at hand and the one memory is asked for */
#define PIECE_BYTES 65536 /* of gradients that stay in the cache between their sums and their update */

/* Numbers of a block, and the gradients of what they have become; each stands `step` behind the one before. */
typedef struct {
    const real *x, *dy;
    int64_t count, step, n;
} looked_up;

/* The row of a number, -1 where it is none's. */
INLINE int64_t row_of(real x, int64_t rows) { return x >= 0 && (double)x < (double)rows ? (int64_t)x : -1; }

static void fetch_row(const real *w, real x, int64_t rows, int64_t n) {
    const int64_t row = row_of(x, rows);
    if (row >= 0) fnn_fetch(w + row * n, 0, n * REAL_BYTES);
}

static void embedding_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                              int64_t end) {
    const int64_t n = op->n_out, rows = op->geometry[0], last = end * op->repeat;
    const real *x = op_x(op, model, block, 0), *w = (const real *)model->params + op->w;
    real *y = op_y(op, model);
    for (int64_t i = begin * op->repeat; i < last; i++) {
        const int64_t row = row_of(x[i * op->n_in], rows);
        if (i + FETCHED_AHEAD < last) fetch_row(w, x[(i + FETCHED_AHEAD) * op->n_in], rows, n);
        if (row >= 0)
            copy_row(w + row * n, n, y + i * n);
        else
            for (int64_t j = 0; j < n; j++) y[i * n + j] = REAL_NAN;
    }
}

/* Zeros: a number of a row has no slope. */
static void embedding_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                    int64_t end) {
    const int64_t width = op->repeat * op->n_in;
    real *dx = op_dx(op, model, 0);
    (void)block;
    if (dx && !op_edge(op, model, 0)->adds) memset(dx + begin * width, 0, (size_t)((end - begin) * width) * sizeof *dx);
}

static looked_up all_of(const fnn_op *op, const fnn_model *model, const fnn_block *block) {
    return (looked_up){.x = op_x(op, model, block, 0),
                       .dy = op_dy(op, model),
                       .count = block->rows * op->repeat,
                       .step = op->n_in,
                       .n = op->n_out};
}

static void add_gradient(const looked_up *all, int64_t i, real *dw) { add_row(all->dy + i * all->n, all->n, dw); }

static void embedding_backward_params(const fnn_op *op, const fnn_model *model, const fnn_block *block, int accumulate,
                                      int64_t begin, int64_t end) {
    const looked_up all = all_of(op, model, block);
    real *dw = (real *)model->grads + op->dw + begin * all.n;
    if (!accumulate) memset(dw, 0, (size_t)((end - begin) * all.n) * sizeof *dw);
    for (int64_t i = 0; i < all.count; i++) {
        const int64_t row = row_of(all.x[i * all.step], op->geometry[0]);
        if (row >= begin && row < end) add_gradient(&all, i, dw + (row - begin) * all.n);
    }
}

/* Whether an update leaves parameters alone that have no gradient. */
static int leaves_alone(const fnn_model *model) {
    return model->optimizer->code == FNN_SGD && model->optimizer->weight_decay == 0 && !model->header->has_penalty;
}

/* Of rows [begin, end), 2**shift of which are a piece: for each piece the place of the first number of its rows, then
 * for each place that of the next one; -1 ends. */
typedef struct {
    int64_t begin, end;
    int shift;
    int32_t *first, *next;
} chains;

static int64_t pieces_of(const chains *c) { return ((c->end - c->begin) >> c->shift) + 1; }

/* False when there is no memory. */
static int chain_places(const looked_up *all, int64_t rows, chains *c) {
    const int64_t pieces = pieces_of(c);
    if (all->count > INT32_MAX) return 0;
    c->first = fnn_scratch((size_t)(pieces + all->count) * sizeof *c->first);
    if (!c->first) return 0;
    c->next = c->first + pieces;
    memset(c->first, -1, (size_t)pieces * sizeof *c->first);
    for (int64_t i = all->count - 1; i >= 0; i--) {
        const int64_t row = row_of(all->x[i * all->step], rows);
        if (row < c->begin || row >= c->end) continue;
        int32_t *first = &c->first[(row - c->begin) >> c->shift];
        c->next[i] = *first;
        *first = (int32_t)i;
    }
    return 1;
}

/* Updates rows [first, last) from dw, and leaves zeros there: all, or where `touched` those that are marked. */
static void learn_piece(const fnn_op *op, const fnn_model *model, const double *c, double scale, int64_t first,
                        int64_t last, real *dw, char *touched) {
    const int64_t n = op->n_out, begin = op->w + first * n, end = op->w + last * n;
    if (model->header->has_penalty) penalize_range(model, scale, dw, begin, end);
    if (!touched) {
        update_range(model, dw, c, begin, end);
        memset(dw, 0, (size_t)(end - begin) * sizeof *dw);
        return;
    }
    for (int64_t i = 0; i < last - first; i++) {
        if (!touched[i]) continue;
        update_range(model, dw + i * n, c, begin + i * n, begin + (i + 1) * n);
        memset(dw + i * n, 0, (size_t)n * sizeof *dw);
        touched[i] = 0;
    }
}

/* As many rows as fit, a power of two of them. */
static int shift_of_pieces(int64_t n) {
    int shift = 0;
    while ((n << (shift + 1)) * REAL_BYTES <= PIECE_BYTES) shift++;
    return shift;
}

/* Gradients of a range all go to its beginning in grads, as in dense_learn: memory sees parameters and slots alone. */
static void embedding_learn(const fnn_op *op, const fnn_model *model, const fnn_block *block, const double *c,
                            double scale, int64_t begin, int64_t end) {
    char touched[PIECE_BYTES / REAL_BYTES] = {0};
    const looked_up all = all_of(op, model, block);
    chains own = {.begin = begin, .end = end, .shift = shift_of_pieces(all.n)};
    char *marks = leaves_alone(model) ? touched : NULL;
    real *dw = (real *)model->grads + op->dw + begin * all.n;
    if (!chain_places(&all, op->geometry[0], &own)) {
        embedding_backward_params(op, model, block, 0, begin, end);
        fnn_update_kernel(model, c, scale, op->w + begin * all.n, op->w + end * all.n);
        return;
    }
    const int64_t step = (int64_t)1 << own.shift, room = step < end - begin ? step : end - begin;
    memset(dw, 0, (size_t)(room * all.n) * sizeof *dw);
    for (int64_t first = begin; first < end; first += step) {
        for (int64_t i = own.first[(first - begin) >> own.shift]; i >= 0; i = own.next[i]) {
            const int64_t row = (int64_t)all.x[i * all.step] - first;
            add_gradient(&all, i, dw + row * all.n);
            if (marks) marks[row] = 1;
        }
        fnn_lap_of_op(block, model, op, FNN_DW);
        learn_piece(op, model, scalars_at(model, c, op->w), scale, first, first + step < end ? first + step : end, dw,
                    marks);
        fnn_lap_of_op(block, model, op, FNN_LEARN);
    }
}

DOUBLE_LENT_KERNELS(embedding) = {.forward = embedding_forward,
                                  .backward_rows = embedding_backward_rows,
                                  .backward_params = embedding_backward_params,
                                  .learn = embedding_learn};

#endif
