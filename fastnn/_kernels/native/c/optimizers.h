/* The optimisers' updates, as in updates.py, and clipping, which comes before them.
 *
 * An update takes w, g, the slots s (changed in place) and the scalars c of this step, and returns the new w.
 * Padding between parameters goes along: its gradients are zero. */
#ifndef FNN_OPTIMIZERS_H
#define FNN_OPTIMIZERS_H

#include "kernels.h"
#include "loss_formulas.h"
#include "penalties.h"

#define MAX_SLOTS 3

/* a * b + c * d */
static inline vf vec_mix(vf a, vf b, vf c, vf d) { return vf_fma(c, d, vf_mul(a, b)); }
/* rho * old + rest * g * g */
static inline vf vec_mix_square(vf rho, vf old, vf rest, vf g) { return vec_mix(rho, old, vf_mul(rest, g), g); }
static inline vf vec_decayed(vf w, const vf *c) { return vf_fnma(c[0], w, w); }

static inline vf u_sgd(vf w, vf g, vf *s, const vf *c) { return (void)s, vf_fnma(c[1], g, vec_decayed(w, c)); }

static inline vf u_momentum(vf w, vf g, vf *s, const vf *c) {
    s[0] = vf_fnma(c[2], g, vf_mul(c[1], s[0]));
    return vf_add(vec_decayed(w, c), s[0]);
}

static inline vf u_nesterov(vf w, vf g, vf *s, const vf *c) {
    s[0] = vf_fnma(c[2], g, vf_mul(c[1], s[0]));
    return vf_fnma(c[2], g, vf_fma(c[1], s[0], vec_decayed(w, c)));
}

static inline vf u_rmsprop(vf w, vf g, vf *s, const vf *c) {
    s[0] = vec_mix_square(c[1], s[0], c[2], g);
    return vf_sub(vec_decayed(w, c), vf_div(vf_mul(c[3], g), vf_sqrt(vf_add(s[0], c[4]))));
}

static inline vf u_rmsprop_momentum(vf w, vf g, vf *s, const vf *c) {
    s[0] = vec_mix_square(c[1], s[0], c[2], g);
    s[1] = vec_mix(c[1], s[1], c[2], g);
    vf variance = vf_fnma(vf_mul(c[5], s[1]), s[1], s[0]);
    s[2] = vf_fma(c[6], s[2], vf_div(vf_mul(c[3], g), vf_sqrt(vf_add(variance, c[4]))));
    return vf_sub(vec_decayed(w, c), s[2]);
}

static inline vf u_adagrad(vf w, vf g, vf *s, const vf *c) {
    s[0] = vf_fma(g, g, s[0]);
    return vf_sub(vec_decayed(w, c), vf_div(vf_mul(c[1], g), vf_sqrt(vf_add(s[0], c[2]))));
}

static inline vf u_adadelta(vf w, vf g, vf *s, const vf *c) {
    s[0] = vec_mix_square(c[1], s[0], c[2], g);
    vf delta = vf_div(vf_mul(g, vf_sqrt(vf_add(s[1], c[4]))), vf_sqrt(vf_add(s[0], c[4])));
    s[1] = vec_mix_square(c[1], s[1], c[2], delta);
    return vf_fnma(c[3], delta, vec_decayed(w, c));
}

static inline vf u_adam(vf w, vf g, vf *s, const vf *c) {
    s[0] = vec_mix(c[1], s[0], c[2], g);
    s[1] = vec_mix_square(c[3], s[1], c[4], g);
    return vf_sub(vec_decayed(w, c), vf_div(vf_mul(c[5], s[0]), vf_fma(vf_sqrt(s[1]), c[6], c[7])));
}

static inline vf u_nadam(vf w, vf g, vf *s, const vf *c) {
    s[0] = vec_mix(c[1], s[0], c[2], g);
    s[1] = vec_mix_square(c[3], s[1], c[4], g);
    return vf_sub(vec_decayed(w, c), vf_div(vec_mix(c[5], s[0], c[6], g), vf_fma(vf_sqrt(s[1]), c[7], c[8])));
}

