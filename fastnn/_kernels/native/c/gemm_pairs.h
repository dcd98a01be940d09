/* Products of bf16 numbers by VDPBF16PS, two numbers of k at a time, where the processor has it.
 *
 * It adds two products to a sum, one after the other, each rounded as vf_fma does, the upper halves of its words first.
 * So an even k stands in the upper half of a word and the next k in the lower one, and the bits are those of the other
 * tiles. An odd k ends with -0 in A and 0 in B, whose product changes no sum.
 *
 * Panels of words are like those of numbers in gemm_packed.h; held kernels are such panels of B already. */
#ifndef FNN_GEMM_PAIRS_H
#define FNN_GEMM_PAIRS_H

#include "bf16.h"
#include "gemm_blocks.h"
#include "kernels.h"
#include "scratch.h"

#ifdef HAS_PAIRS

#define PAIRS_ABOVE 4096 /* m * n * k; below, packing A costs more than it saves */
#define PAIRS_DEEP 48    /* k; below, C takes longer than what goes into it */
#define AHEAD 32         /* rows */

/* A, or B: element (i, p) at i * row + p * column, one of which is 1, for i < n. */
typedef struct {
    const real *at;
    int64_t row, column, n;
} of_pairs;

/* Words of first numbers, the upper halves, and second ones. */
ALWAYS_INLINE vf pairs_of(vf first, vf second) {
    static const uint16_t order[2 * LANES] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                              8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    return (vf)_mm512_permutexvar_epi16(_mm512_loadu_si512(order), (__m512i)vi_halves(second, first));
}

/* Words of numbers that follow each other, LANES of `low` and then of `high`. */
ALWAYS_INLINE vf pairs_along(vf low, vf high) { return (vf)_mm512_rol_epi32((__m512i)vi_halves(low, high), 16); }

/* to (rows / 2, n) = words of rows 2 i and 2 i + 1 of n numbers, the second of which begins `apart` behind the first
 * one and the next pair `step`; also in place. */
static void words_across(const real *from, int64_t rows, int64_t n, int64_t apart, int64_t step, real *to) {
    for (int64_t i = 0; i < rows; i += 2, from += step, to += n)
        for (int64_t j = 0; j < n; j += LANES) {
            const int some = (int)at_most(n - j, LANES);
            vec_store(to + j, pairs_of(vec_load(from + j, some), vec_load(from + apart + j, some)), some);
        }
}

/* to (n / 2) = words of numbers that follow each other; also in place. */
static void words_along(const real *from, int64_t n, real *to) {
    int64_t j = 0;
    for (; j + 2 * LANES <= n; j += 2 * LANES, to += LANES)
        vf_store(to, pairs_along(vf_load(from + j), vf_load(from + j + LANES)));
    if (j < n) {
        const vf low = vec_load(from + j, (int)at_most(n - j, LANES));
        const vf high = n - j > LANES ? vec_load(from + j + LANES, (int)(n - j - LANES)) : vf_zero();
        vec_store(to, pairs_along(low, high), (int)((n - j) / 2));
    }
}

/* Rows of a tile of m: nearly the same in all, for the sums of a low one would wait for each other. */
static int64_t tile_rows(int64_t m, int64_t tile) {
    const int64_t tiles = (m + TILE_ROWS - 1) / TILE_ROWS;
    return m / tiles + (tile < m % tiles);
}

/* Of n in panels of A, or of B. */
ALWAYS_INLINE int64_t panel_width(int64_t n, int64_t panel, const int step) {
    return step == TILE_ROWS ? tile_rows(n, panel) : at_most(n - panel * step, step);
}

/* Words of a pair of rows, or of one and `none`, of `count` columns, and whatever behind them up to `step`. */
ALWAYS_INLINE void pack_pair(const of_pairs *m, const real *from, int both, int64_t count, real none, const int step,
                             real *to) {
    for (int64_t j = 0; j < count; j += LANES) {
        const int some = (int)at_most(count - j, LANES);
        const vf first = vec_load(from + j, some);
        __builtin_prefetch(from + AHEAD * m->column + j, 0, 2); /* hardware does not see rows that are far apart */
        __builtin_prefetch(from + (AHEAD + 1) * m->column + j, 0, 2);
        vec_store(to + j, pairs_of(first, both ? vec_load(from + m->column + j, some) : vf_set1(none)),
                  (int)at_most(step - j, LANES));
    }
}

