/* Windows of an image made one number a channel. */
#ifndef POOL_H
#define POOL_H
#include "basics.h"
#include "conv.h"
#include <math.h>

/* The largest number; what lies outside the image counts for nothing, and NaN is larger than any number. */
static void pool_max(const windows *s, const float *restrict x, float *restrict y) {
    for (int at = 0; at < s->oh * s->ow; ++at, y += s->c) {
        for (int j = 0; j < s->c; ++j) y[j] = -INFINITY;
        for (int tap = 0; tap < s->kh * s->kw; ++tap) {
            const int row = at / s->ow * s->sh + tap / s->kw * s->dh - s->top;
            const int column = at % s->ow * s->sw + tap % s->kw * s->dw - s->left;
            if (row < 0 || row >= s->h || column < 0 || column >= s->w) continue;
            const float *const read = x + (row * s->w + column) * s->c;
            for (int j = 0; j < s->c; ++j) y[j] = read[j] > y[j] || read[j] != read[j] ? read[j] : y[j];
        }
    }
}

/* The mean of what lies in the image. */
static void pool_average(const windows *s, const float *restrict x, float *restrict y) {
    for (int at = 0; at < s->oh * s->ow; ++at, y += s->c) {
        int count = 0;
        zero_numbers(s->c, y);
        for (int tap = 0; tap < s->kh * s->kw; ++tap) {
            const int row = at / s->ow * s->sh + tap / s->kw * s->dh - s->top;
            const int column = at % s->ow * s->sw + tap % s->kw * s->dw - s->left;
            if (row < 0 || row >= s->h || column < 0 || column >= s->w) continue;
            for (int j = 0; j < s->c; ++j) y[j] += x[(row * s->w + column) * s->c + j];
            ++count;
        }
        for (int j = 0; j < s->c; ++j) y[j] /= (float)count;
    }
}

#endif