static inline vf u_adamax(vf w, vf g, vf *s, const vf *c) {
    s[0] = vec_mix(c[1], s[0], c[2], g);
    vf size = vf_abs(g), kept = vf_mul(c[3], s[1]);
    s[1] = vf_select(vf_isnan(kept), kept, vf_max(kept, size)); /* a NaN on either side stays, as in NumPy */
    return vf_sub(vec_decayed(w, c), vf_div(vf_mul(c[4], s[0]), vf_add(s[1], c[5])));
}

static inline vf u_lion(vf w, vf g, vf *s, const vf *c) {
    vf sign = vec_sign(vec_mix(c[2], s[0], c[3], g));
    s[0] = vec_mix(c[4], s[0], c[5], g);
    return vf_fnma(c[1], sign, vec_decayed(w, c));
}

static inline vf u_amsgrad(vf w, vf g, vf *s, const vf *c) {
    s[0] = vec_mix(c[1], s[0], c[2], g);
    s[1] = vec_mix_square(c[3], s[1], c[4], g);
    s[2] = vf_select(vf_isnan(s[2]), s[2], vf_max(s[2], s[1])); /* as in u_adamax */
    return vf_sub(vec_decayed(w, c), vf_div(vf_mul(c[5], s[0]), vf_fma(vf_sqrt(s[2]), c[6], c[7])));
}

static inline vf u_ftrl(vf w, vf g, vf *s, const vf *c) {
    const vf kept = vec_decayed(w, c), total = vf_fma(g, g, s[0]), root = vf_sqrt(total);
    const vf grown = vf_mul(c[1], vf_sub(root, vf_sqrt(s[0])));
    s[0] = total;
    s[1] = vf_fnma(grown, kept, vf_add(s[1], vf_fma(c[2], kept, g)));
    const vf clipped = vf_min(vf_max(s[1], vf_neg(c[4])), c[4]);
    return vf_div(vf_sub(clipped, s[1]), vf_fma(c[1], root, c[3]));
}

/* Where a range of parameters lies; slots are stride apart. */
typedef struct {
    real *w, *slots;
    const real *g;
    int64_t stride;
} update_place;

ALWAYS_INLINE void update_part(vf (*formula)(vf, vf, vf *, const vf *), int n_slots, update_place at, const vf *c,
                               int64_t i, int some) {
    vf s[MAX_SLOTS];
    UNROLL for (int k = 0; k < n_slots; k++)
        s[k] = vec_load(at.slots + k * at.stride + i, some);
    vf w = formula(vec_load(at.w + i, some), vec_load(at.g + i, some), s, c);
    vec_store(at.w + i, w, some);
    UNROLL for (int k = 0; k < n_slots; k++)
        vec_store(at.slots + k * at.stride + i, s[k], some);
}

/* Parameters [begin, end) with gradients g, the first for begin. Not by vec_each: GCC 12 keeps a context with an array
 * of vectors in memory and calls its formula. */
ALWAYS_INLINE void update_as(vf (*formula)(vf, vf, vf *, const vf *), int n_slots, const fnn_model *model,
                             const real *g, const double *scalars, int64_t begin, int64_t end, const int rare) {
    const update_place at = {.w = (real *)model->params + begin,
                             .slots = (real *)model->slots + begin,
                             .g = g,
                             .stride = model->header->n_params};
    const int64_t n = end - begin;
    int64_t i = 0;
    vf c[FNN_N_SCALARS];
    UNROLL for (int k = 0; k < FNN_N_SCALARS; k++)
        c[k] = vf_set1((real)scalars[k]);
    if (rare || ALL_LOOPED) {
        for (; i < n; i += LANES) update_part(formula, n_slots, at, c, i, n - i < LANES ? (int)(n - i) : LANES);
        return;
    }
    for (; i + LANES <= n; i += LANES) update_part(formula, n_slots, at, c, i, LANES);
    if (i < n) update_part(formula, n_slots, at, c, i, (int)(n - i));
}

/* An optimiser that few networks have: one text for whole and for ragged vectors. */
#define UPDATE_RARE(formula, n_slots) update_as(formula, n_slots, model, g, c, begin, end, 1)
#define UPDATE(formula, n_slots) update_as(formula, n_slots, model, g, c, begin, end, 0)

