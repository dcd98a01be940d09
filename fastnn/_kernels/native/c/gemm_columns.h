/* All rows of C in the columns of a tile: which tiles they are made of, for each place that A may come from. */
#ifndef FNN_GEMM_COLUMNS_H
#define FNN_GEMM_COLUMNS_H

#include "gemm_tile.h"

/* The most rows of a tile; so many sums at least are on their way when each is of one vector. */
ALWAYS_INLINE int most_rows(const int vecs, const int ragged, const int from) {
    const int scattered = ragged && !(from & WORDS) ? SCATTERED_ROWS : SCATTERED_WHOLE;
    if ((from & FROM) != SCATTERED) return TILE_ROWS;
    return vecs == 1 || TILE_ROWS > scattered ? scattered : TILE_ROWS;
}

#define TILE_CASE(r)                                                                                                   \
    case r:                                                                                                            \
        if (r <= most) tile_at(g, &at, i, j, last, r <= most ? r : 1, vecs, ragged, from);                             \
        break;

#define LEAST_EVEN 7 /* rows, of even_one */
#define EVEN_CASE(r)                                                                                                   \
    case r: tile_at(g, &at, i, j, LANES, r, 1, 0, EVEN); break;

/* All rows of C in columns [j, j + width of the tile), in tiles of nearly the same height: the sums of a low one would
 * wait for each other. */
ALWAYS_INLINE void columns(const product *g, real *room, int64_t j, int last, const int vecs, const int ragged,
                           const int from) {
    const int most = most_rows(vecs, ragged, from);
    const uint32_t m = (uint32_t)g->m, tiles = (m + (uint32_t)most - 1) / (uint32_t)most;
    const uint32_t low = tiles > 1 ? m / tiles : m, high = tiles > 1 ? m % tiles : 0;
    corner at = corner_at(g, room, 0, j, from);
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
        go_below(&at, rows, from);
        i += rows;
    }
}

/* The product without its first rows. */
static product rows_below(const product *g, int64_t i) {
    product rest = *g;
    rest.m -= i, rest.a += i * g->a_row, rest.c += i * g->c_row;
    if (g->start) rest.start += i * g->start_row;
    return rest;
}

/* Rows of up to LANES columns from j on, as many as fill tiles of so many; returns how many were done. */
ALWAYS_INLINE int64_t tall_rows(const product *g, real *room, int64_t j, int last, const int rows, const int ragged,
                                const int from) {
    int64_t i = 0;
    corner at = corner_at(g, room, 0, j, from);
    for (; i + rows <= g->m; i += rows, go_below(&at, rows, from)) tile_at(g, &at, i, j, last, rows, 1, ragged, from);
    return i;
}

/* Up to LANES columns from j on. */
ALWAYS_INLINE void one_vector(const product *g, real *room, int64_t j, int last, const int ragged, const int from) {
    product rest;
    const int tall = from == STRIDED && !ragged ? STRIDED_ROWS : TALL_ROWS;
    if (from != SCATTERED && tall > TILE_ROWS && g->m >= tall) { /* scattered ones are as tall as they can be */
        rest = rows_below(g, tall_rows(g, room, j, last, tall, ragged, from));
        g = &rest;
    }
    columns(g, room, j, last, 1, ragged, from);
}

/* Up to TILE_WIDTH columns from j on; one for each place that A may come from. The first vectors of a ragged tile are
 * whole; its last holds 1 to LANES numbers. */
#define COLUMNS_FROM(name, from)                                                                                       \
    static void name##_full(const product *g, real *room, int64_t j) {                                                 \
        columns(g, room, j, LANES, TILE_VECS, 0, from);                                                                \
    }                                                                                                                  \
    static void name##_two(const product *g, real *room, int64_t j, int last) {                                        \
        columns(g, room, j, last, 2, 1, from);                                                                         \
    }                                                                                                                  \
    static void name##_one(const product *g, real *room, int64_t j) { one_vector(g, room, j, LANES, 0, from); }        \
    static void name##_part(const product *g, real *room, int64_t j, int last) {                                       \
        one_vector(g, room, j, last, 1, from);                                                                         \
    }                                                                                                                  \
    static void name##_columns(const product *g, real *room, int64_t j, int64_t width) {                               \
        if (width == TILE_WIDTH)                                                                                       \
            name##_full(g, room, j);                                                                                   \
        else if (width > LANES)                                                                                        \
            name##_two(g, room, j, (int)(width - LANES));                                                              \
        else if (width == LANES)                                                                                       \
            name##_one(g, room, j);                                                                                    \
        else                                                                                                           \
            name##_part(g, room, j, (int)width);                                                                       \
    }
#ifdef EVEN_ROWS
/* LANES columns from j on of rows of A that begin anywhere, but line by line the same distance apart: each tile is of
 * one line. False where lines are too short: their sums would wait for each other. */
