/* Windows of an image made one number a channel. */
#ifndef POOL_H
#define POOL_H
#include "activations.h"
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

/* The largest number of windows p over what a convolution and an activation give, which is never there as a whole: room
 * is for n numbers. */
static inline void conv_max(const windows *s, window *one, const void *x, const void *w, const float *scale,
                            const float *b, activation *act, float act_p, const windows *p, float *room,
                            float *restrict y) {
    for (int at = 0; at < p->oh * p->ow; ++at, y += p->c) {
        for (int j = 0; j < p->c; ++j) y[j] = -INFINITY;
        for (int tap = 0; tap < p->kh * p->kw; ++tap) {
            const int row = at / p->ow * p->sh + tap / p->kw - p->top;
            const int column = at % p->ow * p->sw + tap % p->kw - p->left;
            if (row < 0 || row >= p->h || column < 0 || column >= p->w) continue;
            one(s, row, column, x, w, scale, b, room);
            act(room, p->c, act_p);
            for (int j = 0; j < p->c; ++j) y[j] = room[j] > y[j] || room[j] != room[j] ? room[j] : y[j];
        }
    }
}

/* The mean of one channel of a window of many numbers, n lines of m places: the sum keeps what rounding has lost. */
static float pool_mean_of_many(const float *x, int n, int m, int line, int c) {
    float sum = 0.0f, lost = 0.0f;
    for (int i = 0; i < n; ++i)
        for (int k = 0; k < m; ++k) {
            const float term = x[i * line + k * c] - lost, next = sum + term;
            lost = next - sum - term;
            if (!(fabsf(lost) < INFINITY)) lost = 0.0f;
            sum = next;
        }
    return sum / (float)(n * m);
}

/* The mean of what lies in the image. */
static void pool_average(const windows *s, const float *restrict x, float *restrict y) {
    for (int at = 0; at < s->oh * s->ow; ++at, y += s->c) {
        int count = 0;
        if (are_many(s->kh * s->kw)) {
            const int y0 = at / s->ow * s->sh - s->top, x0 = at % s->ow * s->sw - s->left;
            const int row = y0 > 0 ? y0 : 0, column = x0 > 0 ? x0 : 0;
            const int bottom = y0 + s->kh < s->h ? y0 + s->kh : s->h, right = x0 + s->kw < s->w ? x0 + s->kw : s->w;
            const float *const first = x + (row * s->w + column) * s->c;
            for (int j = 0; j < s->c; ++j)
                y[j] = pool_mean_of_many(first + j, bottom - row, right - column, s->w * s->c, s->c);
            continue;
        }
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
