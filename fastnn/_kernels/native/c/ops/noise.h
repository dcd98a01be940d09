/* The noise op: y = x + rate * n or y = x * (1 + rate * n) in training, with normal n (see _ops/noise.py). */
#ifdef FNN_OP
FNN_LENT_OP(NOISE, noise)
#elif !defined FNN_OPS_NOISE_H
#define FNN_OPS_NOISE_H

#include "dropout.h"
#include "normal.h"

/* base + rate * n for elements first, first + 1, ... of a node's stream, rounded once before base is added. */
static void draw_noise(const fnn_op *op, uint64_t step, int64_t first, int64_t count, real base, real *noise) {
    uint32_t words[DRAWN_WORDS];
    double normal[DRAWN_WORDS];
    for (int64_t i = 0; i < count;) {
        const int64_t element = first + i, skip = element % 4, some = at_most(DRAWN_WORDS - skip, count - i);
        draw_words(op->seed, (uint32_t)op->stream + 1, step, (uint64_t)element / 4, words);
        fnn_normal(words, DRAWN_WORDS, normal);
        for (int64_t j = 0; j < some; j++) noise[i + j] = base + (real)(op->rate * normal[skip + j]);
        i += some;
    }
}

static RARE void noise_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                               int64_t end) {
    const int64_t width = op->repeat * op->n_out, at = begin * width, count = (end - begin) * width;
    const int64_t first = block->first_row * width + at;
    const real *x = op_x(op, model, block, 0) + at;
    real *y = op_y(op, model) + at;
    if (!block->training) {
        memcpy(y, x, (size_t)count * sizeof(real));
    } else if (op->geometry[0]) {
        real *factors = place(model, op->z) + at;
        draw_noise(op, (uint64_t)block->step, first, count, 1, factors);
        for (int64_t i = 0; i < count; i++) y[i] = x[i] * factors[i];
    } else {
        draw_noise(op, (uint64_t)block->step, first, count, 0, y);
        for (int64_t i = 0; i < count; i++) y[i] += x[i];
    }
}

static RARE void noise_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                     int64_t end) {
    const int64_t width = op->repeat * op->n_out;
    if (op->geometry[0])
        dropout_backward_rows(op, model, block, begin, end);
    else
        hand_on(op, model, 0, op_dy(op, model) + begin * width, begin * width, (end - begin) * width);
}

LENT_KERNELS(noise) = {.forward = noise_forward, .backward_rows = noise_backward_rows};

#endif
