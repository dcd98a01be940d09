/* Rounding to bf16, the upper half of a float32; _ops/bf16.py has the rule and its source. */
#ifndef FNN_BF16_H
#define FNN_BF16_H

#include "vec_rows.h"

#ifdef FNN_F64
INLINE vf vf_bf16(vf a) { return a; } /* no plan in double asks for it */
#else
/* By bits alone, so that the same holds whether denormals are flushed or not. */
INLINE vf vf_bf16(vf a) {
    const vi bits = vi_bits(a), odd = vi_and(vi_shr(bits, 16), vi_set1(1));
    const vi near = vi_add(vi_add(bits, vi_set1(0x7fff)), odd), quiet = vi_or(bits, vi_set1(0x400000));
    const vf tiny = vf_bits(vi_and(bits, vi_set1(SIGN_BIT))), least = vf_set1(0x1p-126f);
    const vf rounded = vf_bits(vi_and(near, vi_set1(~0xffff)));
    return vf_select(vf_isnan(a), vf_bits(quiet), vf_select(vf_lt(vf_abs(a), least), tiny, rounded));
}
#endif

#define BF16_WIDE 32 /* columns of a panel of a held kernel */

/* Kernels that predictors hold: panels of 32 columns, each of a row of words for two rows of the kernel. The upper half
 * of a word is a number of the first of them, the lower half one of the second. */
static int64_t bf16_pairs(int64_t k) { return (k + 1) / 2; }
INLINE const real *bf16_row(const real *held, int64_t k, int64_t p, int64_t column) {
    return held + (column / BF16_WIDE * bf16_pairs(k) + p / 2) * BF16_WIDE + column % BF16_WIDE;
}

#ifdef FNN_F64
INLINE vf bf16_first(vf pairs) { return pairs; }
INLINE vf bf16_second(vf pairs) { return pairs; }
#else
INLINE vf bf16_first(vf pairs) { return vf_bits(vi_and(vi_bits(pairs), vi_set1(~0xffff))); }
INLINE vf bf16_second(vf pairs) { return vf_bits(vi_shl(vi_bits(pairs), 16)); }
#endif

typedef struct {
    const real *from;
    real *to;
} bf16_run;

INLINE void bf16_part(const void *context, int64_t i, int some) {
    const bf16_run *run = context;
    vec_store(run->to + i, vf_bf16(vec_load(run->from + i, some)), some);
}

/* n numbers, also in place. */
static void round_to_bf16(const real *from, int64_t n, real *to) {
    const bf16_run run = {from, to};
    vec_each(bf16_part, &run, n);
}

/* A vector of columns of `rows` rows of a held kernel, of which the first is the second of its pair when `odd`. */
INLINE void widen_column(const real *pairs, int64_t rows, int odd, int some, real *to, int64_t to_row) {
    if (odd && rows) {
        vec_store(to, bf16_second(vf_load(pairs)), some);
        pairs += BF16_WIDE, to += to_row, rows--;
    }
    for (; rows > 1; rows -= 2, pairs += BF16_WIDE, to += 2 * to_row) {
        const vf both = vf_load(pairs);
        vec_store(to, bf16_first(both), some);
        vec_store(to + to_row, bf16_second(both), some);
    }
    if (rows) vec_store(to, bf16_first(vf_load(pairs)), some);
}

enum { WIDEN_ROWS = 16 }; /* whose lines stay in the first-level cache until all columns are there */

/* Rows [first, first + rows) of `width` columns from `column` on, a multiple of LANES, of a held kernel of k rows. */
static void widen_bf16(const real *held, int64_t k, int64_t first, int64_t rows, int64_t column, int64_t width,
                       real *to, int64_t to_row) {
    for (int64_t p = 0; p < rows; p += WIDEN_ROWS)
        for (int64_t j = 0; j < width; j += LANES) {
            const int64_t count = at_most(rows - p, WIDEN_ROWS);
            const real *pairs = bf16_row(held, k, first + p, column + j);
            const int odd = (int)((first + p) % 2);
            if (width - j < LANES)
                widen_column(pairs, count, odd, (int)(width - j), to + p * to_row + j, to_row);
            else
                widen_column(pairs, count, odd, LANES, to + p * to_row + j, to_row);
        }
}

#endif
