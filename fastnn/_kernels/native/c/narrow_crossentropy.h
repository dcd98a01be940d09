/* The categorical cross-entropy on logits for narrow rows, LANES of them at a time: crossentropy.h's entropy_of_logits,
 * operation by operation. */
#ifndef FNN_NARROW_CROSSENTROPY_H
#define FNN_NARROW_CROSSENTROPY_H

#include "columns.h"
#include "crossentropy.h"
#include "metrics.h"

/* Targets of `count` rows from `first` on, as columns; of class indices as the one-hot rows they stand for. */
static void read_targets(const loss_rows *rows, int64_t first, int count, real *t) {
    const int64_t n = rows->n_out;
    real dense[NARROW * LANES], labels[LANES] = {0};
    for (int r = 0; r < count; r++) {
        const int64_t at = target_row(rows, first + r);
        if (rows->sparse)
            labels[r] = (real)((const int32_t *)rows->target)[at];
        else
            memcpy(dense + r * n, (const real *)rows->target + at * n, (size_t)n * sizeof(real));
    }
    if (!rows->sparse) {
        const vf kept = vf_set1(1 - rows->smoothing), spread = vf_set1(rows->smoothing / (real)n);
        read_columns(dense, count, n, t);
        for (int64_t j = 0; j < n; j++) set_column(t, j, vf_fma(column(t, j), kept, spread));
        return;
    }
    for (int64_t j = 0; j < n; j++)
        set_column(t, j, vf_select(vf_eq(vf_load(labels), vf_set1((real)j)), vec_one(), vf_zero()));
}

/* t * (z - largest) in place of z, summed. */
static vf shifted_columns(const real *t, vf largest, int64_t n, real *z) {
    for (int64_t j = 0; j < n; j++) set_column(z, j, vf_mul(column(t, j), vf_sub(column(z, j), largest)));
    return fold_columns(vf_add, z, n);
}

/* with_term of `count` rows, at most LANES, from `first` on; fills their dy, and y when store_share. */
static double narrow_entropies(const loss_rows *rows, int64_t first, int count, real scale, int store_share,
                               double total) {
    const int64_t n = rows->n_out;
    real z[NARROW * LANES], t[NARROW * LANES], e[NARROW * LANES], weights[LANES] = {0}, values[LANES];
    vf largest;
    read_columns(rows->y + first * n, count, n, z);
    read_targets(rows, first, count, t);
    for (int r = 0; r < count; r++) weights[r] = row_weight(rows, first + r);
    const vf factor = vf_mul(vf_load(weights), vf_set1(scale)), sum = exp_columns(z, n, e, &largest);
    const vf dot = shifted_columns(t, largest, n, z), target_sum = fold_columns(vf_add, t, n);
    for (int64_t j = 0; j < n; j++) {
        vf share = vf_div(column(e, j), sum);
        set_column(e, j, share);
        set_column(t, j, vf_mul(vf_sub(vf_mul(share, target_sum), column(t, j)), factor));
    }
    write_columns(t, count, n, rows->dy + first * n);
    if (store_share) write_columns(e, count, n, rows->y + first * n);
    vf_store(values, vf_sub(vf_mul(target_sum, vf_log(sum)), dot));
    for (int r = 0; r < count; r++) total = with_term(rows, first + r, weights[r] * values[r], total);
    return total;
}

#endif
