/* The elementwise losses: for each output its term and the slope of the term, as in losses/formulas.py and focal.py.
 * What a focal loss does to its target before and to its value after stands in losses.h. */
#ifndef FNN_LOSS_FORMULAS_H
#define FNN_LOSS_FORMULAS_H

#include "activations.h"

#define CLIP ((real)1e-7)
#define ABOVE_CLIP ((real)(1 - 1e-7))
#define LOG_2 ((real)0.6931471805599453)
#define FAR ((real)1e4)           /* exp(-FAR) is 0 */
#define LARGE_EXPONENT ((real)40) /* beside exp(40) its exponent is less than a unit in the last place */

typedef struct {
    vf term, slope;
} loss_value;

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

static inline loss_value l_binary_focal_crossentropy(vf t, vf y, vf p) {
    vf q = vec_clip(y, CLIP, ABOVE_CLIP), no = vec_rest(t), low = vec_rest(q);
    vm inside = vm_and(vf_ge(y, vf_set1(CLIP)), vf_le(y, vf_set1(ABOVE_CLIP)));
    vf left = vf_fma(t, low, vf_mul(no, q)), factor = vf_exp(vf_mul(p, vf_log(left)));
    vf entropy = vf_neg(vf_fma(t, vf_log(q), vf_mul(no, vf_log(low))));
    vf by_factor = vf_div(vf_mul(vf_mul(p, vf_sub(no, t)), entropy), left);
    vf slope = vf_mul(factor, vf_add(vf_div(vf_sub(q, t), vf_mul(q, low)), by_factor));
    return (loss_value){vf_mul(factor, entropy), vf_select(inside, slope, vf_zero())};
}

/* w: the target's share on the side that z speaks against. All depends on it and |z|, but for the slope's sign. */
static inline loss_value l_binary_focal_crossentropy_logits(vf t, vf z, vf p) {
    vf a = vf_abs(z), in_range = vf_min(vf_set1(FAR), a), e = vf_exp(vf_neg(in_range)), rest = vec_log1p_in_range(e);
    vm below = vf_lt(z, vf_zero());
    vf w = vf_select(below, t, vec_rest(t)), right = vec_rest(w);
    vm some = vf_gt(w, vf_zero());
    vf unsure = vf_select(some, vf_fma(right, e, w), vec_one());
    vf log_left = vf_sub(vf_sub(vf_log(unsure), vf_select(some, vf_zero(), in_range)), rest);
    vf factor = vf_exp(vf_mul(p, log_left));
    vf balance = vf_div(vf_select(some, e, vec_one()), unsure);
    vf by_factor = vf_mul(vf_mul(vf_mul(p, vf_sub(w, right)), balance), vf_fma(w, in_range, rest));
    vf size = vf_add(vf_fnma(right, e, w), by_factor);
    vf slope = vf_div(vf_mul(factor, size), vf_add(e, vec_one()));
    vf entropy = vf_add(rest, vf_select(some, vf_mul(w, a), vf_zero()));
    return (loss_value){vf_mul(factor, entropy), vf_select(below, vf_neg(slope), slope)};
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

static inline loss_value l_poisson_deviance(vf t, vf y, vf p) {
    vm some = vf_gt(t, vf_zero());
    vf ratio = vf_div(t, y), log_ratio = vf_log(vf_select(some, ratio, vec_one()));
    vf slope = vec_rest(vf_select(some, ratio, vf_zero()));
    return (void)p, (loss_value){vf_fma(t, log_ratio, vf_sub(y, t)), slope};
}

/* t (e**d - 1 - d) with d = z - log t, which cancels less than e**z - t z + t log t - t. */
static inline loss_value l_poisson_deviance_logits(vf t, vf z, vf p) {
    vm some = vf_gt(t, vf_zero());
    vf e = vf_exp(z), above = vf_sub(z, vf_log(vf_select(some, t, vec_one())));
    vf d = vf_select(some, vf_min(vf_set1(LARGE_EXPONENT), above), vf_set1(2));
    vf near = vf_mul(t, vf_sub(vf_expm1(vf_min(vec_one(), d)), d)), far = vf_fnma(t, vf_add(d, vec_one()), e);
    return (void)p, (loss_value){vf_select(vf_le(d, vec_one()), near, far), vf_sub(e, t)};
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

static inline loss_value l_mean_absolute_percentage_error(vf t, vf y, vf p) {
    vf e = vf_sub(y, t), size = vf_max(vf_set1(CLIP), vf_abs(t)), hundred = vf_set1(100);
    vf slope = vf_div(vf_mul(hundred, vec_sign(e)), size);
    return (void)p, (loss_value){vf_mul(hundred, vf_abs(vf_div(e, size))), slope};
}

static inline loss_value l_mean_squared_logarithmic_error(vf t, vf y, vf p) {
    vf q = vf_max(vf_set1(CLIP), y), low = vf_max(vf_set1(CLIP), t);
    vf e = vf_sub(vec_log1p_in_range(q), vec_log1p_in_range(low));
    vf slope = vf_div(vf_add(e, e), vf_add(q, vec_one()));
    return (void)p, (loss_value){vf_mul(e, e), vf_select(vf_ge(y, vf_set1(CLIP)), slope, vf_zero())};
}

static inline loss_value l_squared_hinge(vf t, vf y, vf p) {
    vf lack = vec_relu(vec_rest(vf_mul(t, y)));
    return (void)p, (loss_value){vf_mul(lack, lack), vf_mul(vf_mul(vf_set1(-2), t), lack)};
}

static inline loss_value l_inner_product(vf t, vf y, vf p) { return (void)p, (loss_value){vf_mul(t, y), t}; }

#endif
