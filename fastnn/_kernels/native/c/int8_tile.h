/* A tile of products of whole numbers: sums that stay in registers, and are stored as real numbers.
 *
 * An instruction set brings vq_products (vec_int8_*.h). Where its processor may have instructions that multiply and add
 * numbers of 8 bits at once, it brings vq_dots, too, and FNN_DOTS, the bit of fnn_extras that tells of them. These are
 * written as assembly, not as what compilers know them by: so one text of tiles serves processors with them and without
 * (a function that is compiled for more instructions is not inlined into one that is compiled for fewer). */
#ifndef FNN_INT8_TILE_H
#define FNN_INT8_TILE_H

#include <string.h>

#include "kernels.h"
#include "vec_rows.h"

typedef uint8_t bytes_of_vector __attribute__((vector_size(LANES)));

/* The low bytes of a vector. */
ALWAYS_INLINE void vec_store_low(vi whole, uint8_t *q) {
    const bytes_of_vector bytes = __builtin_convertvector(whole, bytes_of_vector);
    memcpy(q, &bytes, LANES);
}

/* The low bytes of four vectors. */
ALWAYS_INLINE void vec_store_bytes(const vi *whole, uint8_t *q) {
    UNROLL for (int v = 0; v < 4; v++)
        vec_store_low(whole[v], q + v * LANES);
}

#if defined __AVX512F__ && !defined FNN_F64
#include "vec_int8_avx512.h"
#elif defined __AVX2__
#include "vec_int8_avx2.h"
#else
#include "vec_int8_lanes.h"
#endif

enum {
    INT8_DEEP = 8,
    INT8_WIDE = 16,                        /* columns of a panel */
    INT8_VECS = INT8_WIDE / INT8_SUMS,     /* vectors of a row of it */
    INT8_PANELS = INT8_SUMS == 16 ? 2 : 1, /* of a tile of many rows */
    INT8_COLUMNS = INT8_PANELS * INT8_WIDE
};

/* Rows of a tile: of many with vq_dots, and without. */
enum {
    DOTS_ROWS = INT8_SUMS == 16 ? 12 : 6,
#ifdef ONE_SET_OF_TILES
    PLAIN_ROWS = 1
#else
    PLAIN_ROWS = INT8_SUMS == 16 ? 6 : 3
#endif
};
enum { INT8_SUMS_KEPT = DOTS_ROWS }; /* for each column, at most */

/* Of a tile: its first row of whole numbers, the first of its panels, and what its columns begin with and are made real
 * by. Rows of q are `pitch` numbers apart, those of z z_row. */
typedef struct {
    const uint8_t *q;
    int64_t pitch, row; /* the latter a multiple of INT8_DEEP: bytes of a column of w */
    const int8_t *w;
    const int32_t *start;
    const real *scale, *bias;
    real least; /* of a number of z */
    real *z;
    int64_t z_row;
    const int8_t *next; /* weights to be brought near: so many bytes further for each INT8_DEEP numbers of a row */
    int64_t ahead;
} int8_at;

#ifdef FNN_DOTS
/* Four numbers of rows of q times so many vectors of w. */
ALWAYS_INLINE void int8_dots(const uint8_t *q, int64_t pitch, const int8_t *w, int64_t panel, const int rows,
                             const int vecs, vq (*sum)[INT8_PANELS * INT8_VECS]) {
    vq weights[INT8_PANELS * INT8_VECS];
    UNROLL for (int v = 0; v < vecs; v++)
        weights[v] = vq_load((const int32_t *)(w + v / INT8_VECS * panel + v % INT8_VECS * INT8_SUMS * 4));
    UNROLL for (int r = 0; r < rows; r++) {
        const vq four = vq_four(q + r * pitch);
        UNROLL for (int v = 0; v < vecs; v++)
            sum[r][v] = vq_dots(sum[r][v], four, weights[v]);
    }
}
#endif