static int even_one(const product *g, real *room, int64_t j) {
    const int64_t line = g->parts->line, tiles = (line + EVEN_ROWS - 1) / EVEN_ROWS;
    if (line < LEAST_EVEN || line < LEAST_EVEN * tiles) return 0;
    const int64_t low = line / tiles, high = line % tiles;
    corner at = corner_at(g, room, 0, j, EVEN);
    for (int64_t i = 0, t = 0; i < g->m; t = t + 1 < tiles ? t + 1 : 0) {
        const int64_t rows = low + (t < high);
        switch (rows) {
            EVEN_CASE(7)
            EVEN_CASE(8)
            EVEN_CASE(9)
            EVEN_CASE(10)
            EVEN_CASE(11)
            EVEN_CASE(12)
        }
        go_below(&at, rows, EVEN);
        i += rows;
    }
    return 1;
}
#else
static int even_one(const product *g, real *room, int64_t j) { return (void)g, (void)room, (void)j, 0; }
#endif

COLUMNS_FROM(strided, STRIDED)
COLUMNS_FROM(scattered, SCATTERED)
/* Where a_row is 1 whole vectors have code of their own: blocks of large products pass their time in those of two, and
 * single ones are taller. */
#ifdef ONE_SET_OF_TILES /* an instruction set of few machines has one for A of any strides alone */
#define packed_full strided_full
#define packed_one strided_one
#define streamed_full strided_full
#else
static void packed_full(const product *g, real *room, int64_t j) { columns(g, room, j, LANES, TILE_VECS, 0, PACKED); }
static void packed_one(const product *g, real *room, int64_t j) { one_vector(g, room, j, LANES, 0, PACKED); }
static void streamed_full(const product *g, real *room, int64_t j) {
    columns(g, room, j, LANES, TILE_VECS, 0, STREAMED);
}
#endif
static void packed_columns(const product *g, real *room, int64_t j, int64_t width) {
    if (width == TILE_WIDTH)
        packed_full(g, room, j);
    else if (width == LANES)
        packed_one(g, room, j);
    else
        strided_columns(g, room, j, width);
}

#ifdef HAS_PAIRS
/* One text for whole and for ragged tiles, by masks, which cost AVX-512 next to nothing; but whole ones of dense layers
 * have their own. */
static void words_full(const product *g, real *room, int64_t j) {
    columns(g, room, j, LANES, TILE_VECS, 0, PACKED | WORDS);
}
static void words_two(const product *g, real *room, int64_t j, int last) {
    columns(g, room, j, last, 2, 1, PACKED | WORDS);
}
static void words_part(const product *g, real *room, int64_t j, int last) {
    columns(g, room, j, last, 1, 1, PACKED | WORDS);
}
static void scattered_words_two(const product *g, real *room, int64_t j, int last) {
    columns(g, room, j, last, 2, 1, SCATTERED | WORDS);
}
static void scattered_words_part(const product *g, real *room, int64_t j, int last) {
    columns(g, room, j, last, 1, 1, SCATTERED | WORDS);
}
static void words_columns(const product *g, real *room, int64_t j, int64_t width) {
    const int scattered = g->parts && g->parts->a_rows, last = (int)(width > LANES ? width - LANES : width);
    if (scattered)
        (width > LANES ? scattered_words_two : scattered_words_part)(g, room, j, last);
    else if (width == TILE_WIDTH)
        words_full(g, room, j);
    else
        (width > LANES ? words_two : words_part)(g, room, j, last);
}
#endif

/* Sums by shards: the last columns go in single vectors, from the last to the first as all columns do; tiles of two
 * would make the code of shards half as large again. */
static void sharded_full(const product *g, real *room, int64_t j) { columns(g, room, j, LANES, TILE_VECS, 0, SHARDED); }
static void sharded_part(const product *g, real *room, int64_t j, int last) {
    columns(g, room, j, last, 1, 1, SHARDED);
}
static void sharded_columns(const product *g, real *room, int64_t j, int64_t width) {
    if (width == TILE_WIDTH)
        sharded_full(g, room, j);
    else
        for (int64_t v = (width - 1) / LANES * LANES; v >= 0; v -= LANES)
            sharded_part(g, room, j + v, (int)at_most(width - v, LANES));
}

/* Up to TILE_WIDTH columns from j on.
 *
 * Design: the room for a tile's sums is made here. In a function of tiles it would lie between what that keeps in
 * memory and where it is counted from, and each of these instructions would be three bytes longer. */
static void columns_any(const product *g, int64_t j, int64_t width) {
    real room[MOST_TILE * LANES] __attribute__((aligned(VEC_BYTES)));
#ifdef HAS_PAIRS
    if (g->words) {
        words_columns(g, room, j, width);
        return;
    }
#endif
    if (g->parts && g->parts->a_rows) {
        if (width != LANES || !even_one(g, room, j)) scattered_columns(g, room, j, width);
    } else if (g->parts && g->parts->shards)
        sharded_columns(g, room, j, width);
    else if (g->a_row == 1)
        packed_columns(g, room, j, width);
    else
        strided_columns(g, room, j, width);
}

/* The same of TILE_WIDTH columns of a B in memory. */
static void columns_ahead(const product *g, int64_t j) {
    real room[MOST_TILE * LANES] __attribute__((aligned(VEC_BYTES)));
    streamed_full(g, room, j);
}

#endif
