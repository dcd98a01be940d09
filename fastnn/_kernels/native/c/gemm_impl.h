/* Matrix products: C = start + A @ B, or C += A @ B, for any strides of A and any sizes.
 *
 * One microkernel broadcasts numbers of A and multiplies rows of B by them, into a tile of C that stays in registers.
 * Every number of C sums over k in order with vf_fma, from its start; so its bits do not depend on the tile, on
 * packing, on blocks of k (the tile goes on from what it stored) or on how callers cut the rows.
 *
 * An ISA sets TILE_ROWS and TILE_VECS so that the tile, a row of B and one number of A fill its registers.
 *
 * Design: one microkernel for x @ W, x.T @ dz and dz @ W.T, by strides of A. Kernels that sum along a vector (rejected)
 * would be faster for an output of width 1 but round otherwise on each ISA. */
#ifndef FNN_GEMM_IMPL_H
#define FNN_GEMM_IMPL_H

#include <stddef.h>

#include "transpose.h"
#include "vec_rows.h"

#define TILE_WIDTH (TILE_VECS * LANES)
#define FLAT_ROWS 3 /* so few rows have wider tiles, to keep enough sums on their way */
#define FLAT_VECS (TILE_ROWS * TILE_VECS / FLAT_ROWS)
#define TALL_ROWS (2 * TILE_ROWS)   /* of tiles one vector wide, likewise */
#define PANEL_K 128                 /* rows of B.T that multiply_transposed makes at a time */
#define ADD_ROWS 64                 /* rows of sums that multiply_transposed_add makes at a time */
#define NARROW_K 64                 /* rows of A.T that multiply_narrow makes at a time */
#define NARROW_MOST (LANES * 3 / 4) /* columns of C; from there on direct tiles are as good */

typedef struct {
    int64_t m, n, k;
    const real *a; /* number (i, p) at i * a_row + p * a_column */
    int64_t a_row, a_column;
    const real *b; /* (k, n), dense rows b_row apart */
    int64_t b_row;
    int b_transposed;  /* b is (n, k) instead, dense rows b_row apart */
    const real *start; /* (m, n) with dense rows start_row apart (0: one row for all), or NULL for zeros */
    int64_t start_row;
    real *c; /* (m, n), dense rows c_row apart */
    int64_t c_row;
    int add;    /* the sum is made by itself and then added to c */
    int spills; /* set by multiply_in_place: rows of C follow each other, and nothing is read from them */
    /* The sum goes over so many segments, of k numbers each, that begin at these distances; 0: there is one. */
    int64_t segments, a_segment, b_segment;
} product;

static int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

INLINE vf load_part(const real *p, int ragged, int n) { return ragged ? vf_load_n(p, n) : vf_load(p); }
INLINE void store_part(real *p, vf a, int ragged, int n) {
    if (ragged)
        vf_store_n(p, a, n);
    else
        vf_store(p, a);
}

enum { STRIDED, PACKED, STREAMED }; /* A of any strides; a_row is 1; B comes from memory */

/* How many rows of a ragged tile are stored with whole vectors: they spill into the next rows, which are written later,
 * since multiply_in_place goes from the last columns to the first. Masked stores of AVX2 take AMD's processors ten
 * times as long as others. */
INLINE int64_t rows_that_spill(const product *g, int64_t i, int64_t j, const int vecs) {
    if (!g->spills) return 0;
    const int64_t numbers = (g->m - i) * g->n - j - vecs * LANES; /* behind the first row's vectors */
    return numbers < 0 ? 0 : numbers / g->n + 1;
}

/* A tile at (i, j) of C. rows, vecs, ragged (the last vector holds only `last` numbers) and from (where A and B come
 * from) are constants after inlining. */
