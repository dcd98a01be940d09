/* The elementwise activations: one function each for the value and the derivative, as in activations/formulas.py.
 *
 * f_name(z, p) gives y; d_name(z, y, p) gives dy/dz and reads z only where the record in Python keeps it. */
#ifndef FNN_ACTIVATION_FORMULAS_H
#define FNN_ACTIVATION_FORMULAS_H

#include "vec_math.h"

/* The vector maths as formulas without a parameter. */
#define PLAIN(name)                                                                                                    \
    static inline vf f_##name(vf z, vf p) { return (void)p, vf_##name(z); }
PLAIN(exp)
PLAIN(log)
PLAIN(tanh)
PLAIN(sigmoid)
PLAIN(erf)
PLAIN(softplus)
PLAIN(expm1)
PLAIN(log1p)
#undef PLAIN

#define SELU_SCALE ((real)1.0507009873554805)
#define SELU_ALPHA ((real)1.6732632423543772)
#define INV_SQRT_2PI ((real)0.3989422804014327)
#define GELU_LINE ((real)1.5957691216057308)  /* 2 sqrt(2 / pi) */
#define GELU_CUBE ((real)0.07135481627260025) /* 0.044715 GELU_LINE */
#define SQUARE_FITS ((real)1e18)

static inline vf vec_half(vf a) { return vf_mul(a, vf_set1((real)0.5)); }
static inline vf vec_one(void) { return vf_set1(1); }
/* 1 - a */
static inline vf vec_rest(vf a) { return vf_sub(vec_one(), a); }
static inline vf vec_relu(vf a) { return vf_max(vf_zero(), a); }

static inline vf d_sigmoid(vf z, vf y, vf p) { return (void)z, (void)p, vf_mul(y, vec_rest(y)); }

static inline vf d_tanh(vf z, vf y, vf p) { return (void)z, (void)p, vf_fnma(y, y, vec_one()); }

static inline vf f_relu(vf z, vf p) { return (void)p, vec_relu(z); }
static inline vf d_relu(vf z, vf y, vf p) {
    return (void)z, (void)p, vf_select(vf_gt(y, vf_zero()), vec_one(), vf_zero());
}

static inline vf f_leaky_relu(vf z, vf p) { return vf_select(vf_lt(z, vf_zero()), vf_mul(p, z), z); }
static inline vf d_leaky_relu(vf z, vf y, vf p) { return (void)z, vf_select(vf_gt(y, vf_zero()), vec_one(), p); }

static inline vf f_elu(vf z, vf p) {
    return vf_select(vf_gt(z, vf_zero()), z, vf_mul(p, vf_expm1(vf_min(vf_zero(), z))));
}
static inline vf d_elu(vf z, vf y, vf p) { return (void)z, vf_select(vf_gt(y, vf_zero()), vec_one(), vf_add(y, p)); }

static inline vf f_selu(vf z, vf p) { return (void)p, vf_mul(vf_set1(SELU_SCALE), f_elu(z, vf_set1(SELU_ALPHA))); }
static inline vf d_selu(vf z, vf y, vf p) {
    vf negative = vf_add(y, vf_set1(SELU_SCALE * SELU_ALPHA));
    return (void)z, (void)p, vf_select(vf_gt(y, vf_zero()), vf_set1(SELU_SCALE), negative);
}

static inline vf f_gelu(vf z, vf p) { return (void)p, vf_mul(z, vf_normal_cdf(z)); }
static inline vf d_gelu(vf z, vf y, vf p) {
    vf density = vf_mul(vf_set1(INV_SQRT_2PI), vf_exp(vf_neg(vf_mul(vec_half(z), z))));
    return (void)y, (void)p, vf_fma(z, density, vf_normal_cdf(z));
}

static inline vf f_silu(vf z, vf p) { return (void)p, vf_mul(z, vf_sigmoid(z)); }
static inline vf d_silu(vf z, vf y, vf p) {
    vf s = vf_sigmoid(z);
    return (void)y, (void)p, vf_mul(s, vf_fma(z, vec_rest(s), vec_one()));
}

