/* Narrow rows, LANES of them at a time: as columns, so that lane r of column j is number j of row r and every
 * operation serves LANES rows. Columns fold in the order of a row's logical lanes (vec_rows.h): same bits either way.
 */
#ifndef FNN_COLUMNS_H
#define FNN_COLUMNS_H

#include <string.h>

#include "transpose.h"
#include "vec_rows.h"

#define NARROW 16            /* numbers in such a row at most */
#define FEW_ROWS (LANES / 4) /* fewer are faster one by one */

ALWAYS_INLINE vf column(const real *columns, int64_t j) { return vf_load(columns + j * LANES); }
ALWAYS_INLINE void set_column(real *columns, int64_t j, vf a) { vf_store(columns + j * LANES, a); }

/* Columns (n, LANES) from `count` rows of n; lanes without a row are 0. */
static void read_columns(const real *rows, int count, int64_t n, real *columns) {
    if (count < LANES) memset(columns, 0, (size_t)(n * LANES) * sizeof(real));
    transpose(count, n, rows, n, columns, LANES);
}

static void write_columns(const real *columns, int count, int64_t n, real *rows) {
    transpose(n, count, columns, LANES, rows, n);
}

/* Joins each lane's numbers. */
ALWAYS_INLINE vf fold_columns(vf (*join)(vf, vf), const real *columns, int64_t n) {
    vf folded[NARROW];
    for (int64_t j = 0; j < n; j++) folded[j] = column(columns, j);
    for (int64_t half = NARROW / 2; half; half /= 2) {
        for (int64_t j = 0; j < half && j + half < n; j++) folded[j] = join(folded[j], folded[j + half]);
        n = n < half ? n : half;
    }
    return folded[0];
}

/* exp(z - max z) of each row; returns their sums, and the maxima in *largest. */
static vf exp_columns(const real *z, int64_t n, real *e, vf *largest) {
    *largest = fold_columns(vf_max, z, n);
    for (int64_t j = 0; j < n; j++) set_column(e, j, vf_exp(vf_sub(column(z, j), *largest)));
    return fold_columns(vf_add, e, n);
}

#endif
