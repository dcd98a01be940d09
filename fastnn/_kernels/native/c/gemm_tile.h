/* A tile of a matrix product: sums that stay in registers.
 *
 * One microkernel broadcasts numbers of A and multiplies rows of B by them, into a tile of C. Every number of C sums
 * over k in order with vf_fma, from its start; so its bits do not depend on the tile, on packing, on blocks of k (the
 * tile goes on from what it stored) or on how callers cut the rows.
 *
 * An ISA sets TILE_ROWS and TILE_VECS so that the tile, a row of B and one number of A fill its registers.
 *
 * Design: one microkernel for x @ W, x.T @ dz and dz @ W.T, by strides of A, and for convolutions, whose rows of A
 * begin anywhere. Kernels that sum along a vector (rejected) would be faster for an output of width 1 but round
 * otherwise on each ISA. */
#ifndef FNN_GEMM_TILE_H
#define FNN_GEMM_TILE_H

#include <stddef.h>

#include "plan.h"
#include "transpose.h"
#include "vec_rows.h"

#define TILE_WIDTH (TILE_VECS * LANES)
#define FLAT_ROWS 3 /* so few rows have wider tiles, to keep enough sums on their way */
#define FLAT_VECS (TILE_ROWS * TILE_VECS / FLAT_ROWS)
#define TALL_ROWS (2 * TILE_ROWS) /* of tiles one vector wide, likewise */
#ifndef STRIDED_ROWS
#define STRIDED_ROWS TALL_ROWS /* of those whose A has any strides and whose vectors are whole */
#endif
#ifdef ONE_SET_OF_TILES
#define SCATTERED_ROWS TILE_ROWS /* of tiles whose rows of A begin anywhere */
#else
#define SCATTERED_ROWS 8 /* likewise: each wants a register of its own */
#endif
#ifndef SCATTERED_WHOLE
#define SCATTERED_WHOLE SCATTERED_ROWS /* of those whose vectors are whole */
#endif
#define MOST_ROWS (TALL_ROWS > SCATTERED_ROWS ? TALL_ROWS : SCATTERED_ROWS)
#define MOST_TILE (TILE_ROWS * TILE_VECS > TALL_ROWS ? TILE_ROWS * TILE_VECS : TALL_ROWS) /* vectors of its sums */

/* A sum over several parts of A and B: so many planes, of so many segments, of k numbers each, that begin at these
 * distances; planes of B follow each other. Rows of A begin at a_rows, where it is not NULL, and are dense; without
 * them there is one plane.
 *
 * With shards the k numbers are those of shards, each of which is summed by itself, and what they give is added as
 * plan.h says: in one part, from zero, with a_row 1 or one row of A.
 *
 * Design: a record of its own, because compilers clear large ones by an instruction that takes as long as a small
 * product. */
typedef struct {
    const int64_t *a_rows;
    int64_t line; /* so many of them, again and again, are a_row apart; 0: nobody knows */
    int64_t segments, a_segment, b_segment, planes, a_plane;
    const fnn_shard *shards;
    int64_t n_shards;
} parts;

/* Numbers of any kind; of bf16, as those of A are; B to be rounded to them; or in pairs of them, see bf16.h. */
enum { REALS, ROUNDED, TO_ROUND, HELD };

typedef struct {
    int64_t m, n, k;
    const real *a; /* number (i, p) at i * a_row + p * a_column */
    int64_t a_row, a_column;
    const real *b; /* (k, n), dense rows b_row apart */
    int64_t b_row;
    int b_transposed;  /* b is (n, k) instead, dense rows b_row apart */
    int b_is;          /* REALS, ROUNDED, TO_ROUND or HELD: what b, then without gaps, stands for; for multiply alone */
    const real *start; /* (m, n) with dense rows start_row apart (0: one row for all), or NULL for zeros */
    int64_t start_row;
    real *c; /* (m, n), dense rows c_row apart */
    int64_t c_row;
    int words;          /* A and B are words of two numbers of bf16 (gemm_pairs.h), a_row is 1 or rows begin anywhere */
    int add;            /* the sum is made by itself and then added to c */
    int spills;         /* NOTHING, AHEAD or ANYWHERE */
    const parts *parts; /* NULL: there is one */
} product;

