/* Convolutions of an image (h, w, c); signals are images of one row. */
#ifndef CONV_H
#define CONV_H
#include "basics.h"
#include "products_float32.h"

/* Where windows lie: output (oy, ox) reads the image at (oy * sh + ky * dh - top, ox * sw + kx * dw - left). */
typedef struct {
    int h, w, c;   /* the image: rows, columns, channels */
    int oh, ow, n; /* windows down and across, filters */
    int kh, kw;    /* a window */
    int sh, sw;    /* steps between windows */
    int top, left; /* zeros before the image */
    int dh, dw;    /* steps inside a window */
    int groups;    /* of channels, and of filters that read them */
} windows;

/* What one window gives: n numbers, of an image x and a kernel w of types of its own. They are inline so that -O2 and
 * -O3 know their sizes, which halves the time of small images; -Os keeps one of each. */
typedef void window(const windows *s, int oy, int ox, const void *x, const void *w, const float *scale, const float *b,
                    float *y);

/* The kernel is (kh, kw, c, n): what a window reads of a row of the image lies side by side in both. */
static inline void window_together(const windows *s, int oy, int ox, const void *x, const void *w, const float *scale,
                                   const float *b, float *y) {
    const int at = ox * s->sw - s->left;
    const int first = at < 0 ? -at : 0, last = at + s->kw > s->w ? s->w - at : s->kw;
    begin_with(b, s->n, y);
    for (int ky = 0; ky < s->kh && first < last; ++ky) {
        const int row = oy * s->sh + ky * s->dh - s->top;
        if (row < 0 || row >= s->h) continue;
        add_products((const float *)x + (row * s->w + at + first) * s->c, (last - first) * s->c,
                     (const weight *)w + (ky * s->kw + first) * s->c * s->n, scale, s->n, y);
    }
}

/* With groups, or steps inside a window; the kernel is (kh, kw, groups, c / groups, n / groups). */
static inline void window_apart(const windows *s, int oy, int ox, const void *x, const void *w, const float *scale,
                                const float *b, float *y) {
    const int c = s->c / s->groups, n = s->n / s->groups;
    begin_with(b, s->n, y);
    for (int tap = 0; tap < s->kh * s->kw; ++tap) {
        const int row = oy * s->sh + tap / s->kw * s->dh - s->top, column = ox * s->sw + tap % s->kw * s->dw - s->left;
        if (row < 0 || row >= s->h || column < 0 || column >= s->w) continue;
        for (int g = 0; g < s->groups; ++g)
            add_products((const float *)x + (row * s->w + column) * s->c + g * c, c,
                         (const weight *)w + (tap * s->groups + g) * c * n, scales_from(scale, g * n), n, y + g * n);
    }
}

/* Each channel by itself, with n / c filters; the kernel is (kh, kw, n). */
static inline void window_depthwise(const windows *s, int oy, int ox, const void *x, const void *w, const float *scale,
                                    const float *b, float *y) {
    begin_with(b, s->n, y);
    for (int tap = 0; tap < s->kh * s->kw; ++tap) {
        const int row = oy * s->sh + tap / s->kw * s->dh - s->top, column = ox * s->sw + tap % s->kw * s->dw - s->left;
        if (row < 0 || row >= s->h || column < 0 || column >= s->w) continue;
        add_each((const float *)x + (row * s->w + column) * s->c, (const weight *)w + tap * s->n, scale, s->n,
                 s->n / s->c, y);
    }
}

/* All windows. */
static inline void conv(const windows *s, window *one, const void *x, const void *w, const float *scale, const float *b,
                        float *y) {
    for (int oy = 0; oy < s->oh; ++oy)
        for (int ox = 0; ox < s->ow; ++ox, y += s->n) one(s, oy, ox, x, w, scale, b, y);
}

/* The way back of a convolution: x is (oh, ow, n), y the image. The kernel is (kh, kw, groups, n / groups, c / groups).
 */
static void conv_transpose(const windows *s, const float *restrict x, const weight *restrict w, const float *scale,
                           const float *b, float *restrict y) {
    const int c = s->c / s->groups, n = s->n / s->groups;
    for (int i = 0; i < s->h * s->w; ++i) begin_with(b, s->c, y + i * s->c);
    for (int at = 0; at < s->oh * s->ow; ++at, x += s->n) {
        for (int tap = 0; tap < s->kh * s->kw; ++tap) {
            const int row = at / s->ow * s->sh + tap / s->kw * s->dh - s->top;
            const int column = at % s->ow * s->sw + tap % s->kw * s->dw - s->left;
            if (row < 0 || row >= s->h || column < 0 || column >= s->w) continue;
            for (int g = 0; g < s->groups; ++g)
                add_products(x + g * n, n, w + (tap * s->groups + g) * n * c, scales_from(scale, g * c), c,
                             y + (row * s->w + column) * s->c + g * c);
        }
    }
}

#endif
