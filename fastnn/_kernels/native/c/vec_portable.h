/* The vocabulary for any machine: 16-byte vectors of GCC and Clang, no intrinsics, no fused multiply-add. */
#ifndef FNN_VEC_PORTABLE_H
#define FNN_VEC_PORTABLE_H

#define ISA_NAME "portable"
#define VEC_BYTES 16
#include "vec_lanes.h"

/* a * b + c and c - a * b, rounded twice. */
static inline vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
static inline vf vf_fnma(vf a, vf b, vf c) { return c - a * b; }

static inline vf vf_sqrt(vf a) {
    for (int i = 0; i < LANES; i++) a[i] = sizeof(real) == 8 ? __builtin_sqrt(a[i]) : __builtin_sqrtf(a[i]);
    return a;
}

/* To the nearest whole number, ties to even: adding 2**MANTISSA leaves no bits for a fraction. */
static inline vf vf_round(vf a) {
    const vf big = vf_bits(vi_shl(vi_set1((integer)MANTISSA + (1 << (sizeof(real) == 8 ? 10 : 7)) - 1), MANTISSA));
    vf magnitude = vf_abs(a);
    vf whole = vf_sub(vf_add(magnitude, big), big);
    return vf_copysign(vf_select(vf_lt(magnitude, big), whole, magnitude), a);
}

static inline vl vl_times(vl a, uint32_t b) { return (a & vl_set1(UINT32_MAX)) * vl_set1(b); }

#endif
