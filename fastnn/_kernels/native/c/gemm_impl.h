/* Matrix products: C = start + A @ B, or C += A @ B, for any strides of A and any sizes, by tiles (gemm_tile.h). */
#ifndef FNN_GEMM_IMPL_H
#define FNN_GEMM_IMPL_H

#include "gemm_columns.h"

#define PANEL_K 128                 /* rows of B.T that multiply_transposed makes at a time */
#define ADD_ROWS 64                 /* rows of sums that multiply_transposed_add makes at a time */
#define ROWS_TOGETHER 4             /* of B, that long_row adds to C */
#define NARROW_K 64                 /* rows of A.T that multiply_narrow makes at a time */
#define NARROW_MOST (LANES * 3 / 4) /* columns of C; from there on direct tiles are as good */

/* Of shorter ones a sum in C would wait for the one before it. */
static int is_long_row(const product *g) {
    return g->m == 1 && g->n >= 16 * LANES && !g->b_transposed && !g->add && !g->parts;
}

/* The first columns of a C of at most FLAT_ROWS rows; returns how many were done. */
ALWAYS_INLINE int64_t flat_columns(const product *g, const int rows) {
    int64_t j = 0;
    for (; j + FLAT_VECS * LANES <= g->n; j += FLAT_VECS * LANES) tile(g, 0, j, LANES, rows, FLAT_VECS, 0, STRIDED);
    for (; j + FLAT_VECS / 2 * LANES <= g->n; j += FLAT_VECS / 2 * LANES)
        tile(g, 0, j, LANES, rows, FLAT_VECS / 2, 0, STRIDED);
    return j;
}
#ifdef FREE_MASKS
#define FLAT_CASE(v)                                                                                                   \
    case v:                                                                                                            \
        if (v <= FLAT_VECS) tile(g, 0, j, last, 1, v <= FLAT_VECS ? v : 1, 1, STRIDED);                                \
        break;

/* The last columns of a C of one row, 3 to FLAT_VECS vectors: as one tile, since each reads B from its first row to its
 * last, and waits for every sum. */
static __attribute__((noinline)) void flat_rest(const product *g, int64_t j) {
    const int vecs = (int)((g->n - j + LANES - 1) / LANES), last = (int)(g->n - j) - (vecs - 1) * LANES;
    switch (vecs) {
        FLAT_CASE(3)
        FLAT_CASE(4)
        FLAT_CASE(5)
        FLAT_CASE(6)
        FLAT_CASE(7)
        FLAT_CASE(8)
    }
}
#endif

/* The first columns of a C of one row; returns how many were done. Where its loops stand among the lines of code
 * decides over 5 % of a row: the compiler leaves that to chance. */
static __attribute__((aligned(64))) int64_t flat_one(const product *g) {
    int64_t j = 0;
    for (; j + FLAT_VECS * LANES <= g->n; j += FLAT_VECS * LANES) tile(g, 0, j, LANES, 1, FLAT_VECS, 0, STRIDED);
#ifdef FREE_MASKS
    const int64_t rest = g->n - j;
    if (rest > 2 * LANES && rest != FLAT_VECS / 2 * LANES) {
        flat_rest(g, j);
        return g->n;
    }
#endif
    for (; j + FLAT_VECS / 2 * LANES <= g->n; j += FLAT_VECS / 2 * LANES)
        tile(g, 0, j, LANES, 1, FLAT_VECS / 2, 0, STRIDED);
    return j;
}
static int64_t flat_two(const product *g) { return flat_columns(g, 2); }
static int64_t flat_three(const product *g) { return flat_columns(g, 3); }

/* c (width) += a[0] * b[0] + ... of so many rows of B. */
ALWAYS_INLINE void sum_rows_of_b(const product *g, const real *a, const real *b, int64_t width, const int rows) {
    real *c = g->c;
    const real *row[ROWS_TOGETHER];
    vf number[ROWS_TOGETHER];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) number[r] = vf_set1(a[r * g->a_column]), row[r] = b + r * g->b_row;
    for (int64_t j = 0; j < width; j += LANES) {
        vf sum = vf_load(c + j);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) sum = vf_fma(number[r], vf_load(row[r] + j), sum);
        vf_store(c + j, sum);
    }
}

/* The whole vectors of a C of one long row; returns how many columns were done. Rows of B are read one behind the
 * other, as memory gives them soonest, and sums stand in C meanwhile: weights that no cache holds take half the time
 * that tiles take for them, which read them in columns. */
static int64_t long_row(const product *g) {
    const int64_t width = g->n / LANES * LANES;
    const real *a = g->a, *b = g->b;
    int64_t k = g->k;
    for (int64_t j = 0; j < width; j += LANES) vf_store(g->c + j, g->start ? vf_load(g->start + j) : vf_zero());
    for (; k >= ROWS_TOGETHER; k -= ROWS_TOGETHER, a += ROWS_TOGETHER * g->a_column, b += ROWS_TOGETHER * g->b_row)
        sum_rows_of_b(g, a, b, width, ROWS_TOGETHER);
    for (; k; k--, a += g->a_column, b += g->b_row) sum_rows_of_b(g, a, b, width, 1);
    return width;
}

