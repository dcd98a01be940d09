/* Products of whole numbers: inputs too are int8, by a scale that is known beforehand. */
#ifndef INTEGERS_H
#define INTEGERS_H
#include "conv.h"
#include <math.h>
#include <stdint.h>

/* The nearest whole numbers to x / step, which is 1 / by; within -127 to 127. NaN becomes 0. */
static void to_integers(const float *restrict x, int n, float by, int8_t *restrict q) {
    for (int i = 0; i < n; ++i) {
        const float z = x[i] * by;
        q[i] = (int8_t)(z >= 127.0f ? 127.0f : z <= -127.0f ? -127.0f : z != z ? 0.0f : z < 0.0f ? z - 0.5f : z + 0.5f);
    }
}

static int32_t dot_integers(const int8_t *restrict a, const int8_t *restrict b, int n) {
    int32_t sum = 0;
    for (int i = 0; i < n; ++i) sum += a[i] * b[i];
    return sum;
}

/* y = (x @ w.T) * scale + b for each of the rows; w is (n_out, n_in). */
static void dense_integers(const int8_t *restrict x, int rows, int n_in, const int8_t *restrict w, const float *scale,
                           const float *b, int n_out, float *restrict y) {
    for (int r = 0; r < rows; ++r, x += n_in, y += n_out)
        for (int j = 0; j < n_out; ++j)
            y[j] = (float)dot_integers(x, w + j * n_in, n_in) * scale[j] + (b ? b[j] : 0.0f);
}

/* A window of a convolution; the kernel is (n, kh, kw, c), and what it reads of a row lies side by side in both. */
static inline void window_integers(const windows *s, int oy, int ox, const void *x, const void *w, const float *scale,
                                   const float *b, float *y) {
    const int at = ox * s->sw - s->left;
    const int first = at < 0 ? -at : 0, last = at + s->kw > s->w ? s->w - at : s->kw;
    for (int f = 0; f < s->n; ++f) {
        int32_t sum = 0;
        for (int ky = 0; ky < s->kh && first < last; ++ky) {
            const int row = oy * s->sh + ky * s->dh - s->top;
            if (row < 0 || row >= s->h) continue;
            sum += dot_integers((const int8_t *)x + (row * s->w + at + first) * s->c,
                                (const int8_t *)w + ((f * s->kh + ky) * s->kw + first) * s->c, (last - first) * s->c);
        }
        y[f] = (float)sum * scale[f] + (b ? b[f] : 0.0f);
    }
}

/* With groups, or steps inside a window; the kernel is (n, kh, kw, c / groups). */
static inline void window_integers_apart(const windows *s, int oy, int ox, const void *x, const void *w,
                                         const float *scale, const float *b, float *y) {
    const int c = s->c / s->groups, n = s->n / s->groups, taps = s->kh * s->kw;
    for (int f = 0; f < s->n; ++f) {
        int32_t sum = 0;
        for (int tap = 0; tap < taps; ++tap) {
            const int row = oy * s->sh + tap / s->kw * s->dh - s->top;
            const int column = ox * s->sw + tap % s->kw * s->dw - s->left;
            if (row < 0 || row >= s->h || column < 0 || column >= s->w) continue;
            sum += dot_integers((const int8_t *)x + (row * s->w + column) * s->c + f / n * c,
                                (const int8_t *)w + (f * taps + tap) * c, c);
        }
        y[f] = (float)sum * scale[f] + (b ? b[f] : 0.0f);
    }
}

#endif
