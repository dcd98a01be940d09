/* Convolutions in which each channel has one filter of its own: lanes run along the channels. */
#ifndef FNN_OPS_DEPTHWISE_H
#define FNN_OPS_DEPTHWISE_H

#include "windows.h"

#define ACROSS 8 /* outputs of a line that are summed together */
#define TAPS 3   /* of a window's line, and lines, whose gradients are summed together */

/* Taps [first, end) along one axis that lie inside of it, of the window at `at` (where its first tap reads). */
typedef struct {
    int64_t first, end;
} tap_range;

static tap_range taps_inside(int64_t at, int64_t k, int64_t dilation, int64_t length) {
    tap_range t = {0, k};
    while (t.first < k && at + t.first * dilation < 0) t.first++;
    while (t.end > t.first && at + (t.end - 1) * dilation >= length) t.end--;
    return t;
}

/* `some` channels of `count` outputs that follow each other and have the same taps; x is where tap (0, 0) of the first
 * reads, which may be outside of the image. */
INLINE void depthwise_tile(const windows *s, tap_range down, tap_range right, const real *x, const real *w,
                           const vf start, int add, real *z, const int some, const int count) {
    const int64_t step = s->sw * s->c, next = s->dw * s->c;
    vf sum[ACROSS];
#pragma GCC unroll 8
    for (int q = 0; q < count; q++) sum[q] = start;
    for (int64_t ky = down.first; ky < down.end; ky++) {
        const real *from = x + ky * s->dh * s->w * s->c + right.first * next;
        const real *number = w + (ky * s->kw + right.first) * s->c;
        for (int64_t kx = right.first; kx < right.end; kx++, from += next, number += s->c) {
            const vf factor = vec_load(number, some);
#pragma GCC unroll 8
            for (int q = 0; q < count; q++) sum[q] = vf_fma(vec_load(from + q * step, some), factor, sum[q]);
        }
    }
#pragma GCC unroll 8
    for (int q = 0; q < count; q++) {
        if (add) sum[q] = vf_add(vec_load(z + q * s->c, some), sum[q]);
        vec_store(z + q * s->c, sum[q], some);
    }
}

/* How many outputs of [head, whole) are summed together from ox on, or, where nothing is added to, with some before it
 * once more: the sum of a single one waits for each of its products. */
static int64_t outputs_together(int64_t ox, int64_t head, int64_t whole, int add) {
    const int64_t most = whole - (add ? ox : head);
    return most >= ACROSS ? ACROSS : most >= ACROSS / 2 ? ACROSS / 2 : 1;
}

/* All channels of `count` outputs: one after another, so that whole runs of the image are read. */
INLINE void depthwise_outputs(const windows *s, tap_range down, tap_range right, const real *x, const real *w,
                              const real *bias, int add, real *z, const int count) {
    int64_t j = 0;
    for (; j + LANES <= s->c; j += LANES)
        depthwise_tile(s, down, right, x + j, w + j, bias ? vf_load(bias + j) : vf_zero(), add, z + j, LANES, count);
    if (j == s->c) return;
    const int some = (int)(s->c - j);
    depthwise_tile(s, down, right, x + j, w + j, bias ? vf_load_n(bias + j, some) : vf_zero(), add, z + j, some, count);
}

/* A line of outputs. */
static void depthwise_line(const windows *s, int64_t oy, const real *x, const real *w, const real *bias, int add,
                           real *z) {
    const tap_range down = taps_inside(oy * s->sh - s->top, s->kh, s->dh, s->h), all = {0, s->kw};
    const real *line = x + ((oy * s->sh - s->top) * s->w - s->left) * s->c;
    const int64_t step = s->sw * s->c, reach = s->w + s->left - (s->kw - 1) * s->dw - 1; /* last x of whole windows */
    const int64_t whole = reach < 0 ? 0 : at_most(reach / s->sw + 1, s->ow),
                  head = at_most((s->left + s->sw - 1) / s->sw, s->ow);
    int64_t ox = 0;
    for (; ox < s->ow; ox++) {
        while (ox >= head && ox < whole) {
            const int64_t count = outputs_together(ox, head, whole, add), from = at_most(ox, whole - count);
            if (count == ACROSS)
                depthwise_outputs(s, down, all, line + from * step, w, bias, add, z + from * s->c, ACROSS);
            else if (count == ACROSS / 2)
                depthwise_outputs(s, down, all, line + from * step, w, bias, add, z + from * s->c, ACROSS / 2);
            else
                break;
            ox = from + count;
        }
        if (ox == s->ow) break;
        const tap_range right = taps_inside(ox * s->sw - s->left, s->kw, s->dw, s->w);
        depthwise_outputs(s, down, right, line + ox * step, w, bias, add, z + ox * s->c, 1);
    }
}

/* z, or what is added to it, of an image; taps outside of it count for nothing. */
static void depthwise_forward(const windows *s, const real *x, const real *w, const real *bias, int add, real *z) {
    for (int64_t oy = 0; oy < s->oh; oy++) depthwise_line(s, oy, x, w, bias, add, z + oy * s->ow * s->c);
}

/* With strides of 1 the way back is a convolution of dz by the kernel turned round: its windows. */
static windows depthwise_turned(const windows *s) {
    windows t = *s;
    t.h = s->oh, t.w = s->ow, t.oh = s->h, t.ow = s->w;
    t.top = (s->kh - 1) * s->dh - s->top, t.left = (s->kw - 1) * s->dw - s->left;
    return t;
}