static inline vf d_softplus(vf z, vf y, vf p) { return (void)z, (void)p, vf_neg(vf_expm1(vf_neg(y))); }

static inline vf f_softsign(vf z, vf p) { return (void)p, vf_div(z, vf_add(vf_abs(z), vec_one())); }
static inline vf d_softsign(vf z, vf y, vf p) {
    vf rest = vec_rest(vf_abs(y));
    return (void)z, (void)p, vf_mul(rest, rest);
}

static inline vf f_hard_sigmoid(vf z, vf p) {
    vf line = vf_add(vf_div(z, vf_set1(6)), vf_set1((real)0.5));
    return (void)p, vf_min(vec_one(), vec_relu(line));
}
static inline vf d_hard_sigmoid(vf z, vf y, vf p) {
    vm inside = vm_and(vf_gt(y, vf_zero()), vf_lt(y, vec_one()));
    return (void)z, (void)p, vf_select(inside, vf_set1((real)(1.0 / 6.0)), vf_zero());
}

static inline vf f_hard_swish(vf z, vf p) { return vf_mul(z, f_hard_sigmoid(z, p)); }
static inline vf d_hard_swish(vf z, vf y, vf p) {
    vf line = vf_add(vf_div(z, vf_set1(3)), vf_set1((real)0.5));
    vf right = vf_select(vf_ge(z, vf_set1(3)), vec_one(), line);
    return (void)y, (void)p, vf_select(vf_le(z, vf_set1(-3)), vf_zero(), right);
}

static inline vf d_exponential(vf z, vf y, vf p) { return (void)z, (void)p, y; }

static inline vf f_exponential(vf z, vf p) { return f_exp(z, p); }

/* low <= a <= high, NaN let through. */
static inline vf vec_clip(vf a, real low, real high) { return vf_min(vf_set1(high), vf_max(vf_set1(low), a)); }
/* 1 where low < a < high, else 0 */
static inline vf vec_between(vf a, vf low, vf high) {
    return vf_select(vm_and(vf_gt(a, low), vf_lt(a, high)), vec_one(), vf_zero());
}

static inline vf f_relu6(vf z, vf p) { return vf_min(p, vec_relu(z)); }
static inline vf d_relu6(vf z, vf y, vf p) { return (void)z, vec_between(y, vf_zero(), p); }

static inline vf f_hard_tanh(vf z, vf p) { return (void)p, vec_clip(z, -1, 1); }
static inline vf d_hard_tanh(vf z, vf y, vf p) { return (void)z, (void)p, vec_between(y, vf_set1(-1), vec_one()); }

static inline vf f_celu(vf z, vf p) {
    return vf_select(vf_gt(z, vf_zero()), z, vf_mul(p, vf_expm1(vf_div(vf_min(vf_zero(), z), p))));
}
static inline vf d_celu(vf z, vf y, vf p) {
    return (void)z, vf_select(vf_gt(y, vf_zero()), vec_one(), vf_add(vf_div(y, p), vec_one()));
}

static inline vf f_log_sigmoid(vf z, vf p) { return (void)p, vf_neg(vf_softplus(vf_neg(z))); }
static inline vf d_log_sigmoid(vf z, vf y, vf p) { return (void)z, (void)p, vf_neg(vf_expm1(y)); }

/* line + cube * z**2 */
static inline vf vec_gelu_slope(vf z, real cube) { return vf_fma(vf_mul(z, z), vf_set1(cube), vf_set1(GELU_LINE)); }
static inline vf f_gelu_tanh(vf z, vf p) {
    return (void)p, vf_mul(z, vf_sigmoid(vf_mul(z, vec_gelu_slope(z, GELU_CUBE))));
}
static inline vf d_gelu_tanh(vf z, vf y, vf p) {
    vf s = vf_sigmoid(vf_mul(z, vec_gelu_slope(z, GELU_CUBE)));
    vf inner = vf_mul(vf_mul(z, vec_rest(s)), vec_gelu_slope(z, 3 * GELU_CUBE));
    return (void)y, (void)p, vf_fma(s, inner, s);
}

