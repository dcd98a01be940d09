/* Softmax and log-softmax along rows of n, and their way back. */
#ifndef FNN_SOFTMAX_H
#define FNN_SOFTMAX_H

#include "columns.h"

/* A row on its way: what the parts below read and write. */
typedef struct {
    const real *a, *b;
    real *out;
    vf shift, scale;
} row_run;

INLINE vf row_number(const void *context, int64_t i, int some) {
    const row_run *row = context;
    return vec_load(row->a + i, some);
}

INLINE vf row_product(const void *context, int64_t i, int some) {
    const row_run *row = context;
    return vf_mul(vec_load(row->a + i, some), vec_load(row->b + i, some));
}

/* exp(a - shift) */
INLINE vf row_exp(const void *context, int64_t i, int some) {
    const row_run *row = context;
    return vf_exp(vf_sub(vec_load(row->a + i, some), row->shift));
}

INLINE vf row_exp_kept(const void *context, int64_t i, int some) {
    const row_run *row = context;
    vf e = row_exp(context, i, some);
    vec_store(row->out + i, e, some);
    return e;
}

INLINE void row_divide(const void *context, int64_t i, int some) {
    const row_run *row = context;
    vec_store(row->out + i, vf_div(vec_load(row->out + i, some), row->scale), some);
}

/* a - shift - scale */
INLINE void row_subtract(const void *context, int64_t i, int some) {
    const row_run *row = context;
    vec_store(row->out + i, vf_sub(vf_sub(vec_load(row->a + i, some), row->shift), row->scale), some);
}

/* a * (out - shift) */
INLINE void row_softmax_back(const void *context, int64_t i, int some) {
    const row_run *row = context;
    vf centred = vf_sub(vec_load(row->out + i, some), row->shift);
    vec_store(row->out + i, vf_mul(vec_load(row->a + i, some), centred), some);
}

/* out - exp(b) * shift */
INLINE void row_log_softmax_back(const void *context, int64_t i, int some) {
    const row_run *row = context;
    vf share = vf_exp(vec_load(row->b + i, some));
    vec_store(row->out + i, vf_fnma(share, row->shift, vec_load(row->out + i, some)), some);
}

static void softmax_columns(int count, int64_t n, const real *z, real *y) {
    real numbers[NARROW * LANES];
    vf largest;
    read_columns(z, count, n, numbers);
    const vf sum = exp_columns(numbers, n, numbers, &largest);
    for (int64_t j = 0; j < n; j++) set_column(numbers, j, vf_div(column(numbers, j), sum));
    write_columns(numbers, count, n, y);
}

/* y = exp(z - max z) / sum; z and y may be the same. */
static void softmax(int64_t rows, int64_t n, const real *z, real *y) {
    int64_t i = 0;
    for (; n <= NARROW && rows - i >= FEW_ROWS; i += LANES)
        softmax_columns(rows - i < LANES ? (int)(rows - i) : LANES, n, z + i * n, y + i * n);
    for (; i < rows; i++) {
        row_run row = {.a = z + i * n, .out = y + i * n};
        row.shift = vf_set1(vec_row_max(row_number, &row, n));
        row.scale = vf_set1(vec_row_sum(row_exp_kept, &row, n));
        vec_each(row_divide, &row, n);
    }
}

static void softmax_back(int64_t rows, int64_t n, const real *y, real *dy) {
    for (int64_t i = 0; i < rows; i++) {
        row_run row = {.a = y + i * n, .b = dy + i * n, .out = dy + i * n};
        row.shift = vf_set1(vec_row_sum(row_product, &row, n));
        vec_each(row_softmax_back, &row, n);
    }
}

/* Sets row->shift to the largest number of the row and row->scale to log(sum(exp(a - shift))). */
INLINE void find_log_sum(row_run *row, int64_t n) {
    row->shift = vf_set1(vec_row_max(row_number, row, n));
    row->scale = vf_log(vf_set1(vec_row_sum(row_exp, row, n)));
}

static void log_softmax(int64_t rows, int64_t n, const real *z, real *y) {
    for (int64_t i = 0; i < rows; i++) {
        row_run row = {.a = z + i * n, .out = y + i * n};
        find_log_sum(&row, n);
        vec_each(row_subtract, &row, n);
    }
}

static void log_softmax_back(int64_t rows, int64_t n, const real *y, real *dy) {
    for (int64_t i = 0; i < rows; i++) {
        row_run row = {.a = dy + i * n, .b = y + i * n, .out = dy + i * n};
        row.shift = vf_set1(vec_row_sum(row_number, &row, n));
        vec_each(row_log_softmax_back, &row, n);
    }
}

#endif
