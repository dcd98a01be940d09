/* The l1 and l2 penalties of parameters and of what ops give, and their gradients. */
#ifndef FNN_PENALTIES_H
#define FNN_PENALTIES_H

#include "loss_formulas.h"
#include "ops/arrays.h"

INLINE double magnitude_at(const void *numbers, int64_t i) {
    const double a = ((const real *)numbers)[i];
    return a < 0 ? -a : a;
}

INLINE double square_at(const void *numbers, int64_t i) {
    const double a = ((const real *)numbers)[i];
    return a * a;
}

static double fnn_penalty(const fnn_model *model) {
    double penalty = 0;
    for (int k = 0; k < model->header->n_segments; k++) {
        const fnn_segment *segment = &model->segments[k];
        const real *w = (const real *)model->params + segment->offset;
        if (segment->l1 != 0) penalty += segment->l1 * vec_double_sum(magnitude_at, w, segment->size);
        if (segment->l2 != 0) penalty += segment->l2 * vec_double_sum(square_at, w, segment->size);
    }
    return penalty;
}

typedef struct {
    const real *w;
    real *g;
    vf l1, l2;
} penalty_run;

INLINE void penalty_part(const void *context, int64_t i, int some) {
    const penalty_run *run = context;
    const vf w = vec_load(run->w + i, some);
    vec_store(run->g + i, vf_fma(run->l2, w, vf_fma(run->l1, vec_sign(w), vec_load(run->g + i, some))), some);
}

/* g += scale * (l1 sign(w) + 2 l2 w) for parameters [begin, end), g[0] being the first one's. */
static void penalize_range(const fnn_model *model, double scale, real *g, int64_t begin, int64_t end) {
    for (int k = 0; k < model->header->n_segments; k++) {
        const fnn_segment *segment = &model->segments[k];
        const int64_t first = begin > segment->offset ? begin : segment->offset;
        const int64_t last = end < segment->offset + segment->size ? end : segment->offset + segment->size;
        if (first >= last || (segment->l1 == 0 && segment->l2 == 0)) continue;
        const penalty_run run = {.w = (const real *)model->params + first,
                                 .g = g + first - begin,
                                 .l1 = vf_set1((real)(scale * segment->l1)),
                                 .l2 = vf_set1((real)(scale * 2 * segment->l2))};
        vec_each(penalty_part, &run, last - first);
    }
}

static void fnn_penalize(const fnn_model *model, double scale, int64_t begin, int64_t end) {
    penalize_range(model, scale, (real *)model->grads + begin, begin, end);
}

static double fnn_activity(const fnn_model *model, int64_t rows) {
    double penalty = 0;
    for (int i = 0; i < model->header->n_ops; i++) {
        const fnn_op *op = &model->ops[i];
        const real *y = op_y(op, model);
        const int64_t n = rows * model->values[op->output].size;
        if (op->activity_l1 != 0) penalty += op->activity_l1 * vec_double_sum(magnitude_at, y, n);
        if (op->activity_l2 != 0) penalty += op->activity_l2 * vec_double_sum(square_at, y, n);
    }
    return penalty;
}

static void fnn_activity_back(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                              int64_t end) {
    const int64_t width = model->values[op->output].size, at = begin * width;
    const double scale = block->activity_scale;
    const penalty_run run = {.w = op_y(op, model) + at,
                             .g = op_dy(op, model) + at,
                             .l1 = vf_set1((real)(scale * op->activity_l1)),
                             .l2 = vf_set1((real)(scale * 2 * op->activity_l2))};
    vec_each(penalty_part, &run, (end - begin) * width);
}

#endif