/* tanh(softplus(z)) as a quotient whose sums have one sign, with e = exp(-|z|). */
typedef struct {
    vf above, below, rest; /* the quotient's parts, and what `above` lacks to `below` */
} vec_mish;
static inline vec_mish vec_mish_of(vf z) {
    vf e = vf_exp(vf_neg(vf_abs(z))), two_e = vf_add(e, e), square = vf_mul(e, e);
    vf two_squares = vf_add(square, square), low = vf_add(square, two_e);
    vm right = vf_ge(z, vf_zero());
    vf above = vf_select(right, vf_add(two_e, vec_one()), low), rest = vf_select(right, two_squares, vf_set1(2));
    return (vec_mish){above, vf_add(above, rest), rest};
}
static inline vf f_mish(vf z, vf p) {
    vec_mish m = vec_mish_of(z);
    return (void)p, vf_mul(z, vf_div(m.above, m.below));
}
static inline vf d_mish(vf z, vf y, vf p) {
    vec_mish m = vec_mish_of(z);
    vf t = vf_div(m.above, m.below), rest = vf_div(m.rest, m.below);
    vf bend = vf_mul(vf_mul(rest, vf_add(t, vec_one())), vf_sigmoid(z));
    return (void)y, (void)p, vf_fma(z, bend, t);
}

static inline vf f_tanh_shrink(vf z, vf p) { return (void)p, vf_sub(z, vf_tanh(z)); }
static inline vf d_tanh_shrink(vf z, vf y, vf p) {
    vf t = vf_tanh(z);
    return (void)y, (void)p, vf_mul(t, t);
}

static inline vf vec_if_not_zero(vf y) { return vf_select(vf_eq(y, vf_zero()), vf_zero(), vec_one()); }
static inline vf f_hard_shrink(vf z, vf p) { return vf_select(vf_le(vf_abs(z), p), vf_zero(), z); }
static inline vf d_hard_shrink(vf z, vf y, vf p) { return (void)z, (void)p, vec_if_not_zero(y); }

static inline vf f_soft_shrink(vf z, vf p) { return vf_sub(z, vf_min(p, vf_max(vf_neg(p), z))); }
static inline vf d_soft_shrink(vf z, vf y, vf p) { return (void)z, (void)p, vec_if_not_zero(y); }

static inline vf f_sparse_plus(vf z, vf p) {
    vf bent = vf_add(vec_clip(z, -1, 1), vec_one());
    return (void)p, vf_select(vf_ge(z, vec_one()), z, vf_mul(vf_mul(vf_set1((real)0.25), bent), bent));
}
static inline vf d_sparse_plus(vf z, vf y, vf p) { return (void)z, (void)p, vf_min(vec_one(), vf_sqrt(y)); }

static inline vf f_sparse_sigmoid(vf z, vf p) {
    return (void)p, vec_clip(vf_add(vec_half(z), vf_set1((real)0.5)), 0, 1);
}
static inline vf d_sparse_sigmoid(vf z, vf y, vf p) {
    return (void)z, (void)p, vec_half(vec_between(y, vf_zero(), vec_one()));
}

/* Where the square is infinite, the root is |z| but for its rounding. */
static inline vf f_squareplus(vf z, vf p) {
    vf root = vf_sqrt(vf_fma(z, z, p)), size = vf_abs(z);
    vm fits = vf_lt(root, vf_set1(REAL_INFINITY));
    vf above = vf_select(fits, vf_add(root, size), size);
    vf left = vf_div(vf_select(fits, vec_half(p), vf_mul(vf_set1((real)0.25), p)), above);
    return vf_select(vf_gt(z, vf_zero()), vf_select(fits, vec_half(vf_add(z, root)), z), left);
}
static inline vf d_squareplus(vf z, vf y, vf p) {
    vf in_range = vf_min(vf_set1(SQUARE_FITS), y), square = vf_mul(in_range, in_range);
    return (void)z, vf_div(square, vf_fma(p, vf_set1((real)0.25), square));
}

#endif
