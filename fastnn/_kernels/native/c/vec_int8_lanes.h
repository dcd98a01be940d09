/* The vocabulary for products of whole numbers on any machine: 4 sums of 32 bits a vector. */
#ifndef FNN_VEC_INT8_LANES_H
#define FNN_VEC_INT8_LANES_H

#define INT8_SUMS 4

typedef int32_t vq __attribute__((vector_size(16)));
typedef int32_t vq_anywhere __attribute__((vector_size(16), aligned(4), may_alias));

static inline vq vq_load(const int32_t *p) { return *(const vq_anywhere *)p; }
static inline vq vq_zero(void) { return (vq){0}; }
static inline vq vq_add(vq a, vq b) { return a + b; }
static inline void vq_store(int32_t *p, vq a) { *(vq_anywhere *)p = a; }

/* sum[j] + eight products: x[i] * w[4 * j + i], and x[4 + i] * w[next + 4 * j + i], for i of 0 to 3. */
ALWAYS_INLINE vq vq_products(vq sum, const uint8_t *x, const int8_t *w, int next) {
    UNROLL for (int i = 0; i < 4; i++) {
        const vq first = {w[i], w[4 + i], w[8 + i], w[12 + i]};
        const vq second = {w[next + i], w[next + 4 + i], w[next + 8 + i], w[next + 12 + i]};
        sum += first * (int32_t)x[i] + second * (int32_t)x[4 + i];
    }
    return sum;
}

ALWAYS_INLINE void vq_store_bytes(const vi *whole, uint8_t *q) { vec_store_bytes(whole, q); }

#endif
