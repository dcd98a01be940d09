/* The warp op: images read at places of a map that is drawn for each sample (see _ops/warp.py).
 *
 * Design: places and weights of some outputs of a line are computed together, in double and plain products and sums,
 * which compilers turn into vectors without a change of bits; then each output is read. What lies inside the image, and
 * that is nearly all, is read without a look at the edges. */
#ifdef FNN_OP
FNN_LENT_OP(WARP, warp)
#elif !defined FNN_OPS_WARP_H
#define FNN_OPS_WARP_H

#include <math.h>
#include <string.h>

#include "arrays.h"
#include "turns.h"

enum { WARP_TRANSLATE, WARP_ROTATE, WARP_ZOOM, WARP_ZOOM_EQUALLY, WARP_FLIP, WARP_CROP };
enum { WARP_CONSTANT, WARP_REFLECT, WARP_WRAP, WARP_NEAREST };
enum { WARP_KEPT = 4, WARP_VALUE = 4, WARP_TOGETHER = 32, WARP_CORNERS = 4 };

typedef struct {
    struct {
        int64_t h, w, c, oh, ow, move, fill, bilinear;
    } g;
    int64_t x_size, y_size;
    real value; /* of what lies outside */
    real *kept; /* of the block; NULL in plans for prediction */
} warping;

/* y = (yy i + yx j) + y0 and x = (xy i + xx j) + x0. */
typedef struct {
    double yy, yx, y0, xy, xx, x0;
} warp_map;

static warping warping_of(const fnn_op *op, const fnn_model *model) {
    warping v = {.value = (real)op->numbers[WARP_VALUE], .kept = op->room < 0 ? NULL : place(model, op->room)};
    memcpy(&v.g, op->geometry, sizeof v.g);
    v.x_size = v.g.h * v.g.w * v.g.c, v.y_size = v.g.oh * v.g.ow * v.g.c;
    return v;
}

/* ---- the map of a sample ---- */

/* The halves of two words; a negative number where nothing is drawn. */
static void warp_keep(const fnn_op *op, const fnn_block *block, int64_t i, real *kept) {
    const uint64_t step = (uint64_t)block->step;
    const uint32_t counter[4] = {(uint32_t)(block->first_row + i), (uint32_t)op->stream + 1, (uint32_t)step,
                                 (uint32_t)(step >> 32)};
    uint32_t words[4];
    kept[0] = -1;
    if (!block->training || !(op->rate > 0)) return;
    fnn_philox(op->seed, counter, words);
    for (int k = 0; k < 2; k++) kept[2 * k] = (real)(words[k] >> 16), kept[2 * k + 1] = (real)(words[k] & 0xFFFF);
}

static int warp_drawn(const real *kept) { return kept && kept[0] >= 0; }

static double warp_uniform(const real *halves) {
    return (((double)halves[0] * 65536.0 + (double)halves[1]) + 0.5) / 4294967296.0;
}

static warp_map warp_scaled(const warping *v, double down, double across) {
    const double middle_y = (double)(v->g.h - 1) * 0.5, middle_x = (double)(v->g.w - 1) * 0.5;
    return (warp_map){.yy = down, .y0 = middle_y * (1.0 - down), .xx = across, .x0 = middle_x * (1.0 - across)};
}

static warp_map warp_turned(const warping *v, double turns) {
    const double middle_y = (double)(v->g.h - 1) * 0.5, middle_x = (double)(v->g.w - 1) * 0.5;
    double s, c;
    fnn_sine_cosine(turns, &s, &c);
    return (warp_map){.yy = c,
                      .yx = s,
                      .y0 = (middle_y - middle_x * s) - middle_y * c,
                      .xy = -s,
                      .xx = c,
                      .x0 = (middle_x - middle_x * c) + middle_y * s};
}

static warp_map warp_shifted(double y0, double x0) { return (warp_map){.yy = 1.0, .y0 = y0, .xx = 1.0, .x0 = x0}; }

