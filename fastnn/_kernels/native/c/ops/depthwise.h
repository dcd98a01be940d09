/* Convolutions in which each channel has one filter of its own: lanes run along the channels. */
#ifndef FNN_OPS_DEPTHWISE_H
#define FNN_OPS_DEPTHWISE_H

#include "prefetch.h"
#include "windows.h"

#define ACROSS 8          /* outputs of a line that are summed together */
#define TAPS 3            /* of a window's line, and lines, whose gradients are summed together */
#define CHANNELS 4        /* vectors of channels at a place that are summed together */
#define PLACES 64         /* of a line, whose taps are kept */
#define FIRST_CACHE 32768 /* bytes */

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

/* One line of taps of `count` outputs that follow each other: each reads x anew, for any stride and dilation. */
ALWAYS_INLINE void depthwise_taps(const windows *s, tap_range right, const real *x, const real *w, vf *sum,
                                  const int some, const int count) {
    const int64_t step = s->sw * s->c, next = s->dw * s->c;
    x += right.first * next, w += right.first * s->c;
    for (int64_t kx = right.first; kx < right.end; kx++, x += next, w += s->c) {
        const vf factor = vec_load(w, some);
#pragma GCC unroll 8
        for (int q = 0; q < count; q++) sum[q] = vf_fma(vec_load(x + q * step, some), factor, sum[q]);
    }
}

/* The same of three taps beside each other: what is loaded once serves all outputs that read it, each of which still
 * has its taps in their order. Loads, of which a core does no more than products, are half as many as these. Of the
 * taps, `right` are those of the first output from its first on, and of the last one to its end. */
ALWAYS_INLINE void depthwise_three_taps(const windows *s, tap_range right, const real *x, const real *w, vf *sum,
                                        const int some, const int count) {
    const vf first = vec_load(w, some), second = vec_load(w + s->c, some), third = vec_load(w + 2 * s->c, some);
    if (right.first == 0) sum[0] = vf_fma(vec_load(x, some), first, sum[0]);
#pragma GCC unroll 16
    for (int p = 1; p < count + 1; p++) {
        const vf at = vec_load(x + p * s->c, some);
        if (p >= 2) sum[p - 2] = vf_fma(at, third, sum[p - 2]);
        sum[p - 1] = vf_fma(at, second, sum[p - 1]);
        if (p < count) sum[p] = vf_fma(at, first, sum[p]);
    }
    if (right.end == 3) sum[count - 1] = vf_fma(vec_load(x + (count + 1) * s->c, some), third, sum[count - 1]);
}

/* `some` channels of `count` outputs that follow each other and have the same taps, three beside each other where
 * `three` says so; x is where tap (0, 0) of the first reads, which may be outside of the image. */
ALWAYS_INLINE void depthwise_tile(const windows *s, tap_range down, tap_range right, const real *x, const real *w,
                                  const vf start, int add, real *z, const int some, const int count, const int three) {
    vf sum[ACROSS];
#pragma GCC unroll 8
    for (int q = 0; q < count; q++) sum[q] = start;
    for (int64_t ky = down.first; ky < down.end; ky++) {
        const real *from = x + ky * s->dh * s->w * s->c, *number = w + ky * s->kw * s->c;
        if (three)
            depthwise_three_taps(s, right, from, number, sum, some, count);
        else
            depthwise_taps(s, right, from, number, sum, some, count);
    }
#pragma GCC unroll 8
    for (int q = 0; q < count; q++) {
        if (add) sum[q] = vf_add(vec_load(z + q * s->c, some), sum[q]);
        vec_store(z + q * s->c, sum[q], some);
    }
}

/* All channels of `count` outputs: one after another, so that whole runs of the image are read. */
ALWAYS_INLINE void depthwise_outputs(const windows *s, tap_range down, tap_range right, const real *x, const real *w,
                                     const real *bias, int add, real *z, const int count, const int three) {
    int64_t j = 0;
    if (s->h * s->w * s->c > FIRST_CACHE / REAL_BYTES) { /* vectors far from each other are not seen coming */
        const int64_t soon = ((down.end - 1) * s->dh * s->w + (s->kw - 1) * s->dw + count * s->sw) * s->c;
        fnn_fetch_all(x, soon * REAL_BYTES, count * s->sw * s->c * REAL_BYTES);
    }
    for (; j + LANES <= s->c; j += LANES)
        depthwise_tile(s, down, right, x + j, w + j, bias ? vf_load(bias + j) : vf_zero(), add, z + j, LANES, count,
                       three);
    if (j == s->c) return;
    const int some = (int)(s->c - j);
    depthwise_tile(s, down, right, x + j, w + j, bias ? vf_load_n(bias + j, some) : vf_zero(), add, z + j, some, count,
                   three);
}

