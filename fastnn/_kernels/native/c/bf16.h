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

/* Kernels that predictors hold: panels of 32 columns, k rows each; in a row, the 32 bits of each of 16 reals are those
 * of columns j, the lower ones, and j + 16. */
INLINE const real *bf16_row(const real *held, int64_t k, int64_t p, int64_t column) {
    return held + (column / BF16_WIDE * k + p) * (BF16_WIDE / 2);
}

#ifdef FNN_F64
INLINE vf bf16_lower(vf pairs) { return pairs; }
INLINE vf bf16_upper(vf pairs) { return pairs; }
#else
INLINE vf bf16_lower(vf pairs) { return vf_bits(vi_shl(vi_bits(pairs), 16)); }
INLINE vf bf16_upper(vf pairs) { return vf_bits(vi_and(vi_bits(pairs), vi_set1(~0xffff))); }
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

/* A vector of columns of some rows of a held kernel; `upper` is a constant after inlining. */
INLINE void widen_column(const real *pairs, int64_t rows, const int upper, int some, real *to, int64_t to_row) {
    for (int64_t p = 0; p < rows; p++, pairs += BF16_WIDE / 2, to += to_row) {
        const vf both = vf_load(pairs);
        vec_store(to, upper ? bf16_upper(both) : bf16_lower(both), some);
    }
}

enum { WIDEN_ROWS = 16 }; /* whose lines stay in the first-level cache until all columns are there */

/* Rows [first, first + rows) of `width` columns from `column` on, a multiple of LANES, of a held kernel of k rows. */
static void widen_bf16(const real *held, int64_t k, int64_t first, int64_t rows, int64_t column, int64_t width,
                       real *to, int64_t to_row) {
    for (int64_t p = 0; p < rows; p += WIDEN_ROWS)
        for (int64_t j = 0; j < width; j += LANES) {
            const int64_t at = (column + j) % BF16_WIDE, half = BF16_WIDE / 2;
            const int64_t count = rows - p < WIDEN_ROWS ? rows - p : WIDEN_ROWS;
            const real *pairs = bf16_row(held, k, first + p, column + j) + at % half;
            real *place = to + p * to_row + j;
            if (width - j < LANES)
                widen_column(pairs, count, at >= half, (int)(width - j), place, to_row);
            else if (at < half)
                widen_column(pairs, count, 0, LANES, place, to_row);
            else
                widen_column(pairs, count, 1, LANES, place, to_row);
        }
}

#endif
