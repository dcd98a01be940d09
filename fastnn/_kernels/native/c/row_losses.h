/* The categorical hinge and the cosine similarity, which work along rows as the cross-entropies do. */
#ifndef FNN_ROW_LOSSES_H
#define FNN_ROW_LOSSES_H

#include "crossentropy.h"

/* What a row's target and prediction have in common, and what each has of its own. */
INLINE vf row_target_y(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    return vf_mul(vec_load(row->t + i, some), vec_load(row->y + i, some));
}

/* (1 - t) y */
INLINE vf hinge_wrong(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    return vf_mul(vec_rest(vec_load(row->t + i, some)), vec_load(row->y + i, some));
}

/* 1 where a wrong class is the largest */
INLINE vf hinge_tie(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    return vf_select(vf_eq(hinge_wrong(context, i, some), row->largest), vec_one(), vf_zero());
}

/* `sum` is the number of ties, among which the slope is shared out. */
INLINE void hinge_slope(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    vf t = vec_load(row->t + i, some), part = vf_div(vf_mul(hinge_tie(context, i, some), vec_rest(t)), row->sum);
    vec_store(row->dy + i, vf_mul(vf_sub(part, t), row->factor), some);
}

INLINE real categorical_hinge(entropy_row *row, int64_t n) {
    row->largest = vf_set1(vec_row_max(hinge_wrong, row, n));
    row->sum = vf_set1(vec_row_sum_called(hinge_tie, row, n));
    const real lack = row->largest[0] - vec_row_sum_called(row_target_y, row, n) + 1;
    if (lack <= 0) row->factor = vf_zero();
    vec_each(hinge_slope, row, n);
    return lack <= 0 ? 0 : lack; /* NaN stays */
}

INLINE vf row_target_square(const void *context, int64_t i, int some) {
    vf t = vec_load(((const entropy_row *)context)->t + i, some);
    return vf_mul(t, t);
}

INLINE vf row_y_square(const void *context, int64_t i, int some) {
    vf y = vec_load(((const entropy_row *)context)->y + i, some);
    return vf_mul(y, y);
}

/* Numbers of a row of unit length: of the target (length `largest`) times of the prediction (length `sum`). */
INLINE vf cosine_part(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    vf t = vf_div(vec_load(row->t + i, some), row->largest);
    return vf_mul(t, vf_div(vec_load(row->y + i, some), row->sum));
}

/* `dot` is the similarity, or 0 where the length is kept from zero. */
INLINE void cosine_slope(const void *context, int64_t i, int some) {
    const entropy_row *row = context;
    vf t = vf_div(vec_load(row->t + i, some), row->largest), y = vf_div(vec_load(row->y + i, some), row->sum);
    vf slope = vf_div(vf_sub(vf_mul(row->dot, y), t), row->sum);
    vec_store(row->dy + i, vf_mul(slope, row->factor), some);
}

INLINE real cosine_similarity(entropy_row *row, int64_t n) {
    vf least = vf_set1(CLIP);
    row->largest = vf_max(least, vf_sqrt(vf_set1(vec_row_sum_called(row_target_square, row, n))));
    row->sum = vf_max(least, vf_sqrt(vf_set1(vec_row_sum_called(row_y_square, row, n))));
    vf similarity = vf_set1(vec_row_sum_called(cosine_part, row, n));
    row->dot = vf_select(vf_gt(row->sum, least), similarity, vf_zero());
    vec_each(cosine_slope, row, n);
    return -similarity[0];
}

#endif
