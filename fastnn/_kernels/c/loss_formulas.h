/* The elementwise losses: for each output its term and the slope of the term, as in loss_formulas.py. */
#ifndef FNN_LOSS_FORMULAS_H
#define FNN_LOSS_FORMULAS_H

#include "activations.h"

#define CLIP ((real)1e-7)
#define ABOVE_CLIP ((real)(1 - 1e-7))
#define LOG_2 ((real)0.6931471805599453)

typedef struct {
    vf term, slope;
} loss_value;

/* low <= a <= high, NaN let through. */
static inline vf vec_clip(vf a, real low, real high) { return vf_min(vf_set1(high), vf_max(vf_set1(low), a)); }

static inline vf vec_sign(vf a) {
    vf not_above = vf_select(vf_lt(a, vf_zero()), vf_set1(-1), a); /* zero and NaN stay */
    return vf_select(vf_gt(a, vf_zero()), vec_one(), not_above);
}

/* Targets of which the share p is spread evenly over yes and no. */
static inline vf vec_smoothed(vf t, vf p) { return vf_fma(t, vec_rest(p), vec_half(p)); }

static inline loss_value l_binary_crossentropy(vf t, vf y, vf p) {
    t = vec_smoothed(t, p);
    vf q = vec_clip(y, CLIP, ABOVE_CLIP);
    vm inside = vm_and(vf_ge(y, vf_set1(CLIP)), vf_le(y, vf_set1(ABOVE_CLIP)));
    vf term = vf_fma(t, vf_log(q), vf_mul(vec_rest(t), vf_log(vec_rest(q))));
    vf slope = vf_div(vf_sub(q, t), vf_mul(q, vec_rest(q)));
    return (loss_value){vf_neg(term), vf_select(inside, slope, vf_zero())};
}

static inline loss_value l_binary_crossentropy_logits(vf t, vf z, vf p) {
    t = vec_smoothed(t, p);
    return (loss_value){vf_fnma(t, z, vf_softplus(z)), vf_sub(vf_sigmoid(z), t)};
}

static inline loss_value l_mean_squared_error(vf t, vf y, vf p) {
    vf e = vf_sub(y, t);
    return (void)p, (loss_value){vf_mul(e, e), vf_add(e, e)};
}

static inline loss_value l_mean_absolute_error(vf t, vf y, vf p) {
    vf e = vf_sub(y, t);
    return (void)p, (loss_value){vf_abs(e), vec_sign(e)};
}

static inline loss_value l_huber(vf t, vf y, vf p) {
    vf e = vf_sub(y, t), a = vf_abs(e);
    vf inner = vf_mul(vec_half(a), a), outer = vf_mul(p, vf_sub(a, vec_half(p)));
    return (loss_value){vf_select(vf_le(a, p), inner, outer), vf_min(p, vf_max(vf_neg(p), e))};
}

static inline loss_value l_log_cosh(vf t, vf y, vf p) {
    vf e = vf_sub(y, t), a = vf_abs(e);
    vf rest = vf_sub(vec_log1p_in_range(vf_exp(vf_mul(a, vf_set1(-2)))), vf_set1(LOG_2));
    return (void)p, (loss_value){vf_add(a, rest), vf_tanh(e)};
}

static inline loss_value l_poisson(vf t, vf y, vf p) {
    vf above = vf_add(y, vf_set1(CLIP));
    return (void)p, (loss_value){vf_fnma(t, vf_log(above), y), vec_rest(vf_div(t, above))};
}

static inline loss_value l_kl_divergence(vf t, vf y, vf p) {
    vf target = vec_clip(t, CLIP, 1), q = vec_clip(y, CLIP, 1);
    vm inside = vm_and(vf_ge(y, vf_set1(CLIP)), vf_le(y, vec_one()));
    vf term = vf_mul(target, vf_log(vf_div(target, q)));
    return (void)p, (loss_value){term, vf_select(inside, vf_neg(vf_div(target, q)), vf_zero())};
}

static inline loss_value l_hinge(vf t, vf y, vf p) {
    vf margin = vf_mul(t, y);
    vf slope = vf_select(vf_lt(margin, vec_one()), vf_neg(t), vf_zero());
    return (void)p, (loss_value){vec_relu(vec_rest(margin)), slope};
}

static inline loss_value l_pinball(vf t, vf y, vf p) {
    vf e = vf_sub(t, y), above = vf_mul(vf_sub(p, vec_one()), e);
    vf below_or_equal = vf_select(vf_gt(y, t), vec_rest(p), vf_zero());
    return (loss_value){vf_max(vf_mul(p, e), above), vf_select(vf_lt(y, t), vf_neg(p), below_or_equal)};
}

#endif