/* The products that one place sums: ny lines of nx taps, and the steps from one to the next in numbers and in w. */
typedef struct {
    const real *x, *w;
    int64_t ny, nx, x_down, x_right, w_down, w_right;
} products;

/* `count` vectors of `some` channels from j on: the sum of a single one would wait for each of its products. */
ALWAYS_INLINE void depthwise_vectors(const products *p, int64_t j, const real *bias, int add, real *z, const int some,
                                     const int count) {
    vf sum[CHANNELS];
#pragma GCC unroll 4
    for (int v = 0; v < count; v++) sum[v] = bias ? vec_load(bias + j + v * LANES, some) : vf_zero();
    for (int64_t y = 0; y < p->ny; y++)
        for (int64_t x = 0; x < p->nx; x++) {
            const real *from = p->x + y * p->x_down + x * p->x_right + j;
            const real *number = p->w + y * p->w_down + x * p->w_right + j;
#pragma GCC unroll 4
            for (int v = 0; v < count; v++)
                sum[v] = vf_fma(vec_load(from + v * LANES, some), vec_load(number + v * LANES, some), sum[v]);
        }
#pragma GCC unroll 4
    for (int v = 0; v < count; v++) {
        if (add) sum[v] = vf_add(vec_load(z + j + v * LANES, some), sum[v]);
        vec_store(z + j + v * LANES, sum[v], some);
    }
}

/* All c channels of one place. */
static void depthwise_place(const products *p, int64_t c, const real *bias, int add, real *z) {
    int64_t j = 0;
    for (; j + CHANNELS * LANES <= c; j += CHANNELS * LANES) depthwise_vectors(p, j, bias, add, z, LANES, CHANNELS);
    for (; j + LANES <= c; j += LANES) depthwise_vectors(p, j, bias, add, z, LANES, 1);
    if (j < c) depthwise_vectors(p, j, bias, add, z, (int)(c - j), 1);
}

/* One output, of which taps may lie outside of the image. */
static void depthwise_output(const windows *s, tap_range down, tap_range right, const real *x, const real *w,
                             const real *bias, int add, real *z) {
    const int64_t x_down = s->dh * s->w * s->c, x_right = s->dw * s->c, w_down = s->kw * s->c;
    const products p = {.x = x + down.first * x_down + right.first * x_right,
                        .w = w + down.first * w_down + right.first * s->c,
                        .ny = down.end - down.first,
                        .nx = right.end - right.first,
                        .x_down = x_down,
                        .x_right = x_right,
                        .w_down = w_down,
                        .w_right = s->c};
    depthwise_place(&p, s->c, bias, add, z);
}

/* How many outputs of [head, whole) are summed together from ox on, or, where nothing is added to, with some before it
 * once more: the sum of a single one waits for each of its products. */
static int64_t outputs_together(int64_t ox, int64_t head, int64_t whole, int add) {
    const int64_t left = whole - ox, most = add ? left : whole - head;
    return most >= ACROSS && left > ACROSS / 2 ? ACROSS : most >= ACROSS / 2 ? ACROSS / 2 : 1;
}

#define OUTPUTS(count, three)                                                                                          \
    depthwise_outputs(s, down, (three) ? right : all, line + from * step, w, bias, add, z + from * s->c, count, three)

/* Whether a line's outputs are all summed together: windows of three places reach out of it by one at most. */
static int has_three_taps(const windows *s) { return !ALL_LOOPED && s->kw == 3 && s->sw == 1 && s->dw == 1; }
static int has_narrow_edges(const windows *s) { return has_three_taps(s) && s->left <= 1 && s->ow - s->left < s->w; }
/* Those of the first of `count` outputs that lie inside, from the first on, and of the last one to the end. */
static tap_range taps_between(const windows *s, int64_t from, int64_t count) {
    return (tap_range){from < s->left, s->kw - (from + count - s->left + s->kw - 1 > s->w)};
}