/* What may be written behind a row of C: nothing; the rows that follow it, which multiply_in_place sets later; as much
 * as makes its vectors whole. */
enum { NOTHING, AHEAD, ANYWHERE };

static int64_t rounded_up(int64_t a, int64_t to) { return (a + to - 1) / to * to; }

ALWAYS_INLINE vf load_part(const real *p, int ragged, int n) { return ragged ? vf_load_n(p, n) : vf_load(p); }
ALWAYS_INLINE void store_part(real *p, vf a, int ragged, int n) {
    if (ragged)
        vf_store_n(p, a, n);
    else
        vf_store(p, a);
}

/* A of any strides; a_row is 1; rows of A begin anywhere; B comes from memory; a_row is 1 and sums are by shards; rows
 * of A begin anywhere, but those of a tile of one vector are a_row apart. */
enum { STRIDED, PACKED, SCATTERED, STREAMED, SHARDED, EVEN, FROM = 7 };
enum { WORDS = 8 }; /* beside one of them: A and B are words, each two numbers of bf16, and k counts these */
#ifndef HAS_PAIRS
#define vf_pairs(a, b, c) (c) /* for nobody */
#endif
enum { SHARDS_KEPT = 64 }; /* sums that wait to be added: one for each bit of a number of shards */

/* Where a tile begins, and the steps from one number to the next. What all tiles of some columns share is worked out
 * once: in each of them it would be a fifth of its code. */
typedef struct {
    const real *a, *b, *start;
    real *c, *room; /* the latter for sums that are moved from there: MOST_TILE vectors */
    const int64_t *a_rows;
    int64_t k, a_row, a_column, b_row, start_row, c_row, segments, a_segment, b_segment, planes, a_plane, b_plane;
} corner;

/* A row of zeros to start from is loaded as quickly as registers are cleared, and the code is that of any other start.
 */
static const real no_start[FLAT_VECS * LANES];

ALWAYS_INLINE corner corner_at(const product *g, real *room, int64_t i, int64_t j, const int from) {
    const int of = from & FROM, dense = of == PACKED || of == SHARDED, anywhere = of == SCATTERED || of == EVEN;
    const parts *p = of == SHARDED ? NULL : g->parts;
    corner t = {.a = g->a + (anywhere ? 0 : i * (dense ? 1 : g->a_row)),
                .b = g->b + j,
                .start = g->start ? g->start + i * g->start_row + j : no_start,
                .c = g->c + i * g->c_row + j,
                .room = room,
                .a_rows = anywhere ? g->parts->a_rows + i : NULL,
                .k = g->k,
                .a_row = dense ? 1 : g->a_row,
                .a_column = anywhere ? 1 : g->a_column,
                .b_row = g->b_row,
                .start_row = g->start ? g->start_row : 0,
                .c_row = g->c_row,
                .segments = p ? p->segments : 1,
                .planes = anywhere ? p->planes : 1};
    if (p) t.a_segment = p->a_segment, t.b_segment = p->b_segment;
    if (anywhere) t.a_plane = p->a_plane, t.b_plane = p->segments * p->b_segment;
    return t;
}

/* The corner below `rows` rows. */
ALWAYS_INLINE void go_below(corner *t, int64_t rows, const int from) {
    if ((from & FROM) == SCATTERED || from == EVEN)
        t->a_rows += rows;
    else
        t->a += rows * t->a_row;
    t->start += rows * t->start_row, t->c += rows * t->c_row;
}

/* How many numbers of C follow the first row's vectors of a tile. */
ALWAYS_INLINE int64_t numbers_behind(const product *g, int64_t i, int64_t j, int vecs) {
    return (g->m - i) * g->n - j - vecs * LANES;
}

/* Are all rows of a ragged tile stored with whole vectors? They spill into the next rows, which are written later,
 * since multiply_in_place goes from the last columns to the first. Masked stores of AVX2 take AMD's processors ten
 * times as long as others. */
