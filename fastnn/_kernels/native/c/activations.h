/* The activations over rows: elementwise ones over rows * n numbers as one flat run, softmax and log_softmax row by
 * row. */
#ifndef FNN_ACTIVATIONS_H
#define FNN_ACTIVATIONS_H

#include <string.h>

#include "activation_formulas.h"
#include "kernels.h"
#include "softmax.h"

/* Code and name of every activation that works on single numbers. */
#define ELEMENTWISE(X)                                                                                                 \
    X(SIGMOID, sigmoid)                                                                                                \
    X(TANH, tanh)                                                                                                      \
    X(RELU, relu)                                                                                                      \
    X(LEAKY_RELU, leaky_relu)                                                                                          \
    X(ELU, elu)                                                                                                        \
    X(SELU, selu)                                                                                                      \
    X(GELU, gelu)                                                                                                      \
    X(SILU, silu)                                                                                                      \
    X(SOFTPLUS, softplus)                                                                                              \
    X(SOFTSIGN, softsign)                                                                                              \
    X(HARD_SIGMOID, hard_sigmoid)                                                                                      \
    X(HARD_SWISH, hard_swish)                                                                                          \
    X(EXPONENTIAL, exponential)                                                                                        \
    X(RELU6, relu6)                                                                                                    \
    X(HARD_TANH, hard_tanh)                                                                                            \
    X(CELU, celu)                                                                                                      \
    X(LOG_SIGMOID, log_sigmoid)                                                                                        \
    X(GELU_TANH, gelu_tanh)                                                                                            \
    X(MISH, mish)                                                                                                      \
    X(TANH_SHRINK, tanh_shrink)                                                                                        \
    X(HARD_SHRINK, hard_shrink)                                                                                        \
    X(SOFT_SHRINK, soft_shrink)                                                                                        \
    X(SPARSE_PLUS, sparse_plus)                                                                                        \
    X(SPARSE_SIGMOID, sparse_sigmoid)                                                                                  \
    X(SQUAREPLUS, squareplus)

/* What a run over numbers works on; each driver reads what it needs. */
typedef struct {
    const real *z, *y;
    real *out;
    vf p;
    vf (*value)(vf, vf);
    vf (*derivative)(vf, vf, vf);
} activation_run;

ALWAYS_INLINE void value_part(const void *context, int64_t i, int some) {
    const activation_run *run = context;
    vec_store(run->out + i, run->value(vec_load(run->z + i, some), run->p), some);
}

ALWAYS_INLINE void gradient_part(const void *context, int64_t i, int some) {
    const activation_run *run = context;
    vf slope = run->derivative(vec_load(run->z + i, some), vec_load(run->y + i, some), run->p);
    vec_store(run->out + i, vf_mul(vec_load(run->out + i, some), slope), some);
}

/* Those of most networks, which have loops of their own; all others share one that calls the formula for each vector.
 *
 * Design: loops for all of them, and the formula once more for the end of each run, were a tenth of the module. */
#define USUAL(X)                                                                                                       \
    X(SIGMOID, sigmoid)                                                                                                \
    X(TANH, tanh)                                                                                                      \
    X(RELU, relu)                                                                                                      \
    X(LEAKY_RELU, leaky_relu)                                                                                          \
    X(ELU, elu)                                                                                                        \
    X(GELU, gelu)                                                                                                      \
    X(SILU, silu)                                                                                                      \
    X(SOFTPLUS, softplus)                                                                                              \
    X(HARD_SIGMOID, hard_sigmoid)                                                                                      \
    X(HARD_SWISH, hard_swish)                                                                                          \
    X(RELU6, relu6)

typedef struct {
    vf (*value)(vf, vf);
    vf (*derivative)(vf, vf, vf);
} activation_formula;

static const activation_formula formulas[] = {
#define CASE(code, name) [FNN_##code] = {f_##name, d_##name},
    ELEMENTWISE(CASE)
#undef CASE
};

/* What an elementwise activation is made of. */
static activation_formula formula_of(int code) {
    const activation_formula none = {0};
    return code >= 0 && (size_t)code < sizeof formulas / sizeof *formulas ? formulas[code] : none;
}