INLINE void tile(const product *g, int64_t i, int64_t j, int last, const int rows, const int vecs, const int ragged,
                 const int from) {
    const int64_t a_row = from == PACKED ? 1 : g->a_row, a_column = g->a_column, b_row = g->b_row;
    const real *a = g->a + i * a_row, *b = g->b + j;
    vf sum[TALL_ROWS][FLAT_VECS];
#pragma GCC unroll 24
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++) sum[r][v] = vf_zero();
    if (g->start) {
        const real *start = g->start + i * g->start_row + j;
#pragma GCC unroll 24
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
            for (int v = 0; v < vecs; v++)
                sum[r][v] = load_part(start + r * g->start_row + v * LANES, ragged && v == vecs - 1, last);
    }
    int64_t segment = g->segments;
    do {
        for (int64_t p = g->k; p; p--, a += a_column, b += b_row) {
            vf row[FLAT_VECS];
#pragma GCC unroll 8
            for (int v = 0; v < vecs; v++) row[v] = load_part(b + v * LANES, ragged && v == vecs - 1, last);
#pragma GCC unroll 24
            for (int r = 0; r < rows; r++) {
                vf number = vf_set1(a[r * a_row]);
#pragma GCC unroll 8
                for (int v = 0; v < vecs; v++) sum[r][v] = vf_fma(number, row[v], sum[r][v]);
            }
            if (from == STREAMED) /* the next tile's columns; hardware does not see rows that are far apart */
#pragma GCC unroll 8
                for (int v = 0; v < vecs; v++) __builtin_prefetch(b + TILE_WIDTH + v * LANES);
        }
        a += g->a_segment - g->k * a_column, b += g->b_segment - g->k * b_row;
    } while (--segment > 0);
    real *c = g->c + i * g->c_row + j;
    const int64_t c_row = g->c_row, spilling = ragged ? rows_that_spill(g, i, j, vecs) : 0;
    const int add = g->add;
#pragma GCC unroll 24
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++) {
            real *place = c + r * c_row + v * LANES;
            const int part = ragged && v == vecs - 1 && r >= spilling;
            vf old = vf_zero();
            if (add) old = load_part(place, part, last);
            store_part(place, add ? vf_add(old, sum[r][v]) : sum[r][v], part, last);
        }
}

#define TILE_CASE(r)                                                                                                   \
    case r: tile(g, i, j, last, r <= TILE_ROWS ? r : 1, vecs, ragged, from); break;

/* All rows of C in columns [j, j + width of the tile), in tiles of nearly the same height: the sums of a low one would
 * wait for each other. */
INLINE void columns(const product *g, int64_t j, int last, const int vecs, const int ragged, const int from) {
    const uint32_t m = (uint32_t)g->m, tiles = (m + TILE_ROWS - 1) / TILE_ROWS;
    const uint32_t low = tiles > 1 ? m / tiles : m, high = tiles > 1 ? m % tiles : 0;
    int64_t i = 0;
    for (uint32_t t = 0; t < tiles; t++) {
        const uint32_t rows = low + (t < high);
        switch (rows) {
            TILE_CASE(1)
            TILE_CASE(2)
            TILE_CASE(3)
            TILE_CASE(4)
            TILE_CASE(5)
            TILE_CASE(6)
            TILE_CASE(7)
            TILE_CASE(8)
            TILE_CASE(9)
            TILE_CASE(10)
            TILE_CASE(11)
            TILE_CASE(12)
        }
        i += rows;
    }
}

/* The first vecs - 1 vectors of a ragged tile are whole; its last holds `last` numbers, 1 to LANES. */
static void columns_full(const product *g, int64_t j) { columns(g, j, LANES, TILE_VECS, 0, STRIDED); }
static void columns_two(const product *g, int64_t j, int last) { columns(g, j, last, 2, 1, STRIDED); }
static void columns_one(const product *g, int64_t j, int last) { columns(g, j, last, 1, 1, STRIDED); }
static void streamed_full(const product *g, int64_t j) { columns(g, j, LANES, TILE_VECS, 0, STREAMED); }
static void packed_full(const product *g, int64_t j) { columns(g, j, LANES, TILE_VECS, 0, PACKED); }
static void packed_two(const product *g, int64_t j, int last) { columns(g, j, last, 2, 1, PACKED); }
static void packed_one(const product *g, int64_t j, int last) { columns(g, j, last, 1, 1, PACKED); }

/* Rows of up to LANES columns from j on, as many as fill tall tiles; returns how many were done. */
INLINE int64_t tall_rows(const product *g, int64_t j, int last, const int from) {
    int64_t i = 0;
    for (; i + TALL_ROWS <= g->m; i += TALL_ROWS) tile(g, i, j, last, TALL_ROWS, 1, 1, from);
    return i;
}
static int64_t tall_strided(const product *g, int64_t j, int last) { return tall_rows(g, j, last, STRIDED); }
static int64_t tall_packed(const product *g, int64_t j, int last) { return tall_rows(g, j, last, PACKED); }

/* The product without its first rows. */
static product rows_below(const product *g, int64_t i) {
    product rest = *g;
    rest.m -= i, rest.a += i * g->a_row, rest.c += i * g->c_row;
    if (g->start) rest.start += i * g->start_row;
    return rest;
}

