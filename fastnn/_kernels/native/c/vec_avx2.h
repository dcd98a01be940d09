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
static inline void vf_store_n(real *p, vf a, int n) { MM(maskstore)(p, (__m256i)vm_first(n), a); }

#endif