/* y = value of n numbers from i on, in whole vectors; `value` is a constant after inlining. Returns what is left. */
ALWAYS_INLINE int64_t whole_values(vf (*value)(vf, vf), activation_run run, int64_t n) {
    int64_t i = 0;
    run.value = value;
    for (; i + LANES <= n; i += LANES) value_part(&run, i, LANES);
    return i;
}

ALWAYS_INLINE int64_t whole_gradients(vf (*derivative)(vf, vf, vf), activation_run run, int64_t n) {
    int64_t i = 0;
    run.derivative = derivative;
    for (; i + LANES <= n; i += LANES) gradient_part(&run, i, LANES);
    return i;
}

/* One function of the vector maths over n numbers; function is of enum fnn_math. */
static void fnn_apply_math(int function, int64_t n, const void *x, void *y) {
    static vf (*const functions[FNN_N_MATH])(vf, vf) = {[FNN_EXP] = f_exp,        [FNN_LOG] = f_log,
                                                        [FNN_MATH_TANH] = f_tanh, [FNN_MATH_SIGMOID] = f_sigmoid,
                                                        [FNN_ERF] = f_erf,        [FNN_MATH_SOFTPLUS] = f_softplus,
                                                        [FNN_EXPM1] = f_expm1,    [FNN_LOG1P] = f_log1p};
    const activation_run run = {.z = x, .out = y, .p = vf_zero(), .value = functions[function]};
    vec_each(value_part, &run, n);
}

/* The derivative of an activation of single numbers for one vector, where it follows from y: for kernels that have more
 * to do with it in registers.
 *
 * Design: a call, since a kernel with all of them inside would be compiled once for each. */
static __attribute__((noinline)) vf slope_vector(int code, double parameter, vf y) {
    const activation_formula formula = formula_of(code);
    return formula.derivative ? formula.derivative(y, y, vf_set1((real)parameter)) : vec_one();
}

static void elementwise_values(int code, double parameter, int64_t n, const real *z, real *y) {
    const activation_run run = {.z = z, .out = y, .p = vf_set1((real)parameter), .value = formula_of(code).value};
    int64_t i = 0;
    if (!run.value) return;
    switch (code) {
#define CASE(code, name)                                                                                               \
    case FNN_##code: i = whole_values(f_##name, run, n); break;
        USUAL(CASE)
#undef CASE
    }
    for (; i < n; i += LANES) value_part(&run, i, n - i < LANES ? (int)(n - i) : LANES);
}

static void elementwise_gradients(int code, double parameter, int64_t n, const real *z, const real *y, real *dy) {
    const activation_formula formula = formula_of(code);
    const activation_run run = {
        .z = z ? z : y, .y = y, .out = dy, .p = vf_set1((real)parameter), .derivative = formula.derivative};
    int64_t i = 0;
    if (!run.derivative) return;
    switch (code) {
#define CASE(code, name)                                                                                               \
    case FNN_##code: i = whole_gradients(d_##name, run, n); break;
        USUAL(CASE)
#undef CASE
    }
    for (; i < n; i += LANES) gradient_part(&run, i, n - i < LANES ? (int)(n - i) : LANES);
}

/* y (rows, n) = activation of z (rows, n), which may be the same array. */
static void fnn_activate(int code, double parameter, int64_t rows, int64_t n, const void *z, void *y) {
    switch (code) {
    case FNN_LINEAR:
        if (z != y) memcpy(y, z, (size_t)(rows * n) * sizeof(real));
        break;
    case FNN_SOFTMAX: softmax(rows, n, z, y); break;
    case FNN_LOG_SOFTMAX: log_softmax(rows, n, z, y); break;
    default: elementwise_values(code, parameter, rows * n, z, y);
    }
}

/* dz in place of dy, all (rows, n); z may be NULL where the activation does not keep it. */
static void fnn_activate_back(int code, double parameter, int64_t rows, int64_t n, const void *z, const void *y,
                              void *dy) {
    switch (code) {
    case FNN_LINEAR: break;
    case FNN_SOFTMAX: softmax_back(rows, n, y, dy); break;
    case FNN_LOG_SOFTMAX: log_softmax_back(rows, n, y, dy); break;
    default: elementwise_gradients(code, parameter, rows * n, z, y, dy);
    }
}

#endif
