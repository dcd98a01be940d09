/* The vocabulary for x86 with AVX-512 F, DQ, BW and VL: 64-byte vectors, masks in registers of their own. */
#ifndef FNN_VEC_AVX512_H
#define FNN_VEC_AVX512_H

#include <immintrin.h>

#define FREE_MASKS /* the ragged end of a row takes no longer than a whole vector */

#define ISA_NAME "avx512"
#define VEC_BYTES 64
#define VEC_OWN_MASKS
#include "vec.h"

#ifdef FNN_F64
#define MM(name) _mm512_##name##_pd
#define MM_COMPARE(a, b, how) _mm512_cmp_pd_mask(a, b, how)
typedef __mmask8 vm;
#else
#define MM(name) _mm512_##name##_ps
#define MM_COMPARE(a, b, how) _mm512_cmp_ps_mask(a, b, how)
typedef __mmask16 vm;
#endif

static inline vm vf_lt(vf a, vf b) { return MM_COMPARE(a, b, _CMP_LT_OQ); }
static inline vm vf_le(vf a, vf b) { return MM_COMPARE(a, b, _CMP_LE_OQ); }
static inline vm vf_gt(vf a, vf b) { return MM_COMPARE(a, b, _CMP_GT_OQ); }
static inline vm vf_ge(vf a, vf b) { return MM_COMPARE(a, b, _CMP_GE_OQ); }
static inline vm vf_eq(vf a, vf b) { return MM_COMPARE(a, b, _CMP_EQ_OQ); }
static inline vm vf_isnan(vf a) { return MM_COMPARE(a, a, _CMP_UNORD_Q); }
static inline vm vm_and(vm a, vm b) { return a & b; }
static inline vm vm_or(vm a, vm b) { return a | b; }
static inline vm vm_not(vm a) { return (vm)~a; }

/* a * b + c and c - a * b, rounded once. */
static inline vf vf_fma(vf a, vf b, vf c) { return MM(fmadd)(a, b, c); }
static inline vf vf_fnma(vf a, vf b, vf c) { return MM(fnmadd)(a, b, c); }
static inline vf vf_sqrt(vf a) { return MM(sqrt)(a); }
static inline vf vf_max(vf a, vf b) { return MM(max)(a, b); }
static inline vf vf_min(vf a, vf b) { return MM(min)(a, b); }
/* To the nearest whole number, ties to even. */
static inline vf vf_round(vf a) { return MM(roundscale)(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
/* a where the mask is set, else b. */
static inline vf vf_select(vm mask, vf a, vf b) { return MM(mask_blend)(mask, b, a); }

#ifndef FNN_F64
/* Instructions of AVX512_BF16, which some processors have: see fnn_extras. As assembly they can stand in this file, all
 * else of which does without them. */
#define HAS_PAIRS
/* c + a * b of the upper halves of words, and then of their lower halves, each rounded once. */
static inline vf vf_pairs(vf a, vf b, vf c) {
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
    return c;
}
/* Rounded to bf16: the halves of words, from the lower ones up, of low and then of high. */
static inline vi vi_halves(vf low, vf high) {
    vi halves;
    __asm__("vcvtne2ps2bf16 %2, %1, %0" : "=v"(halves) : "v"(high), "v"(low));
    return halves;
}

/* Half a vector: where numbers are few, and begin anywhere, a load of it crosses a cache line half as often. */
#define HAS_HALVES
typedef __m256 vh;
static inline vh vh_load(const real *p) { return _mm256_loadu_ps(p); }
static inline void vh_store(real *p, vh a) { _mm256_storeu_ps(p, a); }
static inline vh vh_set1(real x) { return _mm256_set1_ps(x); }
static inline vh vh_fma(vh a, vh b, vh c) { return _mm256_fmadd_ps(a, b, c); }
#endif

static inline vl vl_times(vl a, uint32_t b) { return (vl)_mm512_mul_epu32((__m512i)a, (__m512i)vl_set1(b)); }

/* A mask of the first n lanes. */
static inline vm vm_first(int n) { return (vm)((1u << n) - 1); }

/* The first n <= LANES numbers; the lanes behind them are 0 and their memory is not touched. */
static inline vf vf_load_n(const real *p, int n) { return MM(maskz_loadu)(vm_first(n), p); }
static inline void vf_store_n(real *p, vf a, int n) { MM(mask_storeu)(p, vm_first(n), a); }

#endif