/* Rows that are dense along i: pair by pair into all panels, for rows may lie so that few of them stay in the cache. */
ALWAYS_INLINE void pack_across(const of_pairs *m, int64_t i, int64_t n, int64_t first_k, int64_t k, real none,
                               const int step, real *to) {
    const int64_t panel = step * bf16_pairs(k);
    for (int64_t p = 0; p < k; p += 2, to += step) {
        const real *from = m->at + (first_k + p) * m->column + i;
        for (int64_t j = 0, t = 0, width; j < n; j += width, t++) {
            width = panel_width(n, t, step);
            pack_pair(m, from + j, p + 1 < k, width, none, step, to + t * panel);
        }
    }
}

/* The first n of numbers that follow each other, and `none` behind them. */
ALWAYS_INLINE vf load_or(const real *p, int64_t n, real none) {
    if (n >= LANES) return vf_load(p);
    return n <= 0 ? vf_set1(none) : vf_select(vm_first((int)n), vf_load_n(p, (int)n), vf_set1(none));
}

/* Rows that are dense along k: the same words. */
static void pack_along(const of_pairs *m, int64_t i, int64_t first_k, int64_t k, int64_t width, real none,
                       const int step, real *to) {
    const int64_t count = at_most(m->n - i, width), words = bf16_pairs(k);
    for (int64_t j = 0; j < count; j += LANES)
        for (int64_t q = 0; q < words; q += LANES) {
            vf row[LANES];
#pragma GCC unroll 16
            for (int r = 0; r < LANES; r++) {
                const real *from = m->at + (i + at_most(j + r, count - 1)) * m->row + first_k + 2 * q;
                const int64_t left = k - 2 * q;
                row[r] = pairs_along(load_or(from, left, none), load_or(from + LANES, left - LANES, none));
            }
            transpose_registers(row, LANES);
            const int last = (int)at_most(words - q, LANES);
            for (int r = 0; r < last; r++) vf_store(to + (q + r) * step + j, row[r]);
        }
}

/* Panels of words of k numbers of n of i from i on. */
ALWAYS_INLINE void pack_panels(const of_pairs *m, int64_t i, int64_t n, int64_t first_k, int64_t k, real none,
                               const int step, real *to) {
    if (m->row == 1) {
        pack_across(m, i, n, first_k, k, none, step, to);
        return;
    }
    for (int64_t j = 0, t = 0, width; j < n; j += width, t++) {
        width = panel_width(n, t, step);
        pack_along(m, i + j, first_k, k, width, none, step, to + t * step * bf16_pairs(k));
    }
}

/* Rows [i, i + m) and columns [j, j + n) of C, from panels of so many words, those of B `panel` apart; p is the first
 * of k. */
static void pairs_block(const product *g, int64_t i, int64_t m, int64_t j, int64_t n, int64_t p, int64_t words,
                        const real *a, const real *b, int64_t panel) {
    const int fetches = 2 * words >= FETCH_K && g->m * g->c_row * REAL_BYTES > FETCH_ABOVE;
    for (int64_t at = 0; at < n; at += TILE_WIDTH, b += panel)
        for (int64_t r = 0, tile = 0; r < m; r += tile_rows(m, tile++)) {
            real *c = g->c + (i + r) * g->c_row + j + at;
            const product part = {.m = tile_rows(m, tile),
                                  .n = at_most(n - at, TILE_WIDTH),
                                  .k = words,
                                  .a = a + tile * TILE_ROWS * words,
                                  .a_row = 1,
                                  .a_column = TILE_ROWS,
                                  .b = b,
                                  .b_row = TILE_WIDTH,
                                  .start = p          ? c
                                           : g->start ? g->start + (i + r) * g->start_row + j + at
                                                      : NULL,
                                  .start_row = p ? g->c_row : g->start_row,
                                  .c = c,
                                  .c_row = g->c_row,
                                  .words = 1,
                                  .add = g->add};
            if (fetches) fetch_next(g, g->c + i * g->c_row + j, r, m, at, n);
            columns_any(&part, 0, part.n);
        }
}

