/* Large products: blocks of A and B are copied into panels that the tile reads in one run. */
#ifndef FNN_GEMM_PACKED_H
#define FNN_GEMM_PACKED_H

#include "gemm_few.h"
#include "gemm_pairs.h"

#define PACK_ABOVE 3000000   /* m * n * k; below, all operands stay in the second-level cache */
#define PACK_A_ABOVE 512     /* n; below, packing rows of A costs more than it saves */
#define PART_M (4 * BLOCK_M) /* rows of sums that multiply_packed_add makes at a time, for which B is packed anew */
#define PACK_TOGETHER 16 /* rows of B that are packed for all panels before the next ones: memory gives whole lines */
#define A_AHEAD 8        /* columns of A: hardware does not see those that are far apart */
#define FEW_N (4 * TILE_WIDTH) /* so many columns of B.T are packed for few rows, to stay in the second-level cache */

/* pack_b of a B that is as it is. */
static void pack_rows_of_b(const product *g, int64_t first_k, int64_t k, int64_t first_n, int64_t n, real *to) {
    const real *from = g->b + first_k * g->b_row + first_n;
    for (int64_t first = 0; first < k; first += PACK_TOGETHER)
        for (int64_t j = 0; j < n; j += TILE_WIDTH)
            for (int64_t p = first; p < at_most(first + PACK_TOGETHER, k); p++)
                copy_spilling(from + p * g->b_row + j, at_most(n - j, TILE_WIDTH), to + j * k + p * TILE_WIDTH);
}

/* Panels of TILE_WIDTH columns of B, each (k, TILE_WIDTH); the last is left ragged. */
static void pack_b(const product *g, int64_t first_k, int64_t k, int64_t first_n, int64_t n, real *to) {
    if ((g->b_is == REALS || g->b_is == ROUNDED) && !g->b_transposed) {
        pack_rows_of_b(g, first_k, k, first_n, n, to);
        return;
    }
    for (int64_t j = 0; j < n; j += TILE_WIDTH, to += k * TILE_WIDTH) {
        const int64_t width = at_most(n - j, TILE_WIDTH), column = first_n + j;
        if (g->b_is == HELD) {
            widen_bf16(g->b, g->k, first_k, k, column, width, to, TILE_WIDTH);
            continue;
        }
        const real *from = g->b + (g->b_transposed ? column * g->b_row + first_k : first_k * g->b_row + column);
        if (g->b_transposed)
            transpose(width, k, from, g->b_row, to, TILE_WIDTH);
        else
            for (int64_t p = 0; p < k; p++) copy_spilling(from + p * g->b_row, width, to + p * TILE_WIDTH);
        if (g->b_is == TO_ROUND) round_to_bf16(to, k * TILE_WIDTH, to);
    }
}

/* pack_a of an A whose columns are dense: column by column, for they may lie so that few of them stay in the cache. */
static void pack_columns_of_a(const product *g, int64_t first_k, int64_t k, int64_t first_m, int64_t m, real *to) {
    const real *from = g->a + first_m + first_k * g->a_column;
    for (int64_t p = 0; p < k; p++, from += g->a_column, to += TILE_ROWS) {
        fnn_fetch_all(from + A_AHEAD * g->a_column, 0, m * REAL_BYTES);
        for (int64_t i = 0; i < m; i += TILE_ROWS)
            if (p + 1 < k)
                copy_spilling(from + i, at_most(m - i, TILE_ROWS), to + i * k);
            else
                copy_row(from + i, at_most(m - i, TILE_ROWS), to + i * k);
    }
}

