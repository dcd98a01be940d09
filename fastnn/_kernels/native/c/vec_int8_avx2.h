/* The vocabulary for products of whole numbers on x86 with AVX2: 8 sums of 32 bits a vector. */
#ifndef FNN_VEC_INT8_AVX2_H
#define FNN_VEC_INT8_AVX2_H

#include <immintrin.h>
#include <string.h>

#define INT8_SUMS 8

typedef __m256i vq;

static inline vq vq_load(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
static inline vq vq_zero(void) { return _mm256_setzero_si256(); }
static inline vq vq_add(vq a, vq b) { return _mm256_add_epi32(a, b); }
static inline void vq_store(int32_t *p, vq a) { _mm256_storeu_si256((__m256i *)p, a); }

static inline vq vq_four(const uint8_t *x) {
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm256_set1_epi32(four);
}

/* sum[j] + eight products: x[i] * w[4 * j + i], and x[4 + i] * w[next + 4 * j + i], for i of 0 to 3. Numbers of x are 0
 * to 127, and the bound of sums of four in _ops/int8.py keeps those in 16 bits from saturating. */
ALWAYS_INLINE vq vq_products(vq sum, const uint8_t *x, const int8_t *w, int next) {
    const vq first = _mm256_maddubs_epi16(vq_four(x), _mm256_loadu_si256((const __m256i *)w)),
             second = _mm256_maddubs_epi16(vq_four(x + 4), _mm256_loadu_si256((const __m256i *)(w + next)));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_add_epi16(first, second), _mm256_set1_epi16(1)));
}

/* sum[j] + x[i] * w[4 * j + i] for i of 0 to 3, where the processor has FNN_DOTS. */
#ifndef FNN_F64
#define FNN_DOTS FNN_AVX_VNNI
ALWAYS_INLINE vq vq_dots(vq sum, vq four, vq w) {
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(four), "x"(w));
    return sum;
}
#endif

/* The low bytes of four vectors of numbers from 0 to 255. */
ALWAYS_INLINE void vq_store_bytes(const vi *whole, uint8_t *q) {
#if VEC_BYTES == 32 && REAL_BYTES == 4
    const vq halves = _mm256_packs_epi32((vq)whole[0], (vq)whole[1]),
             others = _mm256_packs_epi32((vq)whole[2], (vq)whole[3]);
    const vq order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7); /* packing works in each half by itself */
    vq_store((int32_t *)q, _mm256_permutevar8x32_epi32(_mm256_packus_epi16(halves, others), order));
#else
    vec_store_bytes(whole, q);
#endif
}

#endif
