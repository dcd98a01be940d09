/* The most products this core can add: sums that stay in registers and wait for nothing but themselves.
 *
 * Each sum starts from another number, or the compiler would see that all are one; multiplying the sum itself keeps
 * the product of the portable vf_fma in the loop. By halving and adding they stay near 2, far from denormals. */
#ifndef FNN_PEAK_H
#define FNN_PEAK_H

#include "gemm_pairs.h"
#include "int8_tile.h"

#define CHAINS 14 /* with the two constants they fill 16 registers, and they outlast the latency of fma */

/* n steps of every chain, and in `all` their sum; START and STEP tell the first number and the next one of `one`. */
#define RUN_CHAINS(vector, n, START, STEP, PLUS, all)                                                                  \
    vector chain[CHAINS];                                                                                              \
    UNROLL for (int i = 0; i < CHAINS; i++)                                                                            \
        chain[i] = START(i);                                                                                           \
    for (int64_t step = 0; step < (n); step++) {                                                                       \
        UNROLL for (int i = 0; i < CHAINS; i++)                                                                        \
            chain[i] = STEP(chain[i]);                                                                                 \
    }                                                                                                                  \
    vector all = chain[0];                                                                                             \
    UNROLL for (int i = 1; i < CHAINS; i++)                                                                            \
    all = PLUS(all, chain[i])

/* Products of numbers of this file's precision. */
static double peak_of_reals(int64_t n, double *sum) {
#define START(i) vf_set1((real)(i + *sum))
#define STEP(one) vf_fma(one, vf_set1((real)0.5), vf_set1(1))
    RUN_CHAINS(vf, n, START, STEP, vf_add, all);
#undef STEP
    *sum = all[0];
    return 2.0 * LANES * CHAINS * (double)n;
}

/* Of bf16, as gemm_pairs.h makes them; they are those of float32 where the processor has no such instruction. */
static double peak_of_bf16(int64_t n, double *sum) {
#ifdef HAS_PAIRS
    if (runs_pairs()) {
#define STEP(one) vf_pairs(vf_zero(), vf_zero(), one)
        RUN_CHAINS(vf, n, START, STEP, vf_add, all);
#undef STEP
        *sum = all[0];
        return 4.0 * LANES * CHAINS * (double)n;
    }
#endif
    return peak_of_reals(n, sum);
}
#undef START

/* Of whole numbers of 8 bits, as int8_tile.h makes them; 0 where that takes more than one instruction. */
static double peak_of_int8(int64_t n, double *sum) {
#ifdef FNN_DOTS
    if (fnn_extras & FNN_DOTS) {
        int32_t sums[CHAINS * INT8_SUMS];
        for (int i = 0; i < CHAINS * INT8_SUMS; i++) sums[i] = i + (int32_t)*sum;
#define START(i) vq_load(sums + i * INT8_SUMS)
#define STEP(one) vq_dots(one, vq_zero(), vq_zero())
        RUN_CHAINS(vq, n, START, STEP, vq_add, all);
#undef STEP
#undef START
        vq_store(sums, all);
        *sum = sums[0];
        return 8.0 * INT8_SUMS * CHAINS * (double)n;
    }
#endif
    (void)n, (void)sum;
    return 0;
}

/* Operations that n steps did, two for a product of such numbers. *sum keeps the work from being dropped. */
static double peak(int numbers, int64_t n, double *sum) {
    return numbers == FNN_INT8_PEAK   ? peak_of_int8(n, sum)
           : numbers == FNN_BF16_PEAK ? peak_of_bf16(n, sum)
                                      : peak_of_reals(n, sum);
}

#endif
