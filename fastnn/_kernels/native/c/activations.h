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

/* The derivative of an activation of single numbers for one vector, where it follows from y: for kernels that have more
 * to do with it in registers.
 *
 * Design: a call, since a kernel with all of them inside would be compiled once for each. */
static __attribute__((noinline)) vf slope_vector(int code, double parameter, vf y) {
    const vf p = vf_set1((real)parameter);
    switch (code) {
#define CASE(code, name)                                                                                               \
    case FNN_##code: return d_##name(y, y, p);
        ELEMENTWISE(CASE)
#undef CASE
    }
    return vec_one();
}

/* y (rows, n) = activation of z (rows, n), which may be the same array. */
static void fnn_activate(int code, double parameter, int64_t rows, int64_t n, const void *z, void *y) {
    const int64_t count = rows * n;
    const real p = (real)parameter;
    switch (code) {
    case FNN_LINEAR:
        if (z != y) memcpy(y, z, (size_t)count * sizeof(real));
        break;
#define CASE(code, name)                                                                                               \
    case FNN_##code: map(f_##name, p, count, z, y); break;
        ELEMENTWISE(CASE)
#undef CASE
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
#define CASE(code, name)                                                                                               \
    case FNN_##code: map_back(d_##name, p, count, z, y, dy); break;
        ELEMENTWISE(CASE)
#undef CASE
    case FNN_SOFTMAX: softmax_back(rows, n, y, dy); break;
    case FNN_LOG_SOFTMAX: log_softmax_back(rows, n, y, dy); break;
    }
}

#endif