ALWAYS_INLINE int all_spill(const product *g, int64_t i, int64_t j, const int rows, const int vecs) {
    return g->spills == ANYWHERE || (g->spills == AHEAD && numbers_behind(g, i, j, vecs) >= (rows - 1) * g->n);
}

/* Moves the sums (rows, vecs vectors) of a tile at (i, j) of C there, or adds them. A row's last vector is stored whole
 * while so many numbers of C, or anybody's, are behind it. */
static __attribute__((noinline)) void move_sums(const product *g, int64_t i, int64_t j, int last, int rows, int vecs,
                                                const real *sums) {
    const int64_t c_row = g->c_row, n = g->spills == AHEAD ? g->n : 0;
    const int add = g->add;
    int64_t behind = g->spills == AHEAD ? numbers_behind(g, i, j, vecs) : g->spills - ANYWHERE;
    real *c = g->c + i * c_row + j;
    for (int r = 0; r < rows; r++, c += c_row, behind -= n) {
        int v = 0;
        for (; v < vecs - 1; v++, sums += LANES)
            vf_store(c + v * LANES, add ? vf_add(vf_load(c + v * LANES), vf_load(sums)) : vf_load(sums));
        vf sum = vf_load(sums);
        sums += LANES;
        if (add) sum = vf_add(vec_load(c + v * LANES, last), sum);
        vec_store(c + v * LANES, sum, behind < 0 ? last : LANES);
    }
}

/* The same of a tile of one row, which predictions of single rows are made of: from where the sums are. */
ALWAYS_INLINE void store_row(const product *g, const corner *t, int64_t i, int64_t j, int last, const int vecs,
                             const int ragged, vf (*sum)[FLAT_VECS]) {
    real *c = t->c;
    const int add = g->add, whole = !ragged || last == LANES || all_spill(g, i, j, 1, vecs);
#pragma GCC unroll 8
    for (int v = 0; v < vecs; v++) {
        const int part = ragged && v == vecs - 1 && !whole;
        vf old = vf_zero();
        if (add) old = load_part(c + v * LANES, part, last);
        store_part(c + v * LANES, add ? vf_add(old, sum[0][v]) : sum[0][v], part, last);
    }
}

/* C, or what is added to it, from a tile's sums.
 *
 * Design: whole vectors go to C; what is more to do is done by one function for all tiles, from memory, for in each of
 * them it would be most of their code. */
ALWAYS_INLINE void store_tile(const product *g, const corner *t, int64_t i, int64_t j, int last, const int rows,
                              const int vecs, const int ragged, vf (*sum)[FLAT_VECS]) {
    if (rows == 1) {
        store_row(g, t, i, j, last, vecs, ragged, sum);
        return;
    }
    const int moves = g->add || (ragged && last < LANES && !all_spill(g, i, j, rows, vecs));
    real *to = moves ? t->room : t->c;
    ptrdiff_t step = moves ? vecs * LANES : (ptrdiff_t)t->c_row;
    __asm__("" : "+r"(step)); /* is not known, or GCC would write the stores once more for the one that it knows */
#pragma GCC unroll 24
    for (int r = 0; r < rows; r++, to += step)
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++) vf_store(to + v * LANES, sum[r][v]);
    if (moves) move_sums(g, i, j, last, rows, vecs, t->room);
}

/* The next tile's columns, to their last; hardware does not see rows that are far apart. */
ALWAYS_INLINE void fetch_ahead(const real *b, const int vecs) {
#pragma GCC unroll 8
    for (int v = 1; v <= vecs; v++) __builtin_prefetch(b + TILE_WIDTH + v * LANES - 1);
}

