/* Philox words by vectors of counters: the bits of fnn_philox. */
#ifndef FNN_RANDOM_WORDS_H
#define FNN_RANDOM_WORDS_H

#include <string.h>

#include "kernels.h"
#include "random.h"
#include "vec.h"

#define DRAWN 3 /* vectors of counters that are drawn together: what they become stays in registers */
#define DRAWN_WORDS (4 * DRAWN * LONG_LANES)

/* Words [4 * first, 4 * first + DRAWN_WORDS) of a stream: four of each counter, in the lower halves of vectors.
 *
 * Design: by vectors, for compilers make 64-bit products of what they are left to see as 32-bit ones: with AVX2 a word
 * takes 0.8 ns in place of 2.3. */
static void draw_words(uint64_t seed, uint32_t stream, uint64_t position, uint64_t first, uint32_t words[DRAWN_WORDS]) {
    vl x[DRAWN][4];
    uint64_t pairs[2][DRAWN * LONG_LANES];
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    UNROLL for (int v = 0; v < DRAWN; v++) {
        for (int i = 0; i < LONG_LANES; i++) x[v][0][i] = first + (uint64_t)(v * LONG_LANES + i);
        x[v][1] = vl_set1(stream), x[v][2] = vl_set1(position), x[v][3] = vl_set1(position >> 32);
    }
    ONCE for (int round = 0; round < FNN_PHILOX_ROUNDS; round++) {
        UNROLL for (int v = 0; v < DRAWN; v++) {
            const vl a = vl_times(x[v][0], FNN_PHILOX_MULTIPLY_0), b = vl_times(x[v][2], FNN_PHILOX_MULTIPLY_1);
            x[v][0] = b >> 32 ^ x[v][1] ^ vl_set1(k0), x[v][1] = b;
            x[v][2] = a >> 32 ^ x[v][3] ^ vl_set1(k1), x[v][3] = a;
        }
        k0 += FNN_PHILOX_WEYL_0, k1 += FNN_PHILOX_WEYL_1;
    }
    UNROLL for (int v = 0; v < DRAWN; v++) {
        UNROLL for (int q = 0; q < 2; q++) {
            const vl both = vl_pair(x[v][2 * q], x[v][2 * q + 1]);
            memcpy(&pairs[q][v * LONG_LANES], &both, sizeof both);
        }
    }
    for (int i = 0; i < DRAWN * LONG_LANES; i++)
        for (int q = 0; q < 2; q++) memcpy(words + 4 * i + 2 * q, &pairs[q][i], sizeof(uint64_t));
}

/* Words [4 * first, 4 * first + n) of a stream. */
static void draw_some(uint64_t seed, uint32_t stream, uint64_t position, uint64_t first, int64_t n, uint32_t *to) {
    uint32_t words[DRAWN_WORDS];
    for (int64_t i = 0; i < n; i += DRAWN_WORDS, first += DRAWN_WORDS / 4) {
        draw_words(seed, stream, position, first, words);
        memcpy(to + i, words, (size_t)(n - i < DRAWN_WORDS ? n - i : DRAWN_WORDS) * sizeof *words);
    }
}

#endif