/* Panels of TILE_ROWS rows of A, each (k, TILE_ROWS); the last is left ragged. */
static void pack_a(const product *g, int64_t first_k, int64_t k, int64_t first_m, int64_t m, real *to) {
    if (g->a_row == 1) {
        pack_columns_of_a(g, first_k, k, first_m, m, to);
        return;
    }
    for (int64_t i = 0; i < m; i += TILE_ROWS, to += k * TILE_ROWS) {
        const real *from = g->a + (first_m + i) * g->a_row + first_k * g->a_column;
        const int64_t rows = at_most(m - i, TILE_ROWS);
        if (g->a_column == 1)
            transpose(rows, k, from, g->a_row, to, TILE_ROWS);
        else
            for (int64_t p = 0; p < k; p++)
                for (int64_t r = 0; r < rows; r++) to[p * TILE_ROWS + r] = from[r * g->a_row + p * g->a_column];
    }
}

/* Rows [i0, i0 + m) of C with a packed block of B: (k, n) from (p0, j0). */
static void multiply_block(const product *g, const real *packed_b, real *packed_a, int64_t i0, int64_t m, int64_t j0,
                           int64_t n, int64_t p0, int64_t k) {
    const int pack = g->a_column != 1 || (g->n > PACK_A_ABOVE && g->m > FEW_M);
    const int fetches = k >= FETCH_K && g->m * g->c_row * REAL_BYTES > FETCH_ABOVE;
    const int64_t step = pack || fetches ? TILE_ROWS : m;
    real *block = g->c + i0 * g->c_row + j0;
    if (pack) pack_a(g, p0, k, i0, m, packed_a);
    for (int64_t j = 0; j < n; j += TILE_WIDTH)
        for (int64_t i = 0; i < m; i += step) {
            real *c = block + i * g->c_row + j;
            product part = {.m = at_most(m - i, step),
                            .n = at_most(n - j, TILE_WIDTH),
                            .k = k,
                            .a = pack ? packed_a + i * k : g->a + (i0 + i) * g->a_row + p0 * g->a_column,
                            .a_row = pack ? 1 : g->a_row,
                            .a_column = pack ? TILE_ROWS : g->a_column,
                            .b = packed_b + j * k,
                            .b_row = TILE_WIDTH,
                            .start = p0         ? c
                                     : g->start ? g->start + (i0 + i) * g->start_row + j0 + j
                                                : NULL,
                            .start_row = p0 ? g->c_row : g->start_row,
                            .c = c,
                            .c_row = g->c_row,
                            .add = g->add,
                            .parts = g->parts};
            if (fetches) fetch_next(g, block, i, m, j, n);
            columns_any(&part, 0, part.n);
        }
}

/* Numbers of packed B, then of packed A. */
static int64_t packed_b_size(const product *g) {
    return rounded_up(at_most(g->n, BLOCK_N), TILE_WIDTH) * at_most(g->k, BLOCK_K);
}
static int64_t packed_a_size(const product *g) {
    return rounded_up(at_most(g->m, BLOCK_M), TILE_ROWS) * at_most(g->k, BLOCK_K) + LANES; /* the last row spills */
}

/* The five loops of Goto and van de Geijn 2008, "Anatomy of high-performance matrix multiplication". */
static void multiply_packed(const product *g, real *memory) {
    real *packed_a = memory + packed_b_size(g);
    const int64_t block_n = g->m <= FEW_M ? FEW_N : BLOCK_N, block_k = even_block(g->k, BLOCK_K);
    const int64_t block_m = rounded_up(even_block(g->m, BLOCK_M), TILE_ROWS);
    for (int64_t j = 0; j < g->n; j += block_n)
        for (int64_t p = 0; p < g->k; p += block_k) {
            const int64_t n = at_most(g->n - j, block_n), k = at_most(g->k - p, block_k);
            pack_b(g, p, k, j, n, memory);
            for (int64_t i = 0; i < g->m; i += block_m)
                multiply_block(g, memory, packed_a, i, at_most(g->m - i, block_m), j, n, p, k);
        }
}