/* sum += A @ B of a tile, for one number of k. */
ALWAYS_INLINE void sum_step(const corner *t, const real *a, const real *b, const int64_t *row_at, int last,
                            const int rows, const int vecs, const int ragged, const int how, vf (*sum)[FLAT_VECS]) {
    const int from = how & FROM, words = how & WORDS;
    vf row[FLAT_VECS];
#pragma GCC unroll 8
    for (int v = 0; v < vecs; v++) row[v] = load_part(b + v * LANES, ragged && v == vecs - 1, last);
#pragma GCC unroll 24
    for (int r = 0; r < rows; r++) {
        const real *at = a + (from == SCATTERED ? row_at[r] : r * t->a_row);
        const vf number = words ? vf_bits(vi_set1(*(const integer_anywhere *)at)) : vf_set1(*at);
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++)
            sum[r][v] = words ? vf_pairs(number, row[v], sum[r][v]) : vf_fma(number, row[v], sum[r][v]);
    }
    if (from == STREAMED) fetch_ahead(b, vecs);
}

/* The same over k numbers. Shards have few: the loops of tall tiles, which are most of a product's, are unrolled. By
 * more than two the compiler mixes steps, runs out of registers and keeps sums in memory. */
ALWAYS_INLINE void sum_run(const corner *t, int64_t k, const real *a, const real *b, const int64_t *row_at, int last,
                           const int rows, const int vecs, const int ragged, const int from, vf (*sum)[FLAT_VECS]) {
    const int64_t a_column = t->a_column, b_row = t->b_row;
    const int unrolled = from == SHARDED && !ragged && vecs > 1 && rows >= TILE_ROWS - 1 ? 2 : 1;
    for (; unrolled > 1 && k >= unrolled; k -= unrolled)
#pragma GCC unroll 8
        for (int q = 0; q < unrolled; q++, a += a_column, b += b_row)
            sum_step(t, a, b, row_at, last, rows, vecs, ragged, from, sum);
    for (; k; k--, a += a_column, b += b_row) sum_step(t, a, b, row_at, last, rows, vecs, ragged, from, sum);
}

#ifdef __clang__
#define BY_THIRDS 0 /* Clang 14 then takes up to half as long again with AVX-512 */
#else
#define BY_THIRDS 1
#endif

/* The same where rows are a_row apart. A register for each third row and one for their distance: with one for each row,
 * where rows begin comes from memory, and loads are what a tile of single vectors waits for. */
ALWAYS_INLINE void sum_even(const corner *t, int64_t k, const real *a, const real *b, int last, const int rows,
                            const int vecs, const int ragged, const int from, vf (*sum)[FLAT_VECS]) {
    const int64_t step = t->a_row, a_column = t->a_column, b_row = t->b_row;
    const real *at[MOST_ROWS / 3 + 1];
#pragma GCC unroll 8
    for (int q = 0; 3 * q < rows; q++) at[q] = a + 3 * q * step;
    for (; k; k--, b += b_row) {
        vf row[FLAT_VECS];
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++) row[v] = load_part(b + v * LANES, ragged && v == vecs - 1, last);
#pragma GCC unroll 24
        for (int r = 0; r < rows; r++) {
            const vf number = vf_set1(at[r / 3][r % 3 * step]);
#pragma GCC unroll 8
            for (int v = 0; v < vecs; v++) sum[r][v] = vf_fma(number, row[v], sum[r][v]);
        }
        if (from == STREAMED) fetch_ahead(b, vecs);
#pragma GCC unroll 8
        for (int q = 0; 3 * q < rows; q++) {
            at[q] += a_column;
            __asm__("" : "+r"(at[q])); /* or GCC goes back to a register for each row */
        }
    }
}

/* The same over all segments; rows of A begin at `row_at` of a, or at multiples of a_row. */
ALWAYS_INLINE void sum_tile(const corner *t, const real *a, const real *b, const int64_t *row_at, int last,
                            const int rows, const int vecs, const int ragged, const int from, vf (*sum)[FLAT_VECS]) {
    for (int64_t segment = t->segments;;) {
        if (from == EVEN || (BY_THIRDS && (from == STRIDED || from == STREAMED)))
            sum_even(t, t->k, a, b, last, rows, vecs, ragged, from, sum);
        else
            sum_run(t, t->k, a, b, row_at, last, rows, vecs, ragged, from, sum);
        if (--segment <= 0) return;
        a += t->a_segment, b += t->b_segment;
    }
}

