/* The activations: one function each for the value and the derivative, as in activations.py.
 *
 * f_name(z, p) gives y; d_name(z, y, p) gives dy/dz and reads z only where activations.py keeps it.
 * Elementwise ones run over rows * n numbers as one flat run; softmax and log_softmax row by row. */
#ifndef FNN_ACTIVATIONS_H
#define FNN_ACTIVATIONS_H

#include <string.h>

#include "kernels.h"
#include "softmax.h"

#define SELU_SCALE ((real)1.0507009873554805)
#define SELU_ALPHA ((real)1.6732632423543772)
#define INV_SQRT_2PI ((real)0.3989422804014327)

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

/* What a run over numbers works on; each driver reads what it needs. */
typedef struct {
    const real *z, *y;
    real *out;
    vf p;
    vf (*value)(vf, vf);
    vf (*derivative)(vf, vf, vf);
} activation_run;

INLINE void value_part(const void *context, int64_t i, int some) {
    const activation_run *run = context;
    vec_store(run->out + i, run->value(vec_load(run->z + i, some), run->p), some);
}

INLINE void gradient_part(const void *context, int64_t i, int some) {
    const activation_run *run = context;
    vf slope = run->derivative(vec_load(run->z + i, some), vec_load(run->y + i, some), run->p);
    vec_store(run->out + i, vf_mul(vec_load(run->out + i, some), slope), some);
}

INLINE void map(vf (*value)(vf, vf), real p, int64_t n, const real *z, real *y) {
    const activation_run run = {.z = z, .out = y, .p = vf_set1(p), .value = value};
    vec_each(value_part, &run, n);
}

INLINE void map_back(vf (*derivative)(vf, vf, vf), real p, int64_t n, const real *z, const real *y, real *dy) {
    const activation_run run = {.z = z ? z : y, .y = y, .out = dy, .p = vf_set1(p), .derivative = derivative};
    vec_each(gradient_part, &run, n);
}

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

/* One function of the vector maths over n numbers; function is of enum fnn_math. */
static void fnn_apply_math(int function, int64_t n, const void *x, void *y) {
    switch (function) {
    case FNN_EXP: map(f_exp, 0, n, x, y); break;
    case FNN_LOG: map(f_log, 0, n, x, y); break;
    case FNN_MATH_TANH: map(f_tanh, 0, n, x, y); break;
    case FNN_MATH_SIGMOID: map(f_sigmoid, 0, n, x, y); break;
    case FNN_ERF: map(f_erf, 0, n, x, y); break;
    case FNN_MATH_SOFTPLUS: map(f_softplus, 0, n, x, y); break;
    case FNN_EXPM1: map(f_expm1, 0, n, x, y); break;
    case FNN_LOG1P: map(f_log1p, 0, n, x, y); break;
    }
}

/* y (rows, n) = activation of z (rows, n), which may be the same array. */
static void fnn_activate(int code, double parameter, int64_t rows, int64_t n, const void *z, void *y) {
    const int64_t count = rows * n;
    const real p = (real)parameter;
    switch (code) {
    case FNN_LINEAR:
        if (z != y) memcpy(y, z, (size_t)count * sizeof(real));
        break;
    case FNN_SIGMOID: map(f_sigmoid, p, count, z, y); break;
    case FNN_TANH: map(f_tanh, p, count, z, y); break;
    case FNN_RELU: map(f_relu, p, count, z, y); break;
    case FNN_LEAKY_RELU: map(f_leaky_relu, p, count, z, y); break;
    case FNN_ELU: map(f_elu, p, count, z, y); break;
    case FNN_SELU: map(f_selu, p, count, z, y); break;
    case FNN_GELU: map(f_gelu, p, count, z, y); break;
    case FNN_SILU: map(f_silu, p, count, z, y); break;
    case FNN_SOFTPLUS: map(f_softplus, p, count, z, y); break;
    case FNN_SOFTSIGN: map(f_softsign, p, count, z, y); break;
    case FNN_HARD_SIGMOID: map(f_hard_sigmoid, p, count, z, y); break;
    case FNN_HARD_SWISH: map(f_hard_swish, p, count, z, y); break;
    case FNN_EXPONENTIAL: map(f_exp, p, count, z, y); break;
    case FNN_SOFTMAX: softmax(rows, n, z, y); break;
    case FNN_LOG_SOFTMAX: log_softmax(rows, n, z, y); break;
    }
}

/* dz in place of dy, all (rows, n); z may be NULL where the activation does not keep it. */
static void fnn_activate_back(int code, double parameter, int64_t rows, int64_t n, const void *z, const void *y,
                              void *dy) {
    const int64_t count = rows * n;
    const real p = (real)parameter;
    switch (code) {
    case FNN_LINEAR: break;
    case FNN_SIGMOID: map_back(d_sigmoid, p, count, z, y, dy); break;
    case FNN_TANH: map_back(d_tanh, p, count, z, y, dy); break;
    case FNN_RELU: map_back(d_relu, p, count, z, y, dy); break;
    case FNN_LEAKY_RELU: map_back(d_leaky_relu, p, count, z, y, dy); break;
    case FNN_ELU: map_back(d_elu, p, count, z, y, dy); break;
    case FNN_SELU: map_back(d_selu, p, count, z, y, dy); break;
    case FNN_GELU: map_back(d_gelu, p, count, z, y, dy); break;
    case FNN_SILU: map_back(d_silu, p, count, z, y, dy); break;
    case FNN_SOFTPLUS: map_back(d_softplus, p, count, z, y, dy); break;
    case FNN_SOFTSIGN: map_back(d_softsign, p, count, z, y, dy); break;
    case FNN_HARD_SIGMOID: map_back(d_hard_sigmoid, p, count, z, y, dy); break;
    case FNN_HARD_SWISH: map_back(d_hard_swish, p, count, z, y, dy); break;
    case FNN_EXPONENTIAL: map_back(d_exponential, p, count, z, y, dy); break;
    case FNN_SOFTMAX: softmax_back(rows, n, y, dy); break;
    case FNN_LOG_SOFTMAX: log_softmax_back(rows, n, y, dy); break;
    }
}

#endif
