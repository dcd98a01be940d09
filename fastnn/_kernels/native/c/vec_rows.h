/* How kernels run over numbers: a flat run with its ragged end, and sums and maxima over a row.
 *
 * Element i of a row goes to logical lane i % 16, the lanes fold as 16 -> 8 -> 4 -> 2 -> 1, lane j with
 * lane j + half, on every ISA. An accumulator is vf acc[GROUPS]: one register on AVX-512 in single
 * precision, eight on NEON in double.
 *
 * Design: drivers take the formula as a function pointer and are always inlined, so that one text of
 * loops and ends serves all formulas at the cost of none. Macros that stamp out loops (rejected)
 * cannot be stepped through or checked for types. */
#ifndef FNN_VEC_ROWS_H
#define FNN_VEC_ROWS_H

#include "vec_math.h"

static int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t at_least(int64_t a, int64_t b) { return a > b ? a : b; }

/* `some` numbers, 1 to LANES; a plain load or store where the compiler knows that it is LANES. Loads by masks that cost
 * nothing are the same text for all. */
ALWAYS_INLINE vf vec_load(const real *p, int some) {
#ifdef VEC_OWN_MASKS
    if (!__builtin_constant_p(some)) return vf_load_n(p, some);
#endif
    return some == LANES ? vf_load(p) : vf_load_n(p, some);
}

ALWAYS_INLINE void vec_store(real *p, vf a, int some) {
    if (some == LANES)
        vf_store(p, a);
    else
        vf_store_n(p, a, some);
}

ALWAYS_INLINE void copy_row(const real *from, int64_t n, real *to) {
    int64_t j = 0;
    for (; j <= n - LANES; j += LANES) vf_store(to + j, vf_load(from + j));
    if (j < n) vf_store_n(to + j, vf_load_n(from + j, (int)(n - j)), (int)(n - j));
}

/* Calls body(context, i, some) over 0 <= i < n in steps of LANES. */
ALWAYS_INLINE void vec_each(void (*body)(const void *, int64_t, int), const void *context, int64_t n) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) body(context, i, LANES);
    if (i < n) body(context, i, (int)(n - i));
}

/* Lane i of the result is a[i + half]; only the lower half of the lanes is of use. */
INLINE vf vec_upper(vf a, int half) {
    vf upper = a;
    UNROLL for (int i = 0; i < LANES; i++)
        upper[i] = a[(i + half) % LANES];
    return upper;
}

/* Folds the groups of logical lanes into the first. */
INLINE void vec_join_groups(vf (*join)(vf, vf), vf *acc) {
    UNROLL for (int half = GROUPS / 2; half; half /= 2) {
        UNROLL for (int g = 0; g < half; g++)
            acc[g] = join(acc[g], acc[g + half]);
    }
}

/* Folds all logical lanes into one number. */
INLINE real vec_fold(vf (*join)(vf, vf), vf *acc) {
    vec_join_groups(join, acc);
    UNROLL for (int half = LANES / 2; half; half /= 2)
        acc[0] = join(acc[0], vec_upper(acc[0], half));
    return acc[0][0];
}

/* Joins the numbers of a row behind its whole stretches of logical lanes; lanes from `some` on count as `start`. */
INLINE void vec_row_group(vf (*join)(vf, vf), real start, vf (*term)(const void *, int64_t, int), const void *context,
                          int64_t i, int64_t n, int g, vf *acc) {
    const int left = (int)(n - i) - g * LANES, some = left < LANES ? left : LANES;
    if (some > 0) acc[g] = join(acc[g], vf_select(vm_first(some), term(context, i + g * LANES, some), vf_set1(start)));
}

/* Is all of a file's code small, and has what is frequent no text of its own? */
#ifdef __OPTIMIZE_SIZE__
enum { ALL_LOOPED = 1 };
#else
enum { ALL_LOOPED = 0 };
#endif

/* Joins term(context, i, some) over a row of n, lane by logical lane. Where the row's end is `looped`, the term stands
 * there once and not for each group, for terms of much code: softmax takes 5 % longer with it. */
INLINE void vec_row_lanes(vf (*join)(vf, vf), real start, vf (*term)(const void *, int64_t, int), const void *context,
                          int64_t n, const int looped, vf *acc) {
    int64_t i = 0;
    UNROLL for (int g = 0; g < GROUPS; g++)
        acc[g] = vf_set1(start);
    for (; i + LOGICAL_LANES <= n; i += LOGICAL_LANES) {
        UNROLL for (int g = 0; g < GROUPS; g++)
            acc[g] = join(acc[g], term(context, i + g * LANES, LANES));
    }
    if (looped || ALL_LOOPED) {
        ONCE for (int g = 0; g < GROUPS; g++) vec_row_group(join, start, term, context, i, n, g, acc);
    } else {
        UNROLL for (int g = 0; g < GROUPS; g++)
            vec_row_group(join, start, term, context, i, n, g, acc);
    }
}

INLINE real vec_row_of(vf (*join)(vf, vf), real start, vf (*term)(const void *, int64_t, int), const void *context,
                       int64_t n, const int looped) {
    vf acc[GROUPS];
    vec_row_lanes(join, start, term, context, n, looped, acc);
    return vec_fold(join, acc);
}

INLINE real vec_row(vf (*join)(vf, vf), real start, vf (*term)(const void *, int64_t, int), const void *context,
                    int64_t n) {
    return vec_row_of(join, start, term, context, n, 0);
}

INLINE real vec_row_sum_looped(vf (*term)(const void *, int64_t, int), const void *context, int64_t n) {
    return vec_row_of(vf_add, 0, term, context, n, 1);
}

INLINE real vec_row_sum(vf (*term)(const void *, int64_t, int), const void *context, int64_t n) {
    return vec_row(vf_add, 0, term, context, n);
}

/* A row with NaN gives any of its entries. */
INLINE real vec_row_max(vf (*term)(const void *, int64_t, int), const void *context, int64_t n) {
    return vec_row(vf_max, -REAL_INFINITY, term, context, n);
}

/* The same, for what few networks have: the term is called for each vector, where else it would stand there for each of
 * several groups. */
#if LOGICAL_LANES * REAL_BYTES == VEC_BYTES
#define vec_row_sum_called vec_row_sum_looped
#else
static RARE real vec_row_sum_called(vf (*term)(const void *, int64_t, int), const void *context, int64_t n) {
    return vec_row_sum_looped(term, context, n);
}
#endif

/* Sums in double run over 16 lanes as well: lane[i % 16] += term(context, i). */
INLINE double vec_double_sum(double (*term)(const void *, int64_t), const void *context, int64_t n) {
    double lane[LOGICAL_LANES] = {0};
    int64_t i = 0;
    for (; i + LOGICAL_LANES <= n; i += LOGICAL_LANES)
        for (int j = 0; j < LOGICAL_LANES; j++) lane[j] += term(context, i + j);
    for (int j = 0; i + j < n; j++) lane[j] += term(context, i + j);
    for (int half = LOGICAL_LANES / 2; half; half /= 2)
        for (int j = 0; j < half; j++) lane[j] += lane[j + half];
    return lane[0];
}

#endif
