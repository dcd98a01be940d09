/* Transposing a matrix, LANES x LANES numbers at a time in registers. */
#ifndef FNN_TRANSPOSE_H
#define FNN_TRANSPOSE_H

#include "vec.h"

/* Exchanges lanes i | h of a with lanes i of b, for all i without bit h. */
ALWAYS_INLINE void exchange(vf *a, vf *b, const int h) {
    vf low = *a, high = *b;
#ifdef __clang__
    for (int i = 0; i < LANES; i++) {
        low[i] = i & h ? (*b)[i ^ h] : (*a)[i];
        high[i] = i & h ? (*b)[i] : (*a)[i | h];
    }
#else /* GCC makes one shuffle of constant indices, but none of single lanes */
    vi from_low = vi_set1(0), from_high = from_low;
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) {
        from_low[i] = i & h ? LANES + (i ^ h) : i;
        from_high[i] = i & h ? LANES + i : i | h;
    }
    low = __builtin_shuffle(*a, *b, from_low);
    high = __builtin_shuffle(*a, *b, from_high);
#endif
    *a = low, *b = high;
}

/* Even lanes of a and of b, one after the other, and odd ones. */
ALWAYS_INLINE void split_pairs(vf *a, vf *b) {
    vf even = *a, odd = *b;
#ifdef __clang__
    for (int i = 0; i < LANES; i++) {
        even[i] = i < LANES / 2 ? (*a)[2 * i] : (*b)[2 * i - LANES];
        odd[i] = i < LANES / 2 ? (*a)[2 * i + 1] : (*b)[2 * i + 1 - LANES];
    }
#else
    vi from = vi_set1(0);
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) from[i] = 2 * i;
    even = __builtin_shuffle(*a, *b, from);
    odd = __builtin_shuffle(*a, *b, from + vi_set1(1));
#endif
    *a = even, *b = odd;
}

/* Every `many` rows of `many` numbers, a power of 2 that vectors hold, become columns. */
ALWAYS_INLINE void transpose_registers(vf *row, const int many) {
#pragma GCC unroll 4
    for (int h = many / 2; h; h /= 2)
#pragma GCC unroll 16
        for (int i = 0; i < many; i++)
            if (!(i & h)) exchange(&row[i], &row[i | h], h);
}

static void transpose_square(const real *in, int64_t in_row, real *out, int64_t out_row) {
    vf row[LANES];
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) row[i] = vf_load(in + i * in_row);
    transpose_registers(row, LANES);
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) vf_store(out + i * out_row, row[i]);
}

/* A square with fewer rows or columns; rows are at most `many`, which is LANES or half of it. The first `spilling` of
 * the columns are stored with whole vectors, because what stands behind them is written later: masked stores of AVX2
 * take AMD's processors ten times as long as others. */
ALWAYS_INLINE void transpose_part(int rows, int columns, const real *in, int64_t in_row, real *out, int64_t out_row,
                                  int64_t spilling, const int many) {
    vf row[LANES];
#pragma GCC unroll 16
    for (int i = 0; i < many; i++)
        row[i] = i >= rows         ? vf_zero()
                 : columns < LANES ? vf_load_n(in + i * in_row, columns)
                                   : vf_load(in + i * in_row);
    transpose_registers(row, many);
    if (many < LANES) {
#pragma GCC unroll 8
        for (int i = 0; i < many; i++) {
            vf low = row[i];
            row[many + i] = row[i];
            exchange(&low, &row[many + i], many);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) {
        if (i < columns && i < spilling)
            vf_store(out + i * out_row, row[i]);
        else if (i < columns)
            vf_store_n(out + i * out_row, row[i], rows);
    }
}

static void transpose_edge(int rows, int columns, const real *in, int64_t in_row, real *out, int64_t out_row,
                           int64_t spilling) {
    if (2 * rows <= LANES)
        transpose_part(rows, columns, in, in_row, out, out_row, spilling, LANES / 2);
    else
        transpose_part(rows, columns, in, in_row, out, out_row, spilling, LANES);
}

INLINE void transpose_by_squares(int64_t rows, int64_t columns, const real *in, int64_t in_row, real *out,
                                 int64_t out_row) {
    const int follow = rows < LANES && out_row == rows; /* one after the other */
    const int64_t spilling = follow ? columns - (LANES + rows - 1) / rows + 1 : 0;
    for (int64_t i = 0; i < rows; i += LANES)
        for (int64_t j = 0; j < columns; j += LANES) {
            const int64_t height = rows - i, width = columns - j;
            const real *from = in + i * in_row + j;
            real *to = out + j * out_row + i;
            if (height >= LANES && width >= LANES)
                transpose_square(from, in_row, to, out_row);
            else
                transpose_edge(height < LANES ? (int)height : LANES, width < LANES ? (int)width : LANES, from, in_row,
                               to, out_row, spilling - j);
        }
}

/* out (columns, rows) = in (rows, columns) transposed; rows are in_row and out_row apart. */
static void transpose(int64_t rows, int64_t columns, const real *in, int64_t in_row, real *out, int64_t out_row) {
    transpose_by_squares(rows, columns, in, in_row, out, out_row);
}

#endif
