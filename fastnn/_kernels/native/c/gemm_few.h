/* Products of few rows of A with a large B: numbers of B are used so few times that it is read once, as memory gives
 * it. Rows of B.T are copied into a panel first: a power of two apart, they would push each other out of the cache. */
#ifndef FNN_GEMM_FEW_H
#define FNN_GEMM_FEW_H

#include "gemm_blocks.h"
#include "scratch.h"

#define FEW_M (4 * TILE_ROWS) /* rows of A that do not repay the panels of large products */
#define FEW_K 128             /* numbers of k that are summed at a time */
#define ACROSS_ROWS 24        /* rows of B.T that stand in a panel */

/* B as it is, straight from memory; tiles ask for the next one's columns. */
static void multiply_streamed(const product *g) {
    for (int64_t p = 0; p < g->k; p += FEW_K) {
        product part = *g;
        part.k = at_most(g->k - p, FEW_K);
        part.a += p * g->a_column;
        part.b += p * g->b_row;
        if (p) part.start = g->c, part.start_row = g->c_row;
        int64_t j = 0;
        for (; j + TILE_WIDTH <= g->n; j += TILE_WIDTH) columns_ahead(&part, j);
        if (j < g->n) columns_any(&part, j, g->n - j);
    }
}

/* A panel of rows of B.T, (rows, FEW_K); what follows in each is on its way meanwhile. */
static void copy_rows(const real *b, int64_t b_row, int64_t rows, int64_t k, real *panel) {
    for (int64_t r = 0; r < rows; r++, b += b_row, panel += FEW_K)
        for (int64_t p = 0; p < k; p += LANES) {
            vf_store(panel + p, vec_load(b + p, (int)at_most(k - p, LANES)));
            __builtin_prefetch(b + p + FEW_K);
        }
}

/* sums (rows of B.T, m) = those rows @ A.T, of which each row is in a vector of x, or a few. */
static void sum_across(const product *g, const real *x, int64_t j, int64_t rows, real *sums) {
    const int64_t across = rounded_up(g->m, LANES);
    real panel[ACROSS_ROWS * FEW_K];
    for (int64_t p = 0; p < g->k; p += FEW_K) {
        const product part = {.m = rows,
                              .n = g->m,
                              .k = at_most(g->k - p, FEW_K),
                              .a = panel,
                              .a_row = FEW_K,
                              .a_column = 1,
                              .b = x + p * across,
                              .b_row = across,
                              .start = p ? sums : NULL,
                              .start_row = TILE_WIDTH,
                              .c = sums,
                              .c_row = TILE_WIDTH,
                              .spills = ANYWHERE};
        copy_rows(g->b + j * g->b_row + p, g->b_row, rows, part.k, panel);
        columns_any(&part, 0, part.n);
    }
}

/* Rows of A that fill three quarters of their vectors; for fewer, turning B costs less. */
static int is_across(const product *g) {
    return g->m <= TILE_WIDTH && 4 * g->m >= 3 * rounded_up(g->m, LANES) && g->a_column == 1 && !g->start;
}

/* Such rows, and B.T: C is made as its transpose, so that B need not be turned, of which there is
 * more. False when there is no memory for that. */
static int multiply_across(const product *g) {
    const int64_t across = rounded_up(g->m, LANES);
    real *x = fnn_scratch((size_t)(g->k * across) * sizeof(real)), sums[ACROSS_ROWS * TILE_WIDTH];
    if (!x) return 0;
    transpose(g->m, g->k, g->a, g->a_row, x, across);
    for (int64_t j = 0; j < g->n; j += ACROSS_ROWS) {
        const int64_t rows = at_most(g->n - j, ACROSS_ROWS);
        sum_across(g, x, j, rows, sums);
        if (g->add)
            for (int64_t i = 0; i < g->m; i++)
                for (int64_t r = 0; r < rows; r++) g->c[i * g->c_row + j + r] += sums[r * TILE_WIDTH + i];
        else
            transpose(rows, g->m, sums, TILE_WIDTH, g->c + j, g->c_row);
    }
    return 1;
}

#endif