/* c += sum where k has several blocks: parts of the sum are made in memory of their own. */
static void multiply_packed_add(const product *g, real *memory) {
    for (int64_t i = 0; i < g->m; i += PART_M)
        for (int64_t j = 0; j < g->n; j += BLOCK_N) {
            product part = *g;
            part.m = at_most(g->m - i, PART_M);
            part.n = at_most(g->n - j, BLOCK_N);
            part.a += i * g->a_row;
            part.b += j * (g->b_transposed ? g->b_row : 1);
            part.c = memory;
            part.c_row = part.n;
            part.add = 0;
            multiply_packed(&part, memory + part.m * part.n);
            for (int64_t r = 0; r < part.m; r++)
                for (int64_t s = 0; s < part.n; s++) g->c[(i + r) * g->c_row + j + s] += memory[r * part.n + s];
        }
}

static int is_large(int64_t m, int64_t n, int64_t k) { return (double)m * (double)n * (double)k > PACK_ABOVE; }

/* False when there is no memory for packing. */
static int multiply_large(const product *g) {
    const int in_parts = g->add && g->k > BLOCK_K;
    const int64_t part = in_parts ? at_most(g->m, PART_M) * at_most(g->n, BLOCK_N) : 0;
    real *memory = fnn_scratch((size_t)(part + packed_b_size(g) + packed_a_size(g)) * sizeof(real));
    if (!memory) return 0;
    if (in_parts)
        multiply_packed_add(g, memory);
    else
        multiply_packed(g, memory);
    return 1;
}

/* Numbers of scratch memory that multiply_large wants at most for B (k, n), and any A. */
static int64_t large_most(int64_t n, int64_t k) {
    const product g = {.m = BLOCK_M, .n = n, .k = k};
    return packed_b_size(&g) + packed_a_size(&g) + PART_M * at_most(n, BLOCK_N);
}

/* Few rows and a large B: true when it has been done. */
static int multiply_few(const product *g) {
    if (g->b_transposed) return is_across(g) && multiply_across(g);
    if (g->m > FEW_M || (g->add && g->k > FEW_K)) return 0;
    multiply_streamed(g);
    return 1;
}

static void multiply_reals(const product *g) {
    const int by_shards = g->parts && g->parts->shards;
    if (is_narrow(g))
        multiply_narrow(g);
    else if (is_long_row(g) || (by_shards && g->k > BLOCK_K)) /* a block is whole shards */
        multiply_direct(g);
    else if (!is_large(g->m, g->n, g->k))
        multiply_direct(g);
    else if (by_shards || !multiply_few(g))
        if (!multiply_large(g)) multiply_direct(g);
}

/* Bytes of scratch memory that B of bf16 (k, n), or its transpose, wants at most. */
static size_t bf16_scratch(int64_t n, int64_t k) {
    const int64_t small = n <= NARROW_MOST || k <= NARROW_MOST ? n * k : at_most(n * k, PACK_ABOVE);
    const int64_t there = large_most(n, k), back = large_most(k, n), large = there > back ? there : back;
    return (size_t)at_least(pairs_scratch(n, k), at_least(small, large)) * sizeof(real);
}

/* Of numbers of bf16: B is made in its panels or all of it first, in scratch memory that is there. */
static void multiply_bf16(const product *g) {
    if (multiply_pairs(g)) return;
    if (g->b_is == ROUNDED) {
        multiply_reals(g);
        return;
    }
    if (!is_narrow(g) && is_large(g->m, g->n, g->k)) {
        multiply_large(g);
        return;
    }
    product p = *g;
    real *b = fnn_scratch((size_t)(g->n * g->k) * sizeof(real));
    if (g->b_is == HELD)
        widen_bf16(g->b, g->k, 0, g->k, 0, g->n, b, g->n);
    else
        round_to_bf16(g->b, g->n * g->k, b);
    p.b = b, p.b_is = REALS;
    if (is_narrow(&p))
        multiply_narrow(&p);
    else
        multiply_direct(&p);
}

static void multiply(const product *g) {
    if (g->b_is)
        multiply_bf16(g);
    else
        multiply_reals(g);
}

#endif
