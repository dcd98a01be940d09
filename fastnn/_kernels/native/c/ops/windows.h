/* Windows that move over an image, (height, width, channels): what convolutions and pooling share. */
#ifndef FNN_OPS_WINDOWS_H
#define FNN_OPS_WINDOWS_H

#include <string.h>

#include "arrays.h"
#include "gemm_impl.h"

/* The beginning of the geometry of kinds with windows, see _ops/windows.py. */
typedef struct {
    int64_t h, w, c, oh, ow, kh, kw, sh, sw, top, left, dh, dw;
} windows;

static windows windows_of(const fnn_op *op) {
    windows s;
    memcpy(&s, op->geometry, sizeof s);
    return s;
}

/* An image with zeros around it, as far as windows reach. */
typedef struct {
    int64_t height, width, row; /* numbers from one line to the next */
    int plain;                  /* nothing is around it: the image itself serves */
} around;

static around around_of(const windows *s) {
    const int64_t high = (s->oh - 1) * s->sh + (s->kh - 1) * s->dh + 1,
                  wide = (s->ow - 1) * s->sw + (s->kw - 1) * s->dw + 1;
    around a = {.height = at_least(s->h + s->top, high), .width = at_least(s->w + s->left, wide)};
    a.plain = a.height == s->h && a.width == s->w;
    a.row = a.width * s->c;
    return a;
}

static int64_t around_size(const around *a) { return a->plain ? 0 : a->height * a->row; }

/* The image and what is around it, in `room`. */
static void copy_around(const windows *s, const around *a, const real *x, real *room) {
    const int64_t row = s->w * s->c, before = s->left * s->c, after = a->row - before - row;
    memset(room, 0, (size_t)(s->top * a->row) * sizeof(real));
    for (int64_t y = 0; y < s->h; y++) {
        real *to = room + (y + s->top) * a->row;
        memset(to, 0, (size_t)before * sizeof(real));
        copy_row(x + y * row, row, to + before);
        memset(to + before + row, 0, (size_t)after * sizeof(real));
    }
    memset(room + (s->top + s->h) * a->row, 0, (size_t)((a->height - s->top - s->h) * a->row) * sizeof(real));
}

/* The image where windows can read it: in `room`, of around_size numbers, unless it is plain. */
static const real *image_around(const windows *s, const around *a, const real *x, real *room) {
    if (a->plain) return x;
    copy_around(s, a, x, room);
    return room;
}

/* The taps along one axis whose window has read the place `at` (padding counted): first, first + step ... < end, and
 * the output that the first of them belongs to; the next ones belong to outputs `back` further in front. */
typedef struct {
    int64_t first, end, step, output, back;
} taps;

static int64_t step_of_taps(int64_t stride, int64_t dilation) { return dilation > 1 ? 1 : stride; }

ALWAYS_INLINE taps taps_at(int64_t at, int64_t k, int64_t stride, int64_t dilation, int64_t outputs) {
    taps t = {.step = step_of_taps(stride, dilation), .back = dilation};
    t.first = dilation > 1 ? 0 : at % stride;
    while (t.first < k && (at - t.first * dilation) / stride > outputs - 1) t.first += t.step;
    t.end = at / dilation + 1 < k ? at / dilation + 1 : k;
    if (t.first < t.end) t.output = (at - t.first * dilation) / stride;
    return t;
}

static int64_t n_taps(const taps *t) { return t->first < t->end ? (t->end - t->first - 1) / t->step + 1 : 0; }

#endif