/* Up to TILE_WIDTH columns from j on. */
static void columns_any(const product *g, int64_t j, int64_t width) {
    const int packed = g->a_row == 1;
    if (width == TILE_WIDTH) {
        if (packed)
            packed_full(g, j);
        else
            columns_full(g, j);
    } else if (width > LANES) {
        if (packed)
            packed_two(g, j, (int)(width - LANES));
        else
            columns_two(g, j, (int)(width - LANES));
    } else if (g->m >= TALL_ROWS) {
        const int64_t done = packed ? tall_packed(g, j, (int)width) : tall_strided(g, j, (int)width);
        const product rest = rows_below(g, done);
        if (packed)
            packed_one(&rest, j, (int)width);
        else
            columns_one(&rest, j, (int)width);
    } else if (packed) {
        packed_one(g, j, (int)width);
    } else {
        columns_one(g, j, (int)width);
    }
}

/* The first columns of a C of at most FLAT_ROWS rows; returns how many were done. */
INLINE int64_t flat_columns(const product *g, const int rows) {
    int64_t j = 0;
    for (; j + FLAT_VECS * LANES <= g->n; j += FLAT_VECS * LANES) tile(g, 0, j, LANES, rows, FLAT_VECS, 0, STRIDED);
    for (; j + FLAT_VECS / 2 * LANES <= g->n; j += FLAT_VECS / 2 * LANES)
        tile(g, 0, j, LANES, rows, FLAT_VECS / 2, 0, STRIDED);
    return j;
}
static int64_t flat_one(const product *g) { return flat_columns(g, 1); }
static int64_t flat_two(const product *g) { return flat_columns(g, 2); }
static int64_t flat_three(const product *g) { return flat_columns(g, 3); }

static void multiply_in_place(const product *g) {
    int64_t j = g->m == 1 ? flat_one(g) : g->m == 2 ? flat_two(g) : g->m == FLAT_ROWS ? flat_three(g) : 0;
    product p = *g;
    p.spills = j == 0 && g->c_row == g->n && !g->add && !(g->start && g->start_row);
    for (int64_t to = (g->n - j - 1) / TILE_WIDTH; to >= 0; to--)
        columns_any(&p, j + to * TILE_WIDTH, at_most(g->n - j - to * TILE_WIDTH, TILE_WIDTH));
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
            transpose(part.n, part.k, g->b + j * g->b_row + p, g->b_row, panel, TILE_WIDTH);
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
    product part = *g;
    if (g->k == 1 && g->b_row == 1) part.b_transposed = 0; /* a column lies in memory as a row does */
    if (part.b_transposed && part.add && part.k > PANEL_K)
        multiply_transposed_add(&part);
    else if (part.b_transposed)
        multiply_transposed(&part);
    else
        multiply_in_place(&part);
}

/* Is C better made as its transpose? When A.T has no dense rows, making them must pay too. */
static int is_narrow(const product *g) {
    if (g->start && g->start_row) return 0;
    return g->m >= LANES && (g->a_row == 1 ? g->n <= NARROW_MOST : g->a_column == 1 && g->n <= LANES / 2);
}

/* sums (n, width) = rows of B.T @ A.T for rows [i, i + width) of C. */
static void sum_narrow(const product *g, int64_t i, int64_t width, real *sums) {
    real x[NARROW_K * TILE_WIDTH];
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
                              .c_row = TILE_WIDTH};
        if (!dense) transpose(width, part.k, g->a + i * g->a_row + p, g->a_row, x, TILE_WIDTH);
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
    const product row = {.m = 1,
                         .n = g->m,
                         .k = g->k,
                         .a = g->b,
                         .a_column = g->b_transposed ? 1 : g->b_row,
                         .b = g->a,
                         .b_row = g->a_column,
                         .c = g->c,
                         .add = g->add};
    multiply_in_place(&row);
}

/* C of few columns: lanes run along its rows, so that vectors are full. */
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

/* sums (n) = or += the sums of the columns of a (rows, n): rows 0, 4, 8 ..., rows 1, 5 ... apart, because one sum would
 * wait for each addition. */
static void sum_columns(int64_t rows, int64_t n, const real *a, real *sums, int add) {
    for (int64_t j = 0; j < n; j += LANES) {
        const int width = (int)at_most(n - j, LANES);
        vf part[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
        int64_t i = 0;
        for (; i + 4 <= rows; i += 4)
#pragma GCC unroll 4
            for (int q = 0; q < 4; q++) part[q] = vf_add(part[q], load_part(a + (i + q) * n + j, width < LANES, width));
        for (; i < rows; i++) part[i % 4] = vf_add(part[i % 4], load_part(a + i * n + j, width < LANES, width));
        vf sum = vf_add(vf_add(part[0], part[2]), vf_add(part[1], part[3]));
        if (add) sum = vf_add(vf_load_n(sums + j, width), sum);
        vf_store_n(sums + j, sum, width);
    }
}

#endif