/* sum = kept + sum. */
ALWAYS_INLINE void add_kept(const vf *kept, const int rows, const int vecs, vf (*sum)[FLAT_VECS]) {
#pragma GCC unroll 24
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++) sum[r][v] = vf_add(kept[r * vecs + v], sum[r][v]);
}

/* to = kept + sum; sum = 0. One after the other: on AMD's Zen 3 a store takes the place of a vf_fma, and twelve in a
 * row that of four times as many as among additions. */
ALWAYS_INLINE void lay_down(const vf *kept, vf *to, const int rows, const int vecs, vf (*sum)[FLAT_VECS]) {
#pragma GCC unroll 24
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++) {
            to[r * vecs + v] = vf_add(kept[r * vecs + v], sum[r][v]);
            sum[r][v] = vf_zero();
            IN_TURN(sum[r][v]);
        }
}

ALWAYS_INLINE void set_zero(const int rows, const int vecs, vf (*sum)[FLAT_VECS]) {
#pragma GCC unroll 24
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++) sum[r][v] = vf_zero();
}

/* sum = the tree of the shards' sums. Where nothing is added to a shard's sums before they are laid down -0 is, which
 * changes no number. */
ALWAYS_INLINE void sum_shards(const product *g, const corner *t, int last, const int rows, const int vecs,
                              const int ragged, vf (*sum)[FLAT_VECS]) {
    const fnn_shard *shard = g->parts->shards;
    const real *a = t->a, *b = t->b;
    vf kept[SHARDS_KEPT][MOST_TILE], (*top)[MOST_TILE] = kept, none[MOST_TILE];
    for (int i = 0; i < rows * vecs; i++) none[i] = vf_set1((real)-0.0);
    set_zero(rows, vecs, sum);
    for (int64_t left = g->parts->n_shards;; shard++) {
        sum_run(t, shard->rows, a, b, NULL, last, rows, vecs, ragged, SHARDED, sum);
        a += shard->rows * t->a_column, b += shard->rows * t->b_row;
        int64_t adds = shard->adds;
        for (--left; adds > (left > 0); adds--) add_kept(*--top, rows, vecs, sum);
        if (!left) return;
        top -= adds;
        lay_down(adds ? *top : none, *top, rows, vecs, sum);
        top++;
    }
}

/* A tile at (i, j) of C, which begins at t. rows, vecs, ragged (the last vector holds only `last` numbers) and from
 * (where A and B come from) are constants after inlining. */
ALWAYS_INLINE void tile_at(const product *g, const corner *t, int64_t i, int64_t j, int last, const int rows,
                           const int vecs, const int ragged, const int from) {
    const int scattered = (from & FROM) == SCATTERED;
    const real *a = t->a + (from == EVEN ? t->a_rows[0] : 0), *b = t->b;
    int64_t row_at[MOST_ROWS];
    vf sum[MOST_ROWS][FLAT_VECS];
    if (from == SHARDED) {
        sum_shards(g, t, last, rows, vecs, ragged, sum);
        store_tile(g, t, i, j, last, rows, vecs, ragged, sum);
        return;
    }
#pragma GCC unroll 24
    for (int r = 0; r < rows; r++) row_at[r] = scattered ? t->a_rows[r] : 0;
    const real *start = t->start;
#pragma GCC unroll 24
    for (int r = 0; r < rows; r++, start += t->start_row)
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++) sum[r][v] = load_part(start + v * LANES, ragged && v == vecs - 1, last);
    for (int64_t plane = t->planes;;) {
        sum_tile(t, a, b, row_at, last, rows, vecs, ragged, from, sum);
        if (--plane <= 0) break;
        a += t->a_plane, b += t->b_plane;
    }
    store_tile(g, t, i, j, last, rows, vecs, ragged, sum);
}

ALWAYS_INLINE void tile(const product *g, int64_t i, int64_t j, int last, const int rows, const int vecs,
                        const int ragged, const int from) {
    real room[MOST_TILE * LANES];
    const corner t = corner_at(g, room, i, j, from);
    tile_at(g, &t, i, j, last, rows, vecs, ragged, from);
}

#endif
