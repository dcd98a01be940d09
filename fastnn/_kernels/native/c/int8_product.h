/* Rows of whole numbers times a packed kernel; _ops/int8.py is the reference, and says how both are made.
 *
 * A kernel comes in panels of 16 columns; of each, blocks of four rows follow each other, and in a block the four
 * numbers of a column. Sums are exact, so that tiles and instruction sets give the same bits; what follows in real
 * numbers is rounded number by number.
 *
 * An instruction set brings vq_products (vec_int8_*.h). AVX-512 runs those of AVX2. */
#ifndef FNN_INT8_PRODUCT_H
#define FNN_INT8_PRODUCT_H

#include <string.h>

#include "vec_rows.h"

typedef uint8_t bytes_of_vector __attribute__((vector_size(LANES)));

/* The low bytes of four vectors. */
INLINE void vec_store_bytes(const vi *whole, uint8_t *q) {
    UNROLL for (int v = 0; v < 4; v++) {
        const bytes_of_vector bytes = __builtin_convertvector(whole[v], bytes_of_vector);
        memcpy(q + v * LANES, &bytes, LANES);
    }
}

#ifdef __AVX2__
#include "vec_int8_avx2.h"
#else
#include "vec_int8_lanes.h"
#endif

/* Rows of a tile. */
#ifdef ONE_SET_OF_TILES
#define INT8_TILE 1
#else
#define INT8_TILE 3
#endif

enum {
    INT8_MOST = 127, /* of an input's number */
    INT8_DEEP = 8,
    INT8_WIDE = 16,
    INT8_VECS = INT8_WIDE / INT8_SUMS,
    INT8_ROWS = 96 /* rows that pass over all panels together, in the second-level cache */
};

typedef struct {
    int64_t n_in, n_out; /* of the kernel; rows are int8_row numbers long */
    const int8_t *w;
    const real *scale, *sums, *bias; /* of each output; sums of its weights */
    real inverse;                    /* 1 over the step of the input */
    int32_t zero;
} int8_kernel;

static int64_t int8_row(int64_t n_in) { return (n_in + INT8_DEEP - 1) / INT8_DEEP * INT8_DEEP; }

/* The whole numbers of up to LANES inputs, each more by zero. NaN counts as 0. */
INLINE vi int8_whole(const int8_kernel *k, const real *x, int some) {
    vf z = vf_mul(vec_load(x, some), vf_set1(k->inverse));
    z = vf_select(vf_isnan(z), vf_zero(), z);
    z = vf_max(vf_min(z, vf_set1((real)(INT8_MOST - k->zero))), vf_set1((real)-k->zero));
    return vi_add(vi_of_vf(z), vi_set1(k->zero));
}

static void int8_quantize(const int8_kernel *k, const real *x, int64_t n, uint8_t *q) {
    int64_t j = 0;
    for (; j + 4 * LANES <= n; j += 4 * LANES) {
        vi whole[4];
        UNROLL for (int v = 0; v < 4; v++)
            whole[v] = int8_whole(k, x + j + v * LANES, LANES);
        vq_store_bytes(whole, q + j);
    }
    for (; j < n; j += LANES) {
        const int some = n - j < LANES ? (int)(n - j) : LANES;
        const vi whole = int8_whole(k, x + j, some);
        for (int i = 0; i < some; i++) q[j + i] = (uint8_t)whole[i];
    }
}

/* Sums of a tile of `rows` rows and a panel of w, whose columns begin with `start`. */
INLINE void int8_tile(const int rows, const uint8_t *q, int64_t row, const int8_t *w, const int32_t *start,
                      int32_t *sums) {
    vq sum[INT8_TILE][INT8_VECS];
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < INT8_VECS; v++)
            sum[r][v] = vq_load(start + v * INT8_SUMS);
    }
    ONCE for (int64_t p = 0; p < row; p += INT8_DEEP, w += INT8_DEEP * INT8_WIDE) {
        UNROLL for (int r = 0; r < rows; r++) {
            UNROLL for (int v = 0; v < INT8_VECS; v++)
                sum[r][v] = vq_products(sum[r][v], q + r * row + p, w + v * INT8_SUMS * 4, INT8_WIDE * 4);
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < INT8_VECS; v++)
            vq_store(sums + r * INT8_WIDE + v * INT8_SUMS, sum[r][v]);
    }
}

static void int8_tile_any(const int rows, const uint8_t *q, int64_t row, const int8_t *w, const int32_t *start,
                          int32_t *sums) {
    if (rows == INT8_TILE)
        int8_tile(INT8_TILE, q, row, w, start, sums);
    else if (INT8_TILE > 2 && rows == 2)
        int8_tile(INT8_TILE > 2 ? 2 : 1, q, row, w, start, sums);
    else
        int8_tile(1, q, row, w, start, sums);
}

/* Sums as real numbers of `columns` outputs. */
INLINE void int8_real(const int8_kernel *k, const int32_t *sums, int64_t j, int64_t columns, real *z) {
    for (int64_t c = 0; c < columns; c++) z[c] = (real)sums[c] * k->scale[j + c] + k->bias[j + c];
}

/* z (rows, n_out) of rows of whole numbers, columns [j, j + 16) of them. */
static void int8_panel(const int8_kernel *k, const uint8_t *q, int64_t rows, int64_t j, real *z) {
    const int64_t row = int8_row(k->n_in), columns = k->n_out - j < INT8_WIDE ? k->n_out - j : INT8_WIDE;
    int32_t start[INT8_WIDE] = {0}, sums[INT8_TILE * INT8_WIDE];
    for (int64_t c = 0; c < columns; c++) start[c] = -k->zero * (int32_t)k->sums[j + c];
    for (int64_t i = 0; i < rows; i += INT8_TILE) {
        const int some = rows - i < INT8_TILE ? (int)(rows - i) : INT8_TILE;
        int8_tile_any(some, q + i * row, row, k->w + j * row, start, sums);
        for (int r = 0; r < some; r++) {
            real *to = z + (i + r) * k->n_out + j;
            if (columns == INT8_WIDE)
                int8_real(k, sums + r * INT8_WIDE, j, INT8_WIDE, to);
            else
                int8_real(k, sums + r * INT8_WIDE, j, columns, to);
        }
    }
}

static void int8_product(const int8_kernel *k, const uint8_t *q, int64_t rows, real *z) {
    for (int64_t j = 0; j < k->n_out; j += INT8_WIDE) int8_panel(k, q, rows, j, z);
}

#endif
