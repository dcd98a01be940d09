/* Dropout: y = x * factor, where an element's factor follows from seed, node, step and place (random.py). */
#ifdef FNN_OP
FNN_OP(DROPOUT, dropout)
#elif !defined FNN_OPS_DROPOUT_H
#define FNN_OPS_DROPOUT_H

#include <string.h>

#include "arrays.h"
#include "random_words.h"

static uint32_t drop_below(double rate) {
    const double threshold = rate * 4294967296.0;
    return threshold >= 4294967295.0 ? 0xFFFFFFFFu : (uint32_t)threshold;
}

/* Factors of elements first, first + 1, ... of a node's stream, of which a share `rate` is 0. */
static void draw_factors(const fnn_op *op, double rate, uint64_t step, int64_t first, int64_t count, real *factors) {
    const uint32_t threshold = drop_below(rate);
    const real keep = (real)(1.0 / (1.0 - rate));
    uint32_t words[DRAWN_WORDS];
    for (int64_t i = 0; i < count;) {
        const int64_t element = first + i, skip = element % 4,
                      some = DRAWN_WORDS - skip < count - i ? DRAWN_WORDS - skip : count - i;
        draw_words(op->seed, (uint32_t)op->stream + 1, step, (uint64_t)element / 4, words);
        for (int64_t j = 0; j < some; j++) factors[i + j] = words[skip + j] >= threshold ? keep : 0;
        i += some;
    }
}

/* Factors of the samples of a share, of which `shared` rows of each have the same. They are drawn at the front, then
 * each row goes to its places from the last one on, so that none is written over before it is read. */
static void draw_shared(const fnn_op *op, double rate, uint64_t step, int64_t first, int64_t samples, real *factors) {
    const int64_t n = op->n_out, shared = op->geometry[0], rows = op->repeat / shared;
    draw_factors(op, rate, step, first * rows * n, samples * rows * n, factors);
    for (int64_t i = samples * rows - 1; i >= 0; i--) {
        const real *from = factors + i * n, first_factor = *from;
        real *to = factors + i * shared * n;
        for (int64_t place = shared - 1; place >= 0 && n > 1; place--) copy_row(from, n, to + place * n);
        for (int64_t place = 0; place < shared && n == 1; place++) to[place] = first_factor;
    }
}

/* Factors of the samples [begin, end) of a block. */
static void draw_of_block(const fnn_op *op, double rate, const fnn_block *block, int64_t begin, int64_t end,
                          real *factors) {
    const int64_t width = op->repeat * op->n_out, first = block->first_row + begin;
    if (op->geometry[0] > 1)
        draw_shared(op, rate, (uint64_t)block->step, first, end - begin, factors);
    else
        draw_factors(op, rate, (uint64_t)block->step, first * width, (end - begin) * width, factors);
}

static void dropout_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                            int64_t end) {
    const int64_t width = op->repeat * op->n_out, at = begin * width, count = (end - begin) * width;
    const real *x = op_x(op, model, block, 0) + at;
    real *y = op_y(op, model) + at;
    if (!block->training) {
        memcpy(y, x, (size_t)count * sizeof(real));
        return;
    }
    real *factors = place(model, op->z) + at;
    draw_of_block(op, op->rate * block->dropping, block, begin, end, factors);
    for (int64_t i = 0; i < count; i++) y[i] = x[i] * factors[i];
}

static void dropout_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                  int64_t end) {
    (void)block;
    const int64_t width = op->repeat * op->n_out, at = begin * width, count = (end - begin) * width;
    const real *factors = place(model, op->z) + at;
    real *dz = op_dy(op, model) + at;
    for (int64_t i = 0; i < count; i++) dz[i] *= factors[i];
    hand_on(op, model, 0, dz, at, count);
}

static const fnn_op_kernels dropout_op = {.forward = dropout_forward, .backward_rows = dropout_backward_rows};

#endif
