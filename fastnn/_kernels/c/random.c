/* Random numbers that every ISA shares: Philox words and the order of rows in an epoch. */
#include "kernels.h"
#include "random.h"

void fnn_philox(uint64_t seed, const uint32_t counter[4], uint32_t words[4]) {
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    uint32_t x0 = counter[0], x1 = counter[1], x2 = counter[2], x3 = counter[3];
    for (int round = 0; round < FNN_PHILOX_ROUNDS; round++) {
        uint64_t a = (uint64_t)x0 * FNN_PHILOX_MULTIPLY_0, b = (uint64_t)x2 * FNN_PHILOX_MULTIPLY_1;
        x0 = (uint32_t)(b >> 32) ^ x1 ^ k0;
        x1 = (uint32_t)b;
        x2 = (uint32_t)(a >> 32) ^ x3 ^ k1;
        x3 = (uint32_t)a;
        k0 += FNN_PHILOX_WEYL_0;
        k1 += FNN_PHILOX_WEYL_1;
    }
    words[0] = x0, words[1] = x1, words[2] = x2, words[3] = x3;
}

/* Fisher and Yates, from the end; row i changes places with word[i] * (i + 1) >> 32. */
void fnn_fill_order(int32_t *order, int64_t n, uint64_t seed, int64_t epoch) {
    uint32_t counter[4] = {0, FNN_STREAM_ORDER, (uint32_t)epoch, (uint32_t)((uint64_t)epoch >> 32)};
    uint32_t words[4];
    for (int64_t i = 0; i < n; i++) order[i] = (int32_t)i;
    for (int64_t i = n - 1; i > 0; i--) {
        if (i % 4 == 3 || i == n - 1) {
            counter[0] = (uint32_t)(i / 4);
            fnn_philox(seed, counter, words);
        }
        int64_t j = (int64_t)((uint64_t)words[i % 4] * (uint64_t)(i + 1) >> 32);
        int32_t row = order[i];
        order[i] = order[j];
        order[j] = row;
    }
}
