/* The categorical cross-entropies, which work along rows: target dense or a class index, y shares or logits. */
#ifndef FNN_CROSSENTROPY_H
#define FNN_CROSSENTROPY_H

#include "loss_formulas.h"

/* A row: y (or logits) and its gradient, the target, and the numbers found on the way. */
typedef struct {
    const real *t; /* NULL for a class index */
    int64_t label;
    real *y, *dy;
    int store_share; /* turn logits into shares in y */
    vf largest, sum, dot, target_sum, factor;
    vf kept, spread;  /* label smoothing: the target is taken as t * kept + spread */
    vf gamma, others; /* of the focal losses: their power, and the sum of all but one of the largest exponentials */
    vf alpha;
    const real *alphas; /* of the focal losses' classes: one for each, or NULL for `alpha` of all */
} entropy_row;

/* Part of the target; of a class index as the one-hot row it stands for. */
INLINE vf entropy_target(const entropy_row *row, int64_t i, int some) {
    static const real lane_numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    if (row->t) return vf_fma(vec_load(row->t + i, some), row->kept, row->spread);
    vm hit = vf_eq(vf_load(lane_numbers), vf_set1((real)(row->label - i)));
    return vf_select(hit, vec_one(), vf_zero());
}

INLINE vf entropy_y(const void *context, int64_t i, int some) {
    return vec_load(((const entropy_row *)context)->y + i, some);
}

INLINE vf entropy_target_part(const void *context, int64_t i, int some) { return entropy_target(context, i, some); }

/* t * (z - largest) */
INLINE vf entropy_shifted_part(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    return vf_mul(entropy_target(row, i, some), vf_sub(vec_load(row->y + i, some), row->largest));
}

INLINE vf entropy_exp_part(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    vf e = vf_exp(vf_sub(vec_load(row->y + i, some), row->largest));
    vec_store(row->dy + i, e, some);
    return e;
}

INLINE void entropy_logits_slope(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    vf share = vf_div(vec_load(row->dy + i, some), row->sum);
    vf slope = vf_sub(vf_mul(share, row->target_sum), entropy_target(row, i, some));
    vec_store(row->dy + i, vf_mul(slope, row->factor), some);
    if (row->store_share) vec_store(row->y + i, share, some);
}

/* -sum(t (z - largest - log(sum(exp(z - largest))))): all parts have one sign, so nothing cancels. */
INLINE real entropy_of_logits(entropy_row *row, int64_t n) {
    row->largest = vf_set1(vec_row_max(entropy_y, row, n));
    row->sum = vf_set1(vec_row_sum(entropy_exp_part, row, n));
    const real dot = vec_row_sum(entropy_shifted_part, row, n);
    row->target_sum = vf_set1(vec_row_sum(entropy_target_part, row, n));
    vec_each(entropy_logits_slope, row, n);
    return vf_sub(vf_mul(row->target_sum, vf_log(row->sum)), vf_set1(dot))[0];
}

INLINE vf entropy_share(const entropy_row *row, int64_t i, int some) {
    return vf_div(vec_load(row->y + i, some), row->sum);
}

INLINE vf entropy_log_part(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    vf q = vec_clip(entropy_share(row, i, some), CLIP, ABOVE_CLIP);
    return vf_mul(entropy_target(row, i, some), vf_log(q));
}

/* The slope by the share goes to dy; its product with the share comes back. */
INLINE vf entropy_share_slope(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    vf share = entropy_share(row, i, some);
    vm inside = vm_and(vf_ge(share, vf_set1(CLIP)), vf_le(share, vf_set1(ABOVE_CLIP)));
    vf by_share = vf_neg(vf_div(entropy_target(row, i, some), vec_clip(share, CLIP, ABOVE_CLIP)));
    vf slope = vf_select(inside, by_share, vf_zero());
    vec_store(row->dy + i, slope, some);
    return vf_mul(slope, share);
}

INLINE void entropy_y_slope(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    vf slope = vf_div(vf_sub(vec_load(row->dy + i, some), row->dot), row->sum);
    vec_store(row->dy + i, vf_mul(slope, row->factor), some);
}

INLINE real entropy_of_shares(entropy_row *row, int64_t n) {
    row->sum = vf_set1(vec_row_sum_called(entropy_y, row, n));
    const real value = -vec_row_sum_called(entropy_log_part, row, n);
    row->dot = vf_set1(vec_row_sum_called(entropy_share_slope, row, n));
    vec_each(entropy_y_slope, row, n);
    return value;
}

#endif
