/* The categorical focal losses, which work along rows as the cross-entropies do.
 *
 * Design: a row at a time for all widths. Columns of narrow rows, as narrow_crossentropy.h has them, would be a second
 * text of all this for a loss whose powers cost more than what columns save. */
#ifndef FNN_FOCAL_H
#define FNN_FOCAL_H

#include "crossentropy.h"

/* Of some classes: softmax s, 1 - s and -log s, each to its last digits. */
typedef struct {
    vf share, left, surprise;
} focal_part;

/* z - largest, 0 also where both are infinite. */
INLINE vf focal_below(const entropy_row *row, int64_t i, int some) {
    vf z = vec_load(row->y + i, some);
    return vf_select(vf_eq(z, row->largest), vf_zero(), vf_sub(z, row->largest));
}

INLINE vf focal_exp_part(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    vf e = vf_exp(focal_below(row, i, some));
    vec_store(row->dy + i, e, some);
    return e;
}

/* Exponentials of all but the largest. */
INLINE vf focal_rest_part(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    vm below = vf_lt(vec_load(row->y + i, some), row->largest);
    return vf_select(below, vec_load(row->dy + i, some), vf_zero());
}

INLINE focal_part focal_of(const entropy_row *row, int64_t i, int some) {
    vf below = focal_below(row, i, some), share = vf_div(vf_exp(below), row->sum);
    vm large = vf_gt(share, vf_set1((real)0.5));
    vf left = vf_select(large, vf_div(row->others, row->sum), vec_rest(share));
    return (focal_part){share, left, vf_sub(vec_log1p_in_range(row->others), below)};
}

INLINE vf focal_target(const entropy_row *row, int64_t i, int some) {
    vf alpha = row->alphas ? vec_load(row->alphas + i, some) : row->alpha;
    return vf_mul(entropy_target(row, i, some), alpha);
}

INLINE vf focal_least(vf left) { return vf_max(vf_set1(SMALLEST_NORMAL), left); }

/* t (1 - s)**gamma goes to dy; its product with -log s comes back. */
INLINE vf focal_term_part(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    focal_part part = focal_of(row, i, some);
    vf t = focal_target(row, i, some);
    vm none = vf_eq(t, vf_zero());
    vf power = vf_mul(t, vf_exp(vf_mul(row->gamma, vf_log(focal_least(part.left)))));
    vec_store(row->dy + i, power, some);
    return vf_select(none, vf_zero(), vf_mul(power, part.surprise));
}

/* t times -s by the slope of the term by s, in place of dy. */
INLINE vf focal_pull_part(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    focal_part part = focal_of(row, i, some);
    vf surprise = vf_min(vf_set1(FAR), part.surprise); /* the share is 0 beyond */
    vf ratio = vf_div(vf_mul(part.share, surprise), focal_least(part.left));
    vf pull = vf_mul(vec_load(row->dy + i, some), vf_fma(row->gamma, ratio, vec_one()));
    vec_store(row->dy + i, pull, some);
    return pull;
}

INLINE void focal_logits_slope(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    focal_part part = focal_of(row, i, some);
    vf pull = vec_load(row->dy + i, some), others = vf_mul(part.share, vf_sub(row->dot, pull));
    vec_store(row->dy + i, vf_mul(vf_fnma(pull, part.left, others), row->factor), some);
    if (row->store_share) vec_store(row->y + i, part.share, some);
}

INLINE real focal_of_logits(entropy_row *row, int64_t n) {
    row->largest = vf_set1(vec_row_max(entropy_y, row, n));
    const real sum = vec_row_sum_called(focal_exp_part, row, n), rest = vec_row_sum_called(focal_rest_part, row, n);
    row->sum = vf_set1(sum), row->others = vf_set1(sum < 2 ? rest : sum - 1);
    const real value = vec_row_sum_called(focal_term_part, row, n);
    row->dot = vf_set1(vec_row_sum_called(focal_pull_part, row, n));
    vec_each(focal_logits_slope, row, n);
    return value;
}

INLINE vf focal_log_part(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    vf q = vec_clip(entropy_share(row, i, some), CLIP, ABOVE_CLIP);
    vf power = vf_exp(vf_mul(row->gamma, vf_log(vec_rest(q))));
    return vf_mul(vf_mul(focal_target(row, i, some), power), vf_log(q));
}

/* The slope by the share goes to dy; its product with the share comes back. */
INLINE vf focal_share_slope(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    vf share = entropy_share(row, i, some), q = vec_clip(share, CLIP, ABOVE_CLIP), left = vec_rest(q);
    vf power = vf_mul(focal_target(row, i, some), vf_exp(vf_mul(row->gamma, vf_log(left))));
    vf by_share = vf_sub(vf_div(vf_mul(row->gamma, vf_log(q)), left), vf_div(vec_one(), q));
    vf slope = vf_select(vf_eq(share, q), vf_mul(power, by_share), vf_zero());
    vec_store(row->dy + i, slope, some);
    return vf_mul(slope, share);
}

INLINE real focal_of_shares(entropy_row *row, int64_t n) {
    row->sum = vf_set1(vec_row_sum_called(entropy_y, row, n));
    const real value = -vec_row_sum_called(focal_log_part, row, n);
    row->dot = vf_set1(vec_row_sum_called(focal_share_slope, row, n));
    vec_each(entropy_y_slope, row, n);
    return value;
}

#endif