static warp_map warp_map_of(const warping *v, const fnn_op *op, const real *kept) {
    if (!warp_drawn(kept)) return warp_shifted((double)((v->g.h - v->g.oh) / 2), (double)((v->g.w - v->g.ow) / 2));
    const double *ranges = op->numbers, p = warp_uniform(kept), q = warp_uniform(kept + 2);
    const double first = ranges[0] + (ranges[1] - ranges[0]) * p, second = ranges[2] + (ranges[3] - ranges[2]) * q;
    const int flips = p < 0.5;
    switch (v->g.move) {
    case WARP_TRANSLATE: return warp_shifted(-(first * (double)v->g.h), -(second * (double)v->g.w));
    case WARP_ROTATE: return warp_turned(v, first);
    case WARP_ZOOM: return warp_scaled(v, first, second);
    case WARP_ZOOM_EQUALLY: return warp_scaled(v, first, first);
    case WARP_FLIP: return warp_scaled(v, ranges[flips], ranges[2 + flips]);
    default: return warp_shifted(floor(p * (double)(v->g.h - v->g.oh + 1)), floor(q * (double)(v->g.w - v->g.ow + 1)));
    }
}

/* ---- places ---- */

/* Of outputs of a line: the whole places before what they read, and the weights of that and its three neighbours. */
typedef struct {
    double row[WARP_TOGETHER], column[WARP_TOGETHER];
    real weight[WARP_CORNERS][WARP_TOGETHER];
} warp_places;

/* Weights in loops of their own: compilers vectorise what changes the size of numbers only where
 * nothing else is done. */
INLINE void warp_weigh(const double *down, const double *across, real *weight) {
    double product[WARP_TOGETHER];
    for (int k = 0; k < WARP_TOGETHER; k++) product[k] = down[k] * across[k];
    for (int k = 0; k < WARP_TOGETHER; k++) weight[k] = (real)product[k];
}

/* floor, which GCC turns into vectors only where it may forget about exceptions. */
INLINE double warp_floor(double a) {
    const double near = rint(a);
    return near - (double)isgreater(near, a);
}

/* All of a line's WARP_TOGETHER from `first` on, also those behind its end, so that loops have no rest. */
INLINE void warp_find(const warp_map *m, int64_t line, int64_t first, const int bilinear, warp_places *to) {
    const double by_line = m->yy * (double)line, across_line = m->xy * (double)line;
    double below[WARP_TOGETHER], above[WARP_TOGETHER], right[WARP_TOGETHER], left[WARP_TOGETHER];
    for (int k = 0; k < WARP_TOGETHER; k++) {
        const double j = (double)first + (double)k;
        const double y = (by_line + m->yx * j) + m->y0, x = (across_line + m->xx * j) + m->x0;
        to->row[k] = bilinear ? warp_floor(y) : rint(y), to->column[k] = bilinear ? warp_floor(x) : rint(x);
        below[k] = y - to->row[k], right[k] = x - to->column[k];
        above[k] = 1.0 - below[k], left[k] = 1.0 - right[k];
    }
    if (!bilinear) return;
    warp_weigh(above, left, to->weight[0]);
    warp_weigh(above, right, to->weight[1]);
    warp_weigh(below, left, to->weight[2]);
    warp_weigh(below, right, to->weight[3]);
}

static void warp_place(const warp_map *m, int64_t line, int64_t first, int bilinear, warp_places *to) {
    if (bilinear)
        warp_find(m, line, first, 1, to);
    else
        warp_find(m, line, first, 0, to);
}

INLINE int64_t warp_wrapped(int64_t at, int64_t n) {
    const int64_t rest = at % n;
    return rest < 0 ? rest + n : rest;
}

/* The place along an axis that stands for one outside. */
INLINE int64_t warp_inside(int64_t at, int64_t n, int64_t fill) {
    if ((uint64_t)at < (uint64_t)n) return at;
    if (fill == WARP_WRAP) return warp_wrapped(at, n);
    if (fill == WARP_REFLECT) {
        const int64_t again = warp_wrapped(at, 2 * n);
        return again < n ? again : 2 * n - 1 - again;
    }
    return at < 0 ? 0 : n - 1;
}