static void multiply_in_place(const product *g) {
    int64_t j = g->words || (g->parts && (g->parts->a_rows || g->parts->shards)) ? 0
                : is_long_row(g)                                                 ? long_row(g)
                : g->m == 1                                                      ? flat_one(g)
                : g->m == 2                                                      ? flat_two(g)
                : g->m == FLAT_ROWS                                              ? flat_three(g)
                                                                                 : 0;
    if (j == g->n) return; /* else a tile of no columns would be summed */
    product spilling;
    if (g->m > 1 && j == 0 && g->c_row == g->n && !g->add && !(g->start && g->start_row)) {
        spilling = *g, spilling.spills = AHEAD;
        g = &spilling;
    }
    for (int64_t to = (g->n - j - 1) / TILE_WIDTH; to >= 0; to--)
        columns_any(g, j + to * TILE_WIDTH, at_most(g->n - j - to * TILE_WIDTH, TILE_WIDTH));
}

/* Into rows TILE_WIDTH apart, which the compiler makes use of. */
static void transpose_to_tile(int64_t rows, int64_t columns, const real *in, int64_t in_row, real *out) {
    transpose_by_squares(rows, columns, in, in_row, out, TILE_WIDTH);
}

/* B.T is made in panels, PANEL_K rows at a time, that stay in the first-level cache. */
static void multiply_transposed(const product *g) {
    real panel[PANEL_K * TILE_WIDTH];
    for (int64_t j = 0; j < g->n; j += TILE_WIDTH)
        for (int64_t p = 0; p < g->k; p += PANEL_K) {
            const product part = {.m = g->m,
                                  .n = at_most(g->n - j, TILE_WIDTH),
                                  .k = at_most(g->k - p, PANEL_K),
                                  .a = g->a + p * g->a_column,
                                  .a_row = g->a_row,
                                  .a_column = g->a_column,
                                  .b = panel,
                                  .b_row = TILE_WIDTH,
                                  .start = p ? g->c + j : NULL,
                                  .start_row = g->c_row,
                                  .c = g->c + j,
                                  .c_row = g->c_row,
                                  .add = g->add};
            transpose_to_tile(part.n, part.k, g->b + j * g->b_row + p, g->b_row, panel);
            columns_any(&part, 0, part.n);
        }
}

/* c += A @ B.T where k has several panels: the sums are made by themselves first. */
static void multiply_transposed_add(const product *g) {
    real sums[ADD_ROWS * TILE_WIDTH];
    for (int64_t i = 0; i < g->m; i += ADD_ROWS)
        for (int64_t j = 0; j < g->n; j += TILE_WIDTH) {
            product part = *g;
            part.m = at_most(g->m - i, ADD_ROWS), part.n = at_most(g->n - j, TILE_WIDTH);
            part.a += i * g->a_row, part.b += j * g->b_row;
            part.c = sums, part.c_row = TILE_WIDTH, part.add = 0;
            multiply_transposed(&part);
            for (int64_t r = 0; r < part.m; r++)
                for (int64_t s = 0; s < part.n; s++) g->c[(i + r) * g->c_row + j + s] += sums[r * TILE_WIDTH + s];
        }
}

/* Without packing. B.T with start is not needed by anyone. */
static void multiply_direct(const product *g) {
    if (!g->b_transposed) {
        multiply_in_place(g);
    } else if (g->k == 1 && g->b_row == 1) { /* a column lies in memory as a row does */
        product row = *g;
        row.b_transposed = 0;
        multiply_in_place(&row);
    } else if (g->add && g->k > PANEL_K) {
        multiply_transposed_add(g);
    } else {
        multiply_transposed(g);
    }
}

/* Is C better made as its transpose? When A.T has no dense rows, making them must pay too. */
static int is_narrow(const product *g) {
    if (g->start && g->start_row) return 0;
    return g->m >= LANES && (g->a_row == 1 ? g->n <= NARROW_MOST : g->a_column == 1 && g->n <= LANES / 2);
}

/* The segments of a product of one plane when A and B change places. */
static parts turned_parts(const product *g) {
    if (!g->parts) return (parts){0};
    return (parts){.segments = g->parts->segments,
                   .a_segment = g->parts->b_segment,
                   .b_segment = g->parts->a_segment,
                   .shards = g->parts->shards,
                   .n_shards = g->parts->n_shards};
}

