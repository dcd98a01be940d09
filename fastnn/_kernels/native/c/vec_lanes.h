/* What the 16-byte instruction sets, portable and NEON, share: selection by bits, ragged ends lane by lane. */
#ifndef FNN_VEC_LANES_H
#define FNN_VEC_LANES_H

#include "vec.h"

/* a where the mask is set, else b. */
static inline vf vf_select(vm mask, vf a, vf b) {
    return vf_bits(vi_or(vi_and(mask, vi_bits(a)), vi_and(~mask, vi_bits(b))));
}
static inline vf vf_max(vf a, vf b) { return vf_select(vf_gt(a, b), a, b); }
static inline vf vf_min(vf a, vf b) { return vf_select(vf_lt(a, b), a, b); }

/* A mask of the first n lanes. */
static inline vm vm_first(int n) {
    vm mask = {0};
    for (int i = 0; i < LANES; i++) mask[i] = -(i < n);
    return mask;
}

/* The first n <= LANES numbers; the lanes behind them are 0 and their memory is not touched. */
static inline vf vf_load_n(const real *p, int n) {
    vf a = vf_zero();
    for (int i = 0; i < LANES; i++)
        if (i < n) a[i] = p[i];
    return a;
}

static inline void vf_store_n(real *p, vf a, int n) {
    for (int i = 0; i < LANES; i++)
        if (i < n) p[i] = a[i];
}

#endif