/* A line of outputs. */
static void depthwise_line(const windows *s, int64_t oy, const real *x, const real *w, const real *bias, int add,
                           real *z) {
    const tap_range down = taps_inside(oy * s->sh - s->top, s->kh, s->dh, s->h), all = {0, s->kw};
    const real *line = x + ((oy * s->sh - s->top) * s->w - s->left) * s->c;
    const int64_t step = s->sw * s->c, reach = s->w + s->left - (s->kw - 1) * s->dw - 1; /* last x of whole windows */
    const int three = has_three_taps(s), edges = has_narrow_edges(s);
    const int64_t whole = edges       ? s->ow
                          : reach < 0 ? 0
                                      : at_most(reach / s->sw + 1, s->ow),
                  head = edges ? 0 : at_most((s->left + s->sw - 1) / s->sw, s->ow);
    for (int64_t ox = 0; ox < s->ow;) {
        const int64_t count = ox < head || ox >= whole ? 1 : outputs_together(ox, head, whole, add);
        const int64_t from = count == 1 ? ox : at_most(ox, whole - count);
        const tap_range right = edges ? taps_between(s, from, count) : all;
        switch ((int)(count + three)) {
        case ACROSS + 1: OUTPUTS(ACROSS, 1); break;
        case ACROSS: OUTPUTS(ACROSS, 0); break;
        case ACROSS / 2 + 1: OUTPUTS(ACROSS / 2, 1); break;
        case ACROSS / 2: OUTPUTS(ACROSS / 2, 0); break;
        default:
            depthwise_output(s, down, taps_inside(ox * s->sw - s->left, s->kw, s->dw, s->w), line + ox * step, w, bias,
                             add, z + ox * s->c);
        }
        ox = from + count;
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

/* The outputs that read a place along one axis, and how many: to find them takes divisions, so that they are kept. */
typedef struct {
    taps t;
    int64_t n;
} readers;

ALWAYS_INLINE readers readers_at(int64_t at, int64_t k, int64_t stride, int64_t dilation, int64_t outputs) {
    const taps t = taps_at(at, k, stride, dilation, outputs);
    return (readers){t, n_taps(&t)};
}

/* dx of one place, which the outputs y across x read. */
static void depthwise_dx_place(const windows *s, const readers *y, const readers *x, const real *dz, const real *w,
                               int add, real *dx) {
    products p = {.x = dz,
                  .w = w,
                  .ny = y->n,
                  .nx = x->n,
                  .x_down = -y->t.back * s->ow * s->c,
                  .x_right = -x->t.back * s->c,
                  .w_down = y->t.step * s->kw * s->c,
                  .w_right = x->t.step * s->c};
    if (y->n && x->n) {
        p.x += (y->t.output * s->ow + x->t.output) * s->c;
        p.w += (y->t.first * s->kw + x->t.first) * s->c;
    }
    depthwise_place(&p, s->c, NULL, add, dx);
}

/* dx of an image with any strides, place by place. */
static void depthwise_dx(const windows *s, const real *dz, const real *w, int add, real *dx) {
    readers across[PLACES];
    for (int64_t first = 0; first < s->w; first += PLACES) {
        const int64_t count = at_most(s->w - first, PLACES);
        for (int64_t i = 0; i < count; i++) across[i] = readers_at(first + i + s->left, s->kw, s->sw, s->dw, s->ow);
        for (int64_t y = 0; y < s->h; y++) {
            const readers down = readers_at(y + s->top, s->kh, s->sh, s->dh, s->oh);
            real *line = dx + (y * s->w + first) * s->c;
            for (int64_t i = 0; i < count; i++) depthwise_dx_place(s, &down, &across[i], dz, w, add, line + i * s->c);
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
ALWAYS_INLINE void depthwise_dw_tile(const windows *s, int64_t line, const real *x, const real *dz, int first, real *dw,
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

/* Lines of three taps and columns of one are summed together, all others one by one. */
#define DW_CASE(lines, across)                                                                                         \
    case 4 * (lines) + (across): depthwise_dw_tile(s, line, x, dz, first, dw, some, lines, across); break;

ALWAYS_INLINE void depthwise_dw_some(const windows *s, int64_t line, const real *x, const real *dz, int first, real *dw,
                                     const int some, int lines, int across) {
    switch (4 * lines + across) {
        DW_CASE(1, 1)
        DW_CASE(1, 2)
        DW_CASE(1, 3)
        DW_CASE(2, 1)
        DW_CASE(3, 1)
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
        const int64_t most = across == s->kw ? at_most((end - tap) / s->kw, TAPS) : 1;
        const int64_t lines = across == 1 || (across == TAPS && most == TAPS) ? most : 1;
        depthwise_dw_part(s, line, image + ky * s->dh * line + kx * s->dw * s->c, dz, first, dw + (tap - begin) * s->c,
                          (int)lines, (int)across);
        tap += lines * across;
    }
}

#endif