/* Many rows fetch what the next panels are of, bit by bit; a single one what comes in its own, if that is far. */
ALWAYS_INLINE void int8_fetch(const int8_at *t, int64_t p, const int rows) {
    const int8_t *next = t->next + p / INT8_DEEP * t->ahead;
    if (rows == DOTS_ROWS)
        __builtin_prefetch(next);
    else if (rows == 1 && t->ahead)
        __builtin_prefetch(next), __builtin_prefetch(next + INT8_WIDE * 4);
}

/* Eight numbers of rows of q times so many vectors of w; the last four go to `other`, which may be `sum`. */
ALWAYS_INLINE void int8_step(const int8_at *t, int64_t p, const int rows, const int vecs, const int dots,
                             vq (*sum)[INT8_PANELS * INT8_VECS], vq (*other)[INT8_PANELS * INT8_VECS]) {
    const uint8_t *q = t->q + p;
    const int8_t *w = t->w + p * INT8_WIDE;
    const int64_t panel = t->row * INT8_WIDE;
#ifdef FNN_DOTS
    if (dots) {
        int8_fetch(t, p, rows);
        int8_dots(q, t->pitch, w, panel, rows, vecs, sum);
        int8_dots(q + 4, t->pitch, w + INT8_WIDE * 4, panel, rows, vecs, other);
        return;
    }
#endif
    (void)dots, (void)other;
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vecs; v++)
            sum[r][v] = vq_products(sum[r][v], q + r * t->pitch,
                                    w + v / INT8_VECS * panel + v % INT8_VECS * INT8_SUMS * 4, INT8_WIDE * 4);
    }
}

/* Sums of LANES columns as real numbers. */
ALWAYS_INLINE vf int8_real(const int32_t *sums, const int8_at *t, int c) {
    typedef int32_t sums_of_vector __attribute__((vector_size(4 * LANES)));
    sums_of_vector whole;
    memcpy(&whole, sums + c, sizeof whole);
    const vf z = vf_add(vf_mul(__builtin_convertvector(whole, vf), vf_load(t->scale + c)), vf_load(t->bias + c));
    return vf_max(vf_set1(t->least), z);
}

/* z of a tile. With `several` sums of each number, which are added at the end, none waits for the one before: those of
 * a row follow each other by `rows`. */
ALWAYS_INLINE void int8_tile(const int8_at *t, const int rows, const int vecs, const int several, const int dots) {
    vq sum[INT8_SUMS_KEPT][INT8_PANELS * INT8_VECS];
    UNROLL for (int r = 0; r < rows * several; r++) {
        UNROLL for (int v = 0; v < vecs; v++)
            sum[r][v] = r < rows ? vq_load(t->start + v * INT8_SUMS) : vq_zero();
    }
    int64_t p = 0;
    if (several > 2) {
        ONCE for (; p + several * INT8_DEEP / 2 <= t->row; p += several * INT8_DEEP / 2) {
            UNROLL for (int s = 0; s < several; s += 2)
                int8_step(t, p + s * INT8_DEEP / 2, rows, vecs, dots, sum + s * rows, sum + (s + 1) * rows);
        }
    }
    ONCE for (; p < t->row; p += INT8_DEEP) int8_step(t, p, rows, vecs, dots, sum, several > 1 ? sum + rows : sum);
    UNROLL for (int r = 0; r < rows; r++) {
        int32_t sums[INT8_COLUMNS];
        UNROLL for (int v = 0; v < vecs; v++) {
            UNROLL for (int s = 1; s < several; s++)
                sum[r][v] = vq_add(sum[r][v], sum[r + s * rows][v]);
            vq_store(sums + v * INT8_SUMS, sum[r][v]);
        }
        UNROLL for (int c = 0; c < vecs * INT8_SUMS; c += LANES)
            vf_store(t->z + r * t->z_row + c, int8_real(sums, t, c));
    }
}

#endif
