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

enum {
    DRAWN = 128, /* partners drawn together: long enough ahead of their use for memory to answer */
    SINGLY = 16  /* words that take less one counter after the other than vectors of them */
};

/* partner[i] of rows first, first + 1, ...: word[first + i] * (first + i + 1) >> 32. first is a multiple of 4. */
static void draw_partners(const fnn_kernels *kernels, const int32_t *order, int64_t first, int64_t count, uint64_t seed,
                          int64_t epoch, int32_t partner[DRAWN]) {
    uint32_t words[DRAWN],
        counter[4] = {(uint32_t)(first / 4), FNN_STREAM_ORDER, (uint32_t)epoch, (uint32_t)((uint64_t)epoch >> 32)};
    for (int64_t i = 0; count <= SINGLY && i < count; i += 4, counter[0]++) fnn_philox(seed, counter, words + i);
    if (count > SINGLY) kernels->draw(seed, FNN_STREAM_ORDER, (uint64_t)epoch, (uint64_t)first / 4, count, words);
    for (int64_t i = 0; i < count; i++) {
        partner[i] = (int32_t)((uint64_t)words[i] * (uint64_t)(first + i + 1) >> 32);
        __builtin_prefetch(order + partner[i], 1);
    }
}

/* Fisher and Yates, from the end. The partners of the next rows are drawn, and their lines on the way, while these
 * change places: an order larger than the caches would wait for memory at every row. */
void fnn_fill_order(const fnn_kernels *kernels, int32_t *order, int64_t n, uint64_t seed, int64_t epoch) {
    int32_t partners[2][DRAWN];
    for (int64_t i = 0; i < n; i++) order[i] = (int32_t)i;
    int64_t first = (n - 1) / DRAWN * DRAWN, count = n - first;
    draw_partners(kernels, order, first, count, seed, epoch, partners[0]);
    for (int turn = 0; first >= 0; turn = !turn, first -= DRAWN, count = DRAWN) {
        if (first) draw_partners(kernels, order, first - DRAWN, DRAWN, seed, epoch, partners[!turn]);
        int32_t *rows = order + first;
        for (int64_t i = count - 1; i >= 0; i--) {
            const int32_t row = rows[i], partner = partners[turn][i];
            rows[i] = order[partner];
            order[partner] = row;
        }
    }
}