static void update_range(const fnn_model *model, const real *g, const double *c, int64_t begin, int64_t end) {
    switch (model->optimizer->code) {
    case FNN_SGD: UPDATE(u_sgd, 0); break;
    case FNN_MOMENTUM: UPDATE(u_momentum, 1); break;
    case FNN_NESTEROV: UPDATE(u_nesterov, 1); break;
    case FNN_RMSPROP: UPDATE(u_rmsprop, 1); break;
    case FNN_RMSPROP_MOMENTUM: UPDATE_RARE(u_rmsprop_momentum, 3); break;
    case FNN_ADAGRAD: UPDATE_RARE(u_adagrad, 1); break;
    case FNN_ADADELTA: UPDATE_RARE(u_adadelta, 2); break;
    case FNN_ADAM: UPDATE(u_adam, 2); break;
    case FNN_NADAM: UPDATE_RARE(u_nadam, 2); break;
    case FNN_ADAMAX: UPDATE_RARE(u_adamax, 2); break;
    case FNN_LION: UPDATE_RARE(u_lion, 1); break;
    case FNN_AMSGRAD: UPDATE_RARE(u_amsgrad, 3); break;
    case FNN_FTRL: UPDATE_RARE(u_ftrl, 2); break;
    }
}

enum { TOGETHER = 1024 }; /* parameters that stay in the first-level cache between their penalty and their update */

static void update_span(const fnn_model *model, const double *c, double scale, int64_t begin, int64_t end) {
    real *g = (real *)model->grads;
    if (!model->header->has_penalty || scale == 0) {
        update_range(model, g + begin, c, begin, end);
        return;
    }
    for (int64_t i = begin; i < end; i += TOGETHER) {
        const int64_t last = i + TOGETHER < end ? i + TOGETHER : end;
        penalize_range(model, scale, g + i, i, last);
        update_range(model, g + i, c, i, last);
    }
}

/* The scalars of trained parameters that begin there. */
static const double *scalars_at(const fnn_model *model, const double *c, int64_t begin) {
    int64_t k = 0;
    while (k + 1 < model->header->n_spans && model->spans[k].last <= begin) k++;
    return c + model->spans[k].group * FNN_N_SCALARS;
}

/* Those of the parameters [begin, end) that are trained, with the scalars c of all groups. */
static void fnn_update_kernel(const fnn_model *model, const double *c, double scale, int64_t begin, int64_t end) {
    for (int k = 0; k < model->header->n_spans; k++) {
        const fnn_span span = model->spans[k];
        const int64_t first = span.first > begin ? span.first : begin, last = span.last < end ? span.last : end;
        if (first < last) update_span(model, c + span.group * FNN_N_SCALARS, scale, first, last);
    }
}

typedef struct {
    real *numbers;
    vf bound;
} clip_run;

ALWAYS_INLINE void clip_part(const void *context, int64_t i, int some) {
    const clip_run *run = context;
    vf low = vf_min(run->bound, vec_load(run->numbers + i, some));
    vec_store(run->numbers + i, vf_max(vf_neg(run->bound), low), some);
}

/* Scales numbers down to the norm `bound` when theirs is larger. */
static void clip_norm(real *numbers, int64_t n, double bound) {
    const double norm = __builtin_sqrt(vec_double_sum(square_at, numbers, n));
    if (!(norm > bound)) return;
    const real factor = (real)(bound / norm);
    for (int64_t i = 0; i < n; i++) numbers[i] *= factor;
}

static void fnn_clip(const fnn_model *model) {
    const double bound = model->optimizer->clip_at;
    real *grads = model->grads;
    const int64_t n = model->header->n_params;
    if (model->optimizer->clip == FNN_CLIP_VALUE) {
        const clip_run run = {.numbers = grads, .bound = vf_set1((real)bound)};
        vec_each(clip_part, &run, n);
    } else if (model->optimizer->clip == FNN_CLIP_GLOBAL_NORM) {
        clip_norm(grads, n, bound);
    } else if (model->optimizer->clip == FNN_CLIP_NORM) {
        for (int k = 0; k < model->header->n_segments; k++)
            clip_norm(grads + model->segments[k].offset, model->segments[k].size, bound);
    }
}

#endif