static int depthwise_turns(const windows *s) {
    return s->sh == 1 && s->sw == 1 && s->top <= (s->kh - 1) * s->dh && s->left <= (s->kw - 1) * s->dw;
}

/* The kernel with its taps in the opposite order. */
static void turn_taps(const windows *s, const real *w, real *turned) {
    const int64_t n = s->kh * s->kw;
    for (int64_t tap = 0; tap < n; tap++) copy_row(w + (n - 1 - tap) * s->c, s->c, turned + tap * s->c);
}

/* The same with any strides, place by place. */
static void depthwise_dx(const windows *s, const real *dz, const real *w, int add, real *dx) {
    for (int64_t y = 0; y < s->h; y++) {
        const taps ty = taps_at(y + s->top, s->kh, s->sh, s->dh, s->oh);
        for (int64_t x = 0; x < s->w; x++) {
            const taps tx = taps_at(x + s->left, s->kw, s->sw, s->dw, s->ow);
            for (int64_t j = 0; j < s->c; j += LANES) {
                const int some = s->c - j < LANES ? (int)(s->c - j) : LANES;
                real *to = dx + (y * s->w + x) * s->c + j;
                vf sum = vf_zero();
                for (int64_t p = 0; p < n_taps(&ty); p++)
                    for (int64_t q = 0; q < n_taps(&tx); q++) {
                        const int64_t tap = (ty.first + p * ty.step) * s->kw + tx.first + q * tx.step;
                        const int64_t at = (ty.output - p * ty.back) * s->ow + tx.output - q * tx.back;
                        sum = vf_fma(vec_load(dz + at * s->c + j, some), vec_load(w + tap * s->c + j, some), sum);
                    }
                if (add) sum = vf_add(vec_load(to, some), sum);
                vec_store(to, sum, some);
            }
        }
    }
}

/* dx, set or added to, with the kernel and its taps turned round. */
static void depthwise_back(const windows *s, const real *dz, const real *w, const real *turned, int add, real *dx) {
    if (depthwise_turns(s)) {
        const windows t = depthwise_turned(s);
        depthwise_forward(&t, dz, turned, NULL, add, dx);
    } else {
        depthwise_dx(s, dz, w, add, dx);
    }
}

/* `some` channels of the gradients of lines x across taps, of one sample; with `first` from zero. */
INLINE void depthwise_dw_tile(const windows *s, int64_t line, const real *x, const real *dz, int first, real *dw,
                              const int some, const int lines, const int across) {
    const int64_t down = s->dh * line, right = s->dw * s->c, step = s->sw * s->c, next = s->kw * s->c;
    vf sum[TAPS][TAPS];
#pragma GCC unroll 4
    for (int p = 0; p < lines; p++)
#pragma GCC unroll 4
        for (int q = 0; q < across; q++) sum[p][q] = first ? vf_zero() : vec_load(dw + p * next + q * s->c, some);
    for (int64_t oy = 0; oy < s->oh; oy++) {
        const real *from = x + oy * s->sh * line;
        for (int64_t ox = 0; ox < s->ow; ox++, from += step, dz += s->c) {
            const vf number = vec_load(dz, some);
#pragma GCC unroll 4
            for (int p = 0; p < lines; p++)
#pragma GCC unroll 4
                for (int q = 0; q < across; q++)
                    sum[p][q] = vf_fma(vec_load(from + p * down + q * right, some), number, sum[p][q]);
        }
    }
#pragma GCC unroll 4
    for (int p = 0; p < lines; p++)
#pragma GCC unroll 4
        for (int q = 0; q < across; q++) vec_store(dw + p * next + q * s->c, sum[p][q], some);
}

#define DW_CASE(lines, across)                                                                                         \
    case 4 * (lines) + (across): depthwise_dw_tile(s, line, x, dz, first, dw, some, lines, across); break;

INLINE void depthwise_dw_some(const windows *s, int64_t line, const real *x, const real *dz, int first, real *dw,
                              const int some, int lines, int across) {
    switch (4 * lines + across) {
        DW_CASE(1, 1)
        DW_CASE(1, 2)
        DW_CASE(1, 3)
        DW_CASE(2, 1)
        DW_CASE(2, 2)
        DW_CASE(2, 3)
        DW_CASE(3, 1)
        DW_CASE(3, 2)
        DW_CASE(3, 3)
    }
}

static void depthwise_dw_part(const windows *s, int64_t line, const real *x, const real *dz, int first, real *dw,
                              int lines, int across) {
    int64_t j = 0;
    for (; j + LANES <= s->c; j += LANES)
        depthwise_dw_some(s, line, x + j, dz + j, first, dw + j, LANES, lines, across);
    if (j < s->c) depthwise_dw_some(s, line, x + j, dz + j, first, dw + j, (int)(s->c - j), lines, across);
}

/* Taps [begin, end) of the kernel's gradient go on by one sample; with `first` from zero. */
static void depthwise_dw(const windows *s, int64_t line, const real *image, const real *dz, int64_t begin, int64_t end,
                         int first, real *dw) {
    for (int64_t tap = begin; tap < end;) {
        const int64_t ky = tap / s->kw, kx = tap % s->kw, across = at_most(at_most(s->kw - kx, TAPS), end - tap);
        const int64_t lines = across == s->kw ? at_most((end - tap) / s->kw, TAPS) : 1;
        depthwise_dw_part(s, line, image + ky * s->dh * line + kx * s->dw * s->c, dz, first, dw + (tap - begin) * s->c,
                          (int)lines, (int)across);
        tap += lines * across;
    }
}

#endif