/* Where the channels of a place stand, -1 where it lies outside and has no number. */
INLINE int64_t warp_index(const warping *v, int64_t row, int64_t column) {
    const int inside = (uint64_t)row < (uint64_t)v->g.h && (uint64_t)column < (uint64_t)v->g.w;
    if (!inside && v->g.fill == WARP_CONSTANT) return -1;
    return (warp_inside(row, v->g.h, v->g.fill) * v->g.w + warp_inside(column, v->g.w, v->g.fill)) * v->g.c;
}

/* Some outputs of a line, each with `channels`, known to the compiler where it is one. */
typedef void (*warp_work)(const warping *, const warp_places *, int64_t count, const real *from, real *to,
                          const int64_t channels);

/* From an image to its output, or back: the output's places lie one behind the other. */
INLINE void warp_each(const warping *v, const warp_map *m, int bilinear, warp_work work, const real *from, real *to,
                      const int back, const int64_t channels) {
    warp_places places;
    for (int64_t i = 0; i < v->g.oh; i++)
        for (int64_t j = 0; j < v->g.ow; j += WARP_TOGETHER) {
            const int64_t count = v->g.ow - j < WARP_TOGETHER ? v->g.ow - j : WARP_TOGETHER;
            const int64_t at = (i * v->g.ow + j) * channels;
            warp_place(m, i, j, bilinear, &places);
            work(v, &places, count, back ? from + at : from, back ? to : to + at, channels);
        }
}

/* ---- forward ---- */

/* Where the channels of a place and its three neighbours stand, some of which lie outside. */
static void warp_corners(const warping *v, int64_t row, int64_t column, int64_t at[WARP_CORNERS]) {
    for (int i = 0; i < WARP_CORNERS; i++) at[i] = warp_index(v, row + i / 2, column + i % 2);
}

/* An output with a neighbour outside of the image. */
static void warp_blend_edge(const warping *v, const warp_places *p, int64_t k, const real *x, real *y) {
    int64_t at[WARP_CORNERS];
    warp_corners(v, (int64_t)p->row[k], (int64_t)p->column[k], at);
    for (int64_t j = 0; j < v->g.c; j++) {
        real part[WARP_CORNERS];
        for (int i = 0; i < WARP_CORNERS; i++) part[i] = p->weight[i][k] * (at[i] < 0 ? v->value : x[at[i] + j]);
        y[j] = ((part[0] + part[1]) + part[2]) + part[3];
    }
}

INLINE void warp_blend(const warping *v, const warp_places *p, int64_t count, const real *x, real *y,
                       const int64_t channels) {
    const int64_t line = v->g.w * channels;
    for (int64_t k = 0; k < count; k++) {
        const int64_t row = (int64_t)p->row[k], column = (int64_t)p->column[k];
        real *restrict to = y + k * channels;
        if ((uint64_t)row >= (uint64_t)(v->g.h - 1) || (uint64_t)column >= (uint64_t)(v->g.w - 1)) {
            warp_blend_edge(v, p, k, x, to);
            continue;
        }
        const real a = p->weight[0][k], b = p->weight[1][k], c = p->weight[2][k], d = p->weight[3][k];
        const real *above = x + row * line + column * channels, *below = above + line;
        for (int64_t j = 0; j < channels; j++)
            to[j] = ((a * above[j] + b * above[channels + j]) + c * below[j]) + d * below[channels + j];
    }
}

INLINE void warp_take(const warping *v, const warp_places *p, int64_t count, const real *x, real *y,
                      const int64_t channels) {
    for (int64_t k = 0; k < count; k++) {
        const int64_t at = warp_index(v, (int64_t)p->row[k], (int64_t)p->column[k]);
        real *restrict to = y + k * channels;
        for (int64_t j = 0; j < channels; j++) to[j] = at < 0 ? v->value : x[at + j];
    }
}

/* Lines of the image as they are. */
static void warp_copy(const warping *v, const warp_map *m, const real *x, real *y) {
    const int64_t line = v->g.w * v->g.c, out = v->g.ow * v->g.c;
    const real *from = x + (int64_t)m->y0 * line + (int64_t)m->x0 * v->g.c;
    for (int64_t i = 0; i < v->g.oh; i++) copy_row(from + i * line, out, y + i * out);
}

