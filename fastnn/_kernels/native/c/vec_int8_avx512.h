/* The vocabulary for products of whole numbers on x86 with AVX-512: 16 sums of 32 bits a vector. */
#ifndef FNN_VEC_INT8_AVX512_H
#define FNN_VEC_INT8_AVX512_H

#include <immintrin.h>
#include <string.h>

#define INT8_SUMS 16

typedef __m512i vq;

static inline vq vq_load(const int32_t *p) { return _mm512_loadu_si512(p); }
static inline vq vq_zero(void) { return _mm512_setzero_si512(); }
static inline vq vq_add(vq a, vq b) { return _mm512_add_epi32(a, b); }
static inline void vq_store(int32_t *p, vq a) { _mm512_storeu_si512(p, a); }

static inline vq vq_four(const uint8_t *x) {
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm512_set1_epi32(four);
}

/* As in vec_int8_avx2.h. */
ALWAYS_INLINE vq vq_products(vq sum, const uint8_t *x, const int8_t *w, int next) {
    const vq first = _mm512_maddubs_epi16(vq_four(x), _mm512_loadu_si512(w)),
             second = _mm512_maddubs_epi16(vq_four(x + 4), _mm512_loadu_si512(w + next));
    return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_add_epi16(first, second), _mm512_set1_epi16(1)));
}

/* sum[j] + x[i] * w[4 * j + i] for i of 0 to 3, where the processor has FNN_DOTS. */
#define FNN_DOTS FNN_AVX512_VNNI
ALWAYS_INLINE vq vq_dots(vq sum, vq four, vq w) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(four), "v"(w));
    return sum;
}

/* The low bytes of four vectors of numbers from 0 to 255. */
ALWAYS_INLINE void vq_store_bytes(const vi *whole, uint8_t *q) {
    UNROLL for (int v = 0; v < 4; v++)
        _mm_storeu_si128((__m128i *)(q + v * LANES), _mm512_cvtepi32_epi8((__m512i)whole[v]));
}

#endif
