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

#include "scratch.h"
#include "transpose.h"

#define TILE_WIDTH (TILE_VECS * LANES)
#define PACK_ABOVE 3000000 /* m * n * k; below, all operands stay in the second-level cache */
#define PACK_A_ABOVE 512   /* n; below, packing rows of A costs more than it saves */
#define BLOCK_K 384
#define BLOCK_M (TILE_ROWS * (1920 / (TILE_ROWS * REAL_BYTES)))
#define BLOCK_N (12288 / REAL_BYTES)

typedef struct {
    int64_t m, n, k;
    const real *a; /* number (i, p) at i * a_row + p * a_column */
    int64_t a_row, a_column;
    const real *b; /* (k, n), dense rows b_row apart */
    int64_t b_row;
    int b_transposed;  /* b is (n, k) instead; for multiply_packed alone */
    const real *start; /* (m, n) with dense rows start_row apart (0: one row for all), or NULL for zeros */
    int64_t start_row;
    real *c; /* (m, n), dense rows c_row apart */
    int64_t c_row;
    int add; /* the sum is made by itself and then added to c */
} product;

INLINE vf load_part(const real *p, int ragged, int n) { return ragged ? vf_load_n(p, n) : vf_load(p); }
INLINE void store_part(real *p, vf a, int ragged, int n) {
    if (ragged)
        vf_store_n(p, a, n);
    else
        vf_store(p, a);
}

/* A tile at (i, j) of C. rows, vecs, ragged (the last vector holds only `last` numbers) and packed (a_row is 1) are
 * constants after inlining. */
INLINE void tile(const product *g, int64_t i, int64_t j, int last, const int rows, const int vecs, const int ragged,
                 const int packed) {
    const int64_t a_row = packed ? 1 : g->a_row, a_column = g->a_column, b_row = g->b_row;
    const real *a = g->a + i * a_row, *b = g->b + j;
    vf sum[TILE_ROWS][TILE_VECS];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) sum[r][v] = vf_zero();
    if (g->start) {
        const real *start = g->start + i * g->start_row + j;
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++)
                sum[r][v] = load_part(start + r * g->start_row + v * LANES, ragged && v == vecs - 1, last);
    }
    for (int64_t p = g->k; p; p--, a += a_column, b += b_row) {
        vf row[TILE_VECS];
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) row[v] = load_part(b + v * LANES, ragged && v == vecs - 1, last);
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            vf number = vf_set1(a[r * a_row]);
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++) sum[r][v] = vf_fma(number, row[v], sum[r][v]);
        }
    }
    real *c = g->c + i * g->c_row + j;
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++) {
            real *place = c + r * g->c_row + v * LANES;
            const int part = ragged && v == vecs - 1;
            vf old = vf_zero();
            if (g->add) old = load_part(place, part, last);
            store_part(place, g->add ? vf_add(old, sum[r][v]) : sum[r][v], part, last);
        }
}

#define TILE_CASE(r)                                                                                                   \
    case r: tile(g, i, j, last, r <= TILE_ROWS ? r : 1, vecs, ragged, packed); break;

/* All rows of C in columns [j, j + width of the tile). */
INLINE void columns(const product *g, int64_t j, int last, const int vecs, const int ragged, const int packed) {
    for (int64_t i = 0; i < g->m; i += TILE_ROWS) {
        switch (g->m - i < TILE_ROWS ? g->m - i : TILE_ROWS) {
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
    }
}

/* The first vecs - 1 vectors of a ragged tile are whole; its last holds `last` numbers, 1 to LANES. */
static void columns_full(const product *g, int64_t j) { columns(g, j, LANES, TILE_VECS, 0, 0); }
static void columns_two(const product *g, int64_t j, int last) { columns(g, j, last, 2, 1, 0); }
static void columns_one(const product *g, int64_t j, int last) { columns(g, j, last, 1, 1, 0); }
static void packed_full(const product *g, int64_t j) { columns(g, j, LANES, TILE_VECS, 0, 1); }
static void packed_two(const product *g, int64_t j, int last) { columns(g, j, last, 2, 1, 1); }
static void packed_one(const product *g, int64_t j, int last) { columns(g, j, last, 1, 1, 1); }

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
    } else {
        if (packed)
            packed_one(g, j, (int)width);
        else
            columns_one(g, j, (int)width);
    }
}

static int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

INLINE void copy_row(const real *from, int64_t n, real *to) {
    int64_t j = 0;
    for (; j <= n - LANES; j += LANES) vf_store(to + j, vf_load(from + j));
    if (j < n) vf_store_n(to + j, vf_load_n(from + j, (int)(n - j)), (int)(n - j));
}

static void multiply_direct(const product *g) {
    for (int64_t j = 0; j < g->n; j += TILE_WIDTH) columns_any(g, j, at_most(g->n - j, TILE_WIDTH));
}

