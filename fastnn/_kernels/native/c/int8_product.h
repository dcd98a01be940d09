/* Rows of whole numbers times a packed kernel; _ops/int8.py is the reference, and says how both are made.
 *
 * A kernel comes in panels of 16 columns; of each, blocks of four rows follow each other, and in a block the four
 * numbers of a column. Sums are exact, so that tiles and instruction sets give the same bits; what follows in real
 * numbers is rounded number by number. */
#ifndef FNN_INT8_PRODUCT_H
#define FNN_INT8_PRODUCT_H

#include "activations.h"
#include "int8_tile.h"

enum {
    INT8_MOST = 127,            /* of an input's number */
    INT8_LINE = 64,             /* bytes of the caches */
    INT8_TOGETHER = 256 * 1024, /* bytes of rows that pass over all panels together, in the second-level cache */
    INT8_MOST_TOGETHER = 384,
    INT8_FAR = 3 * 1024,    /* bytes from weights that a single row reads to those that it fetches, of kernels ... */
    INT8_LARGE = 512 * 1024 /* ... beyond so many, which do not stay in the second-level cache */
};

typedef struct {
    int64_t n_in, n_out; /* of the kernel */
    const int8_t *w;
    const real *scale, *sums, *bias; /* of each output; sums of its weights */
    real inverse;                    /* 1 over the step of the input */
    int32_t zero;
    real least; /* of an output: 0 of relu */
} int8_kernel;

/* Bytes of a column of a packed kernel. */
static int64_t int8_row(int64_t n_in) { return rounded_up(n_in, INT8_DEEP); }

/* From one row of whole numbers to the next: an odd number of lines, so that rows do not meet in the cache. What is
 * behind a row is multiplied by zeros. */
static int64_t int8_pitch(int64_t n_in) { return (rounded_up(n_in, INT8_LINE) / INT8_LINE | 1) * INT8_LINE; }

static int64_t int8_together(int64_t n_in) {
    const int64_t rows = INT8_TOGETHER / int8_pitch(n_in) / DOTS_ROWS * DOTS_ROWS;
    return at_least(DOTS_ROWS, at_most(rows, INT8_MOST_TOGETHER));
}

/* The whole numbers of up to LANES inputs, each more by zero. NaN counts as 0. */
ALWAYS_INLINE vi int8_whole(const int8_kernel *k, const real *x, int some) {
    vf z = vf_mul(vec_load(x, some), vf_set1(k->inverse));
    z = vf_select(vf_isnan(z), vf_zero(), z);
    z = vf_max(vf_min(z, vf_set1((real)(INT8_MOST - k->zero))), vf_set1((real)-k->zero));
    return vi_add(vi_of_vf(z), vi_set1(k->zero));
}

/* Those of n inputs, and behind them as many of 0 as make the last vector whole. */
static void int8_quantize(const int8_kernel *k, const real *x, int64_t n, uint8_t *q) {
    int64_t j = 0;
    for (; j + 4 * LANES <= n; j += 4 * LANES) {
        vi whole[4];
        UNROLL for (int v = 0; v < 4; v++)
            whole[v] = int8_whole(k, x + j + v * LANES, LANES);
        vq_store_bytes(whole, q + j);
    }
    for (; j < n; j += LANES) vec_store_low(int8_whole(k, x + j, (int)at_most(n - j, LANES)), q + j);
}

/* What columns [j, j + columns) begin with and are made real by; behind them, up to `width`, zeros. */
typedef struct {
    int32_t start[INT8_COLUMNS];
    real scale[INT8_COLUMNS], bias[INT8_COLUMNS];
} int8_columns;

static void int8_begin(const int8_kernel *k, int64_t j, int64_t columns, int64_t width, int8_columns *c) {
    real sums[INT8_COLUMNS];
    if (columns < width) *c = (int8_columns){.start = {0}}, memset(sums, 0, sizeof sums);
    copy_row(k->scale + j, columns, c->scale);
    copy_row(k->bias + j, columns, c->bias);
    copy_row(k->sums + j, columns, sums);
    for (int64_t v = 0; v < width; v += INT8_WIDE)
        for (int i = 0; i < INT8_WIDE; i++) c->start[v + i] = -k->zero * (int32_t)sums[v + i];
}

