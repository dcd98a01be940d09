/* The vocabulary for 64-bit ARM: 16-byte vectors with fused multiply-add. */
#ifndef FNN_VEC_NEON_H
#define FNN_VEC_NEON_H

#include <arm_neon.h>

#define ISA_NAME "neon"
#define VEC_BYTES 16
#include "vec_lanes.h"

#ifdef FNN_F64
#define NEON(name) name##q_f64
#else
#define NEON(name) name##q_f32
#endif

/* a * b + c and c - a * b, rounded once. */
static inline vf vf_fma(vf a, vf b, vf c) { return NEON(vfma)(c, a, b); }
static inline vf vf_fnma(vf a, vf b, vf c) { return NEON(vfms)(c, a, b); }
static inline vf vf_sqrt(vf a) { return NEON(vsqrt)(a); }
static inline vl vl_times(vl a, uint32_t b) { return (vl)vmull_u32(vmovn_u64((uint64x2_t)a), vdup_n_u32(b)); }
/* To the nearest whole number, ties to even. */
static inline vf vf_round(vf a) { return NEON(vrndn)(a); }

#endif
