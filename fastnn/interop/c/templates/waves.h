/* Numbers as waves, each column with frequencies and phases of its own. */
#ifndef WAVES_H
#define WAVES_H
#include <math.h>

/* The waves of a layer: frequencies and phases (n, count) in turns, a kernel (n, units, count) and a bias (n, units).
 */
typedef struct {
    int rows, n, units, count, hands_on;
} wave_sizes;

/* The cosine of an angle in turns. */
static float wave(float turns) { return cosf(6.28318531f * (turns - floorf(turns + 0.5f))); }

/* Of each number of a row: the kernel's products with its waves, and behind them the number, if it is handed on. */
static void waves(const wave_sizes *s, const float *x, const float *frequencies, const float *phases,
                  const float *kernel, const float *bias, float *y) {
    const int wide = s->units + s->hands_on;
    for (int i = 0; i < s->rows * s->n; ++i) {
        const int j = i % s->n;
        for (int u = 0; u < s->units; ++u) y[i * wide + u] = bias[j * s->units + u];
        for (int k = 0; k < s->count; ++k) {
            const float h = wave(frequencies[j * s->count + k] * x[i] + phases[j * s->count + k]);
            for (int u = 0; u < s->units; ++u) y[i * wide + u] += h * kernel[(j * s->units + u) * s->count + k];
        }
        if (s->hands_on) y[i * wide + s->units] = x[i];
    }
}

#endif