/* Numbers of scratch memory for the words of blocks of B, then of A. */
static int64_t pairs_b_size(int64_t n, int64_t k) {
    return rounded_up(at_most(n, BLOCK_N), TILE_WIDTH) * at_most(bf16_pairs(k), BLOCK_K);
}
static int64_t pairs_a_size(int64_t m, int64_t k) {
    return rounded_up(at_most(m, BLOCK_M), TILE_ROWS) * at_most(bf16_pairs(k), BLOCK_K) + LANES;
}

static int runs_pairs(void) { return (fnn_extras & FNN_AVX512_BF16) != 0; }

static int pairs_pay(const product *g) {
    const int dense = g->a_row == 1 || g->a_column == 1;
    if (!runs_pairs() || g->parts || !dense || (g->add && g->k > 2 * BLOCK_K)) return 0;
    return g->b_is == HELD || (g->n > NARROW_MOST && g->k >= PAIRS_DEEP && g->m * g->n * g->k > PAIRS_ABOVE);
}

/* Numbers [p, p + k) of k, p even, of all rows and of columns [j, j + n). */
static void pairs_part(const product *g, int64_t j, int64_t n, int64_t p, int64_t k, real *memory) {
    const int64_t words = bf16_pairs(k), held = g->b_is == HELD;
    const of_pairs a = {g->a, g->a_column == 1 ? g->a_row : 1, g->a_column, g->m};
    const of_pairs b = {g->b, g->b_transposed ? g->b_row : 1, g->b_transposed ? 1 : g->b_row, g->n};
    const int64_t panel = (held ? bf16_pairs(g->k) : words) * TILE_WIDTH;
    real *packed_a = memory + (held ? 0 : pairs_b_size(g->n, g->k));
    const real *packed_b = held ? bf16_row(g->b, g->k, p, j) : memory;
    if (!held) pack_panels(&b, j, n, p, k, 0, TILE_WIDTH, memory);
    for (int64_t i = 0; i < g->m; i += BLOCK_M) {
        const int64_t m = at_most(g->m - i, BLOCK_M);
        pack_panels(&a, i, m, p, k, (real)-0.0, TILE_ROWS, packed_a);
        pairs_block(g, i, m, j, n, p, words, packed_a, packed_b, panel);
    }
}

/* The product by pairs; 0 when it is not made: where the processor has no such instruction, or it does not pay. */
static int multiply_pairs(const product *g) {
    if (!pairs_pay(g)) return 0;
    const int64_t of_b = g->b_is == HELD ? 0 : pairs_b_size(g->n, g->k);
    real *memory = fnn_scratch((size_t)(of_b + pairs_a_size(g->m, g->k)) * sizeof(real));
    const int64_t block_k = 2 * even_block(bf16_pairs(g->k), BLOCK_K);
    if (!memory) return 0;
    for (int64_t j = 0; j < g->n; j += BLOCK_N)
        for (int64_t p = 0; p < g->k; p += block_k)
            pairs_part(g, j, at_most(g->n - j, BLOCK_N), p, at_most(g->k - p, block_k), memory);
    return 1;
}

/* Numbers of scratch memory for B of bf16 (k, n), or its transpose, and any A. */
static int64_t pairs_scratch(int64_t n, int64_t k) {
    const int64_t there = pairs_b_size(n, k) + pairs_a_size(BLOCK_M, k);
    const int64_t back = pairs_b_size(k, n) + pairs_a_size(BLOCK_M, n);
    return at_least(there, back);
}

#else
static int runs_pairs(void) { return 0; }
static void words_across(const real *from, int64_t rows, int64_t n, int64_t apart, int64_t step, real *to) {
    (void)from, (void)rows, (void)n, (void)apart, (void)step, (void)to;
}
static void words_along(const real *from, int64_t n, real *to) { (void)from, (void)n, (void)to; }
static int multiply_pairs(const product *g) {
    (void)g;
    return 0;
}
static int64_t pairs_scratch(int64_t n, int64_t k) {
    (void)n, (void)k;
    return 0;
}
#endif

#endif
