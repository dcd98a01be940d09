/* The vocabulary for x86 with AVX2 and FMA: 32-byte vectors. */
#ifndef FNN_VEC_AVX2_H
#define FNN_VEC_AVX2_H

#include <immintrin.h>

#define ISA_NAME "avx2"
#define VEC_BYTES 32
#include "vec.h"

#ifdef FNN_F64
#define MM(name) _mm256_##name##_pd
#else
#define MM(name) _mm256_##name##_ps
#endif

/* a * b + c and c - a * b, rounded once. */
static inline vf vf_fma(vf a, vf b, vf c) { return MM(fmadd)(a, b, c); }
static inline vf vf_fnma(vf a, vf b, vf c) { return MM(fnmadd)(a, b, c); }
static inline vf vf_sqrt(vf a) { return MM(sqrt)(a); }
static inline vf vf_max(vf a, vf b) { return MM(max)(a, b); }
static inline vf vf_min(vf a, vf b) { return MM(min)(a, b); }
/* To the nearest whole number, ties to even. */
static inline vf vf_round(vf a) { return MM(round)(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
/* a where the mask is set, else b. */
static inline vf vf_select(vm mask, vf a, vf b) { return MM(blendv)(b, a, (vf)mask); }

static inline vl vl_times(vl a, uint32_t b) { return (vl)_mm256_mul_epu32((__m256i)a, (__m256i)vl_set1(b)); }

/* A mask of the first n lanes: a window into ones followed by zeros. */
static inline vm vm_first(int n) {
    static const integer window[2 * LANES] = {
        -1, -1, -1, -1,
#ifndef FNN_F64
        -1, -1, -1, -1,
#endif
    };
    return (vm)_mm256_loadu_si256((const __m256i *)(window + LANES - n));
}

/* The first n <= LANES numbers; the lanes behind them are 0 and their memory is not touched. */
static inline vf vf_load_n(const real *p, int n) { return MM(maskload)(p, (__m256i)vm_first(n)); }

/* Those that remain of a vector's half, whose others are stored. */
static inline void store_pairs(real *p, vf a, int n) {
#ifdef FNN_F64
    if (n & 1) p[0] = a[0];
#else
    __m128 half = _mm256_castps256_ps128(a);
    if (n & 2) {
        _mm_storel_pi((__m64 *)p, half);
        half = _mm_movehl_ps(half, half), p += 2;
    }
    if (n & 1) _mm_store_ss(p, half);
#endif
}

/* The first n <= LANES numbers, in halves: a masked store takes AMD's processors 15 cycles, four times what this takes.
 * A call, because it stands at the end of every loop: inlined, the kernels would be a twelfth larger. */
static __attribute__((noinline)) void vf_store_n(real *p, vf a, int n) {
    if (n & LANES) {
        vf_store(p, a);
        return;
    }
    if (n & (LANES / 2)) {
        _mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128((__m256i)a));
        a = (vf)_mm256_permute2x128_si256((__m256i)a, (__m256i)a, 1), p += LANES / 2;
    }
    store_pairs(p, a, n);
}

#endif