/* sums (n, width) = rows of B.T @ A.T for rows [i, i + width) of C. */
static void sum_narrow(const product *g, int64_t i, int64_t width, real *sums) {
    real x[NARROW_K * TILE_WIDTH];
    const parts turned = turned_parts(g);
    const int dense = g->a_row == 1;
    const int64_t step = dense ? g->k : NARROW_K;
    for (int64_t j = 0; g->start && j < g->n; j++)
        for (int64_t r = 0; r < TILE_WIDTH; r += LANES) vf_store(sums + j * TILE_WIDTH + r, vf_set1(g->start[j]));
    for (int64_t p = 0; p < g->k; p += step) {
        const int64_t b_step = g->b_transposed ? 1 : g->b_row; /* from number (p, j) of B to (p + 1, j) */
        const product part = {.m = g->n,
                              .n = width,
                              .k = at_most(g->k - p, step),
                              .a = g->b + p * b_step,
                              .a_row = g->b_transposed ? g->b_row : 1,
                              .a_column = b_step,
                              .b = dense ? g->a + i : x,
                              .b_row = dense ? g->a_column : TILE_WIDTH,
                              .start = p || g->start ? sums : NULL,
                              .start_row = TILE_WIDTH,
                              .c = sums,
                              .c_row = TILE_WIDTH,
                              .spills = ANYWHERE,
                              .parts = g->parts ? &turned : NULL};
        if (!dense) transpose_to_tile(width, part.k, g->a + i * g->a_row + p, g->a_row, x);
        columns_any(&part, 0, width);
    }
}

/* c (width, n) = or += sums (n, width) transposed. */
static void store_narrow(const product *g, const real *sums, int64_t width, real *c) {
    if (g->add)
        for (int64_t r = 0; r < width; r++)
            for (int64_t j = 0; j < g->n; j++) c[r * g->c_row + j] += sums[j * TILE_WIDTH + r];
    else if (g->n == 1 && g->c_row == 1)
        copy_row(sums, width, c);
    else
        transpose(g->n, width, sums, TILE_WIDTH, c, g->c_row);
}

/* One column of C, dense, from columns of A that are dense: a row in all but name. */
static void multiply_column(const product *g) {
    const parts turned = turned_parts(g);
    const product row = {.m = 1,
                         .n = g->m,
                         .k = g->k,
                         .a = g->b,
                         .a_column = g->b_transposed ? 1 : g->b_row,
                         .b = g->a,
                         .b_row = g->a_column,
                         .c = g->c,
                         .add = g->add,
                         .parts = g->parts ? &turned : NULL};
    multiply_in_place(&row);
}

/* C of few columns: lanes run along its rows, so that vectors are full. A that is not dense has one segment. */
static void multiply_narrow(const product *g) {
    real sums[LANES * TILE_WIDTH]; /* NARROW_MOST rows are used */
    if (g->n == 1 && g->c_row == 1 && g->a_row == 1 && !g->start) {
        multiply_column(g);
        return;
    }
    for (int64_t i = 0; i < g->m; i += TILE_WIDTH) {
        const int64_t width = at_most(g->m - i, TILE_WIDTH);
        sum_narrow(g, i, width, sums);
        store_narrow(g, sums, width, g->c + i * g->c_row);
    }
}

/* The sums of up to LANES columns of a (rows, n): rows 0, 4, 8 ..., rows 1, 5 ... apart, because one sum would wait for
 * each addition. */
ALWAYS_INLINE vf sum_of_columns(int64_t rows, int64_t n, const real *a, int width) {
    vf part[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4)
#pragma GCC unroll 4
        for (int q = 0; q < 4; q++) part[q] = vf_add(part[q], load_part(a + (i + q) * n, width < LANES, width));
    for (; i < rows; i++) part[i % 4] = vf_add(part[i % 4], load_part(a + i * n, width < LANES, width));
    return vf_add(vf_add(part[0], part[2]), vf_add(part[1], part[3]));
}

/* sums (n) = or += the sums of the columns of a (rows, n). */
static void sum_columns(int64_t rows, int64_t n, const real *a, real *sums, int add) {
    for (int64_t j = 0; j < n; j += LANES) {
        const int width = (int)at_most(n - j, LANES);
        vf sum = sum_of_columns(rows, n, a + j, width);
        if (add) sum = vf_add(vf_load_n(sums + j, width), sum);
        vf_store_n(sums + j, sum, width);
    }
}

/* sums (n) = the tree of the sums of the shards' columns of a. */
static void sum_columns_of_shards(const fnn_shard *shards, int64_t n_shards, int64_t n, const real *a, real *sums) {
    for (int64_t j = 0; j < n; j += LANES) {
        const int width = (int)at_most(n - j, LANES);
        const real *from = a + j;
        vf kept[SHARDS_KEPT], sum = vf_zero();
        int depth = 0;
        for (int64_t s = 0; s < n_shards; from += shards[s++].rows * n) {
            if (s) kept[depth++] = sum;
            sum = sum_of_columns(shards[s].rows, n, from, width);
            for (int64_t adds = shards[s].adds; adds; adds--) sum = vf_add(kept[--depth], sum);
        }
        vf_store_n(sums + j, sum, width);
    }
}

#endif