static void warp_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin, int64_t end) {
    const warping v = warping_of(op, model);
    for (int64_t i = begin; i < end; i++) {
        const real *x = op_x(op, model, block, 0) + i * v.x_size;
        real *y = op_y(op, model) + i * v.y_size, *kept = v.kept ? v.kept + i * WARP_KEPT : NULL;
        if (kept) warp_keep(op, block, i, kept);
        const warp_map m = warp_map_of(&v, op, kept);
        if (!warp_drawn(kept) || v.g.move == WARP_CROP)
            warp_copy(&v, &m, x, y);
        else if (!v.g.bilinear)
            warp_each(&v, &m, 0, warp_take, x, y, 0, v.g.c);
        else if (v.g.c == 1)
            warp_each(&v, &m, 1, warp_blend, x, y, 0, 1);
        else
            warp_each(&v, &m, 1, warp_blend, x, y, 0, v.g.c);
    }
}

/* ---- back ---- */

static void warp_spread_edge(const warping *v, const warp_places *p, int64_t k, const real *dy, real *dx) {
    int64_t at[WARP_CORNERS];
    warp_corners(v, (int64_t)p->row[k], (int64_t)p->column[k], at);
    for (int i = 0; i < WARP_CORNERS; i++)
        for (int64_t j = 0; at[i] >= 0 && j < v->g.c; j++) dx[at[i] + j] += p->weight[i][k] * dy[j];
}

INLINE void warp_spread(const warping *v, const warp_places *p, int64_t count, const real *dy, real *dx,
                        const int64_t channels) {
    const int64_t line = v->g.w * channels;
    for (int64_t k = 0; k < count; k++, dy += channels) {
        const int64_t row = (int64_t)p->row[k], column = (int64_t)p->column[k];
        if ((uint64_t)row >= (uint64_t)(v->g.h - 1) || (uint64_t)column >= (uint64_t)(v->g.w - 1)) {
            warp_spread_edge(v, p, k, dy, dx);
            continue;
        }
        const real a = p->weight[0][k], b = p->weight[1][k], c = p->weight[2][k], d = p->weight[3][k];
        real *above = dx + row * line + column * channels, *below = above + line;
        for (int64_t j = 0; j < channels; j++) {
            const real slope = dy[j];
            above[j] += a * slope, above[channels + j] += b * slope;
            below[j] += c * slope, below[channels + j] += d * slope;
        }
    }
}

INLINE void warp_give(const warping *v, const warp_places *p, int64_t count, const real *dy, real *dx,
                      const int64_t channels) {
    for (int64_t k = 0; k < count; k++) {
        const int64_t at = warp_index(v, (int64_t)p->row[k], (int64_t)p->column[k]);
        for (int64_t j = 0; at >= 0 && j < channels; j++) dx[at + j] += dy[k * channels + j];
    }
}

static void warp_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                               int64_t end) {
    (void)block;
    const warping v = warping_of(op, model);
    const real *dy = op_dy(op, model);
    real *dx = op_dx(op, model, 0);
    if (!dx) return;
    if (!op_edge(op, model, 0)->adds)
        memset(dx + begin * v.x_size, 0, (size_t)((end - begin) * v.x_size) * sizeof(real));
    for (int64_t i = begin; i < end; i++) {
        const real *kept = v.kept ? v.kept + i * WARP_KEPT : NULL;
        const warp_map m = warp_map_of(&v, op, kept);
        if (warp_drawn(kept) && v.g.bilinear)
            warp_each(&v, &m, 1, warp_spread, dy + i * v.y_size, dx + i * v.x_size, 1, v.g.c);
        else
            warp_each(&v, &m, 0, warp_give, dy + i * v.y_size, dx + i * v.x_size, 1, v.g.c);
    }
}

LENT_KERNELS(warp) = {.forward = warp_forward, .backward_rows = warp_backward_rows};

#endif
