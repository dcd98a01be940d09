/* The most multiply-adds this core can do: sums that stay in registers and wait for nothing but themselves.
 *
 * Each sum starts from another number, or the compiler would see that all are one; multiplying the sum itself keeps
 * the product of the portable vf_fma in the loop. By halving and adding they stay near 2, far from denormals. */
#ifndef FNN_PEAK_H
#define FNN_PEAK_H

#include "vec.h"

#define CHAINS 14 /* with the two constants they fill 16 registers, and they outlast the latency of fma */

/* Runs n steps of every chain; returns the floating-point operations done. *sum keeps the work from being dropped. */
static double peak(int64_t n, double *sum) {
    const vf half = vf_set1((real)0.5), one = vf_set1(1);
    vf chain[CHAINS];
#pragma GCC unroll 16
    for (int i = 0; i < CHAINS; i++) chain[i] = vf_set1((real)(i + *sum));
    for (int64_t step = 0; step < n; step++) {
#pragma GCC unroll 16
        for (int i = 0; i < CHAINS; i++) chain[i] = vf_fma(chain[i], half, one);
    }
    vf all = chain[0];
#pragma GCC unroll 16
    for (int i = 1; i < CHAINS; i++) all = vf_add(all, chain[i]);
    *sum = all[0];
    return 2.0 * LANES * CHAINS * (double)n;
}

#endif
