/* The dot op: y = a @ b for every sample, a (m, k) and b (k, n), each perhaps transposed in memory. */
#ifdef FNN_OP
FNN_DOUBLE_LENT_OP(DOT, dot)
#elif !defined FNN_OPS_DOT_H
#define FNN_OPS_DOT_H

#include "arrays.h"
#include "gemm_packed.h"

/* Sizes of a kind's geometry. */
enum { DOT_M, DOT_K, DOT_N, DOT_A_TRANSPOSED, DOT_B_TRANSPOSED };

/* A matrix as it is meant; `transposed` when its columns are dense. */
typedef struct {
    const real *at;
    int64_t rows, columns;
    int transposed;
} matrix;

static matrix dot_a(const int64_t *size, const real *at) {
    return (matrix){at, size[DOT_M], size[DOT_K], size[DOT_A_TRANSPOSED] != 0};
}

static matrix dot_b(const int64_t *size, const real *at) {
    return (matrix){at, size[DOT_K], size[DOT_N], size[DOT_B_TRANSPOSED] != 0};
}

static matrix turned(matrix a) { return (matrix){a.at, a.columns, a.rows, !a.transposed}; }

/* c = or += a @ b. */
static void multiply_matrices(matrix a, matrix b, int add, real *c) {
    const product g = {.m = a.rows,
                       .n = b.columns,
                       .k = a.columns,
                       .a = a.at,
                       .a_row = a.transposed ? 1 : a.columns,
                       .a_column = a.transposed ? a.rows : 1,
                       .b = b.at,
                       .b_row = b.transposed ? b.rows : b.columns,
                       .b_transposed = b.transposed,
                       .c = c,
                       .c_row = b.columns,
                       .add = add};
    multiply(&g);
}

INLINE vf product_term(const void *context, int64_t j, int some) {
    const real *const *pair = context;
    return vf_mul(vec_load(pair[0] + j, some), vec_load(pair[1] + j, some));
}

static void dot_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin, int64_t end) {
    const int64_t *size = op->geometry, a_size = size[DOT_M] * size[DOT_K], b_size = size[DOT_K] * size[DOT_N];
    const real *a = op_x(op, model, block, 0), *b = op_x(op, model, block, 1);
    real *y = op_y(op, model);
    for (int64_t i = begin; i < end; i++) {
        const real *pair[2] = {a + i * a_size, b + i * b_size};
        if (op->n_out == 1)
            y[i] = vec_row_sum(product_term, pair, size[DOT_K]);
        else
            multiply_matrices(dot_a(size, pair[0]), dot_b(size, pair[1]), 0, y + i * op->n_out);
    }
}

/* The gradient of a matrix a @ b, written as the input lies in memory. */
static void give_product(matrix a, matrix b, int transposed, int add, real *out) {
    if (transposed)
        multiply_matrices(turned(b), turned(a), add, out);
    else
        multiply_matrices(a, b, add, out);
}

static void dot_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                              int64_t end) {
    const int64_t *size = op->geometry, a_size = size[DOT_M] * size[DOT_K], b_size = size[DOT_K] * size[DOT_N];
    const real *first = op_x(op, model, block, 0), *second = op_x(op, model, block, 1);
    real *da = op_dx(op, model, 0), *db = op_dx(op, model, 1);
    for (int64_t i = begin; i < end; i++) {
        const matrix a = dot_a(size, first + i * a_size), b = dot_b(size, second + i * b_size);
        const matrix dy = {op_dy(op, model) + i * op->n_out, size[DOT_M], size[DOT_N], 0};
        if (da) give_product(dy, turned(b), a.transposed, op_edge(op, model, 0)->adds, da + i * a_size);
        if (db) give_product(turned(a), dy, b.transposed, op_edge(op, model, 1)->adds, db + i * b_size);
    }
}

DOUBLE_LENT_KERNELS(dot) = {.forward = dot_forward, .backward_rows = dot_backward_rows};

#endif