/* Rows of a tile, of which so many columns are there, to their place. */
static __attribute__((noinline)) void int8_move(const real *from, int rows, int width, int64_t columns, real *z,
                                                int64_t z_row) {
    for (int r = 0; r < rows; r++) copy_row(from + r * width, columns, z + r * z_row);
}

/* Tiles of `step` rows over all of them: the last one begins where it ends with the last row. */
ALWAYS_INLINE void int8_tiles(int8_at t, int64_t rows, int64_t columns, const int step, const int vecs,
                              const int several, const int dots) {
    const int width = vecs * INT8_SUMS;
    const uint8_t *q = t.q;
    real *z = t.z, room[INT8_SUMS_KEPT * INT8_COLUMNS];
    const int64_t z_row = t.z_row;
    if (step == DOTS_ROWS) t.ahead = at_most(INT8_LINE, step * width * INT8_DEEP / rows + 1);
    for (int64_t i = 0; i < rows; i += step) {
        const int64_t first = at_most(i, rows - step);
        t.q = q + first * t.pitch, t.z = z + first * z_row;
        t.next = t.w + (step == DOTS_ROWS ? width * t.row + width * t.row * i / rows : INT8_FAR);
        if (columns < width) t.z = room, t.z_row = width;
        int8_tile(&t, step, vecs, several, dots);
        if (columns < width) int8_move(room, step, width, columns, z + first * z_row, z_row);
    }
}

/* z of all rows and one panel. */
ALWAYS_INLINE void int8_panel(const int8_at *t, int64_t rows, int64_t columns, const int dots) {
    const int many = dots ? DOTS_ROWS : PLAIN_ROWS, sums = dots ? 8 / INT8_VECS : 1;
    if (rows >= many && !(many == 3 && rows == 4)) /* two tiles of two rows take less */
        int8_tiles(*t, rows, columns, many, INT8_VECS, 1, dots);
    else if (many > 4 && rows >= 4)
        int8_tiles(*t, rows, columns, 4, INT8_VECS, sums > 4 ? 2 : 1, dots);
    else if (many > 2 && rows >= 2)
        int8_tiles(*t, rows, columns, 2, INT8_VECS, sums > 2 ? sums / 2 : 1, dots);
    else
        int8_tiles(*t, rows, columns, 1, INT8_VECS, sums, dots);
}

ALWAYS_INLINE void int8_product_by(const int8_kernel *k, const uint8_t *q, int64_t rows, real *z, const int dots) {
    const int64_t row = int8_row(k->n_in), many = dots ? DOTS_ROWS : PLAIN_ROWS;
    int8_columns made;
    int8_at t = {.pitch = int8_pitch(k->n_in),
                 .row = row,
                 .start = made.start,
                 .scale = made.scale,
                 .bias = made.bias,
                 .least = k->least,
                 .z_row = k->n_out,
                 .ahead = row * k->n_out > INT8_LARGE ? INT8_DEEP * INT8_WIDE : 0};
    for (int64_t j = 0, width; j < k->n_out; j += width) {
        const int wide = INT8_PANELS > 1 && rows >= many && k->n_out - j > INT8_WIDE;
        width = wide ? INT8_COLUMNS : INT8_WIDE;
        const int64_t columns = at_most(k->n_out - j, width);
        int8_begin(k, j, columns, width, &made);
        t.q = q, t.w = k->w + j * row, t.z = z + j;
        if (wide)
            int8_tiles(t, rows, columns, (int)many, INT8_PANELS * INT8_VECS, 1, dots);
        else
            int8_panel(&t, rows, columns, dots);
    }
}

static void int8_product_plain(const int8_kernel *k, const uint8_t *q, int64_t rows, real *z) {
    int8_product_by(k, q, rows, z, 0);
}

#ifdef FNN_DOTS
static void int8_product_dots(const int8_kernel *k, const uint8_t *q, int64_t rows, real *z) {
    int8_product_by(k, q, rows, z, 1);
}
#endif

/* z of rows of whole numbers. */
static void int8_product(const int8_kernel *k, const uint8_t *q, int64_t rows, real *z) {
#ifdef FNN_DOTS
    if (fnn_extras & FNN_DOTS) {
        int8_product_dots(k, q, rows, z);
        return;
    }
#endif
    int8_product_plain(k, q, rows, z);
}

#endif