/* Panels of TILE_WIDTH columns of B, each (k, TILE_WIDTH); the last is left ragged. */
static void pack_b(const product *g, int64_t first_k, int64_t k, int64_t first_n, int64_t n, real *to) {
    for (int64_t j = 0; j < n; j += TILE_WIDTH, to += k * TILE_WIDTH) {
        const int64_t width = at_most(n - j, TILE_WIDTH), column = first_n + j;
        if (g->b_transposed) {
            transpose(width, k, g->b + column * g->b_row + first_k, g->b_row, to, TILE_WIDTH);
            continue;
        }
        const real *from = g->b + first_k * g->b_row + column;
        for (int64_t p = 0; p < k; p++) copy_row(from + p * g->b_row, width, to + p * TILE_WIDTH);
    }
}

/* Panels of TILE_ROWS rows of A, each (k, TILE_ROWS); the last is left ragged. */
static void pack_a(const product *g, int64_t first_k, int64_t k, int64_t first_m, int64_t m, real *to) {
    for (int64_t i = 0; i < m; i += TILE_ROWS) {
        const real *from = g->a + (first_m + i) * g->a_row + first_k * g->a_column;
        const int64_t rows = at_most(m - i, TILE_ROWS);
        for (int64_t p = 0; p < k; p++, from += g->a_column, to += TILE_ROWS)
            for (int64_t r = 0; r < rows; r++) to[r] = from[r * g->a_row];
    }
}

/* Rows [i0, i0 + m) of C with a packed block of B: (k, n) from (p0, j0). */
static void multiply_block(const product *g, const real *packed_b, real *packed_a, int64_t i0, int64_t m, int64_t j0,
                           int64_t n, int64_t p0, int64_t k) {
    const int pack = g->a_column != 1 || g->n > PACK_A_ABOVE;
    if (pack) pack_a(g, p0, k, i0, m, packed_a);
    const int64_t step = pack ? TILE_ROWS : m;
    for (int64_t j = 0; j < n; j += TILE_WIDTH)
        for (int64_t i = 0; i < m; i += step) {
            real *c = g->c + (i0 + i) * g->c_row + j0 + j;
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
                            .add = g->add};
            columns_any(&part, 0, part.n);
        }
}

static int64_t rounded_up(int64_t a, int64_t to) { return (a + to - 1) / to * to; }

/* Numbers of packed B, then of packed A. */
static int64_t packed_b_size(const product *g) {
    return rounded_up(at_most(g->n, BLOCK_N), TILE_WIDTH) * at_most(g->k, BLOCK_K);
}
static int64_t packed_a_size(const product *g) {
    return rounded_up(at_most(g->m, BLOCK_M), TILE_ROWS) * at_most(g->k, BLOCK_K);
}

/* The five loops of Goto and van de Geijn 2008, "Anatomy of high-performance matrix multiplication". */
static void multiply_packed(const product *g, real *memory) {
    real *packed_a = memory + packed_b_size(g);
    for (int64_t j = 0; j < g->n; j += BLOCK_N)
        for (int64_t p = 0; p < g->k; p += BLOCK_K) {
            const int64_t n = at_most(g->n - j, BLOCK_N), k = at_most(g->k - p, BLOCK_K);
            pack_b(g, p, k, j, n, memory);
            for (int64_t i = 0; i < g->m; i += BLOCK_M)
                multiply_block(g, memory, packed_a, i, at_most(g->m - i, BLOCK_M), j, n, p, k);
        }
}

/* c += sum where k has several blocks: parts of the sum are made in memory of their own. */
static void multiply_packed_add(const product *g, real *memory) {
    for (int64_t i = 0; i < g->m; i += BLOCK_M)
        for (int64_t j = 0; j < g->n; j += BLOCK_N) {
            product part = *g;
            part.m = at_most(g->m - i, BLOCK_M);
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
    const int64_t part = in_parts ? at_most(g->m, BLOCK_M) * at_most(g->n, BLOCK_N) : 0;
    real *memory = fnn_scratch((size_t)(part + packed_b_size(g) + packed_a_size(g)) * sizeof(real));
    if (!memory) return 0;
    if (in_parts)
        multiply_packed_add(g, memory);
    else
        multiply_packed(g, memory);
    return 1;
}

/* Not for b_transposed. */
static void multiply(const product *g) {
    if (!is_large(g->m, g->n, g->k) || !multiply_large(g)) multiply_direct(g);
}

/* sums (n) = or += the sums of the columns of a (rows, n), from the first row on. */
static void sum_columns(int64_t rows, int64_t n, const real *a, real *sums, int add) {
    for (int64_t j = 0; j < n; j += LANES) {
        const int width = (int)at_most(n - j, LANES);
        vf sum = vf_zero();
        for (int64_t i = 0; i < rows; i++)
            sum = vf_add(sum, width == LANES ? vf_load(a + i * n + j) : vf_load_n(a + i * n + j, width));
        if (add) sum = vf_add(vf_load_n(sums + j, width), sum);
        vf_store_n(sums + j, sum, width);
    }
}

#endif
