/* What parameters are made to fulfil after an update, as in constraints.py.
 *
 * Each norm is one sum, in the order of its numbers or in that of vec_double_sum, so threads share the norms out. */
#ifndef FNN_CONSTRAINTS_H
#define FNN_CONSTRAINTS_H

#include "penalties.h"

enum { NORMS = 64 }; /* of columns that are summed together, row by row */

/* constraints.factor */
static double norm_factor(const fnn_segment *s, double norm) {
    const double clipped = norm < s->least ? s->least : norm > s->most ? s->most : norm;
    return (s->rate * clipped + (1 - s->rate) * norm) / (1e-7 + norm);
}

static void scale_columns(const fnn_segment *s, real *w, int n) {
    const int64_t columns = s->columns, size = s->size;
    double squares[NORMS] = {0};
    real factor[NORMS];
    for (int64_t i = 0; i < size; i += columns)
        for (int j = 0; j < n; j++) squares[j] += (double)w[i + j] * (double)w[i + j];
    for (int j = 0; j < n; j++) factor[j] = (real)norm_factor(s, __builtin_sqrt(squares[j]));
    for (int64_t i = 0; i < size; i += columns)
        for (int j = 0; j < n; j++) w[i + j] *= factor[j];
}

static void scale_row(const fnn_segment *s, real *w) {
    const real factor = (real)norm_factor(s, __builtin_sqrt(vec_double_sum(square_at, w, s->columns)));
    for (int64_t j = 0; j < s->columns; j++) w[j] *= factor;
}

static void constrain_segment(const fnn_segment *s, real *w, int64_t begin, int64_t end) {
    if (s->constraint == FNN_NON_NEG)
        for (int64_t i = begin; i < end; i++) w[i] = w[i] < 0 ? 0 : w[i];
    else if (s->by_row)
        for (int64_t i = begin; i < end; i++) scale_row(s, w + i * s->columns);
    else
        for (int64_t i = begin; i < end; i += NORMS) scale_columns(s, w + i, (int)(end - i < NORMS ? end - i : NORMS));
}

/* A thread's share of the numbers, rows or columns that can be projected apart. */
static void fnn_constrain(const fnn_model *model, int thread, int threads) {
    for (int k = 0; k < model->header->n_segments; k++) {
        const fnn_segment *s = &model->segments[k];
        if (s->constraint == FNN_UNCONSTRAINED) continue;
        const int64_t n = s->constraint == FNN_NON_NEG ? s->size : s->by_row ? s->size / s->columns : s->columns;
        constrain_segment(s, (real *)model->params + s->offset, n * thread / threads, n * (thread + 1) / threads);
    }
}

#endif
