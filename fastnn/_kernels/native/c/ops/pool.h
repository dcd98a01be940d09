/* The pool op: the largest number, or the mean, of every window of an image (see _ops/pool.py).
 *
 * Design: lanes run along the channels, and the last vector of an odd number of channels begins earlier instead of
 * being cut. Channels fewer than lanes are read and written together with what stands behind them, as long as that is
 * written again later; a masked store would cost more than a window. */
#ifdef FNN_OP
FNN_OP(POOL, pool)
#elif !defined FNN_OPS_POOL_H
#define FNN_OPS_POOL_H

#include "gemm_impl.h"
#include "merge.h"
#include "windows.h"

enum { POOL_AVERAGE = 13, POOL_ACROSS = 4 /* vectors of channels that are pooled together */ };
enum { POOL_MAXIMUM, POOL_MEAN, POOL_MEAN_OF_MANY };

typedef struct {
    windows s;
    int average, add;      /* add: dx is added to, since windows overlap or it is there already */
    int64_t line;          /* numbers of a line of the image */
    int64_t bottom, right; /* where the last windows end */
    int64_t x_size, y_size;
} pooling;

static pooling pooling_of(const fnn_op *op) {
    pooling v = {.s = windows_of(op)};
    const windows *s = &v.s;
    v.average = !op->geometry[POOL_AVERAGE] ? POOL_MAXIMUM : s->kh * s->kw > FNN_MANY ? POOL_MEAN_OF_MANY : POOL_MEAN;
    v.add = !((s->oh == 1 || s->sh == s->kh) && (s->ow == 1 || s->sw == s->kw));
    v.line = s->w * s->c;
    v.bottom = (s->oh - 1) * s->sh + s->kh - s->top, v.right = (s->ow - 1) * s->sw + s->kw - s->left;
    v.x_size = s->h * v.line, v.y_size = s->oh * s->ow * s->c;
    return v;
}

/* What of a window lies in the image: `high` lines of `wide` places, from (line, place) on; and its output. */
typedef struct {
    int64_t line, place, high, wide, output;
} window;

ALWAYS_INLINE window window_at(const windows *s, int64_t oy, int64_t ox) {
    const int64_t y = oy * s->sh - s->top, x = ox * s->sw - s->left;
    window t = {.line = at_least(y, 0), .place = at_least(x, 0), .output = (oy * s->ow + ox) * s->c};
    t.high = at_most(y + s->kh, s->h) - t.line, t.wide = at_most(x + s->kw, s->w) - t.place;
    return t;
}

/* ---- forward ---- */

/* `some` channels of one output, the largest number and the place of its first one. */
ALWAYS_INLINE void pool_tile_kept(const pooling *v, const real *x, const window *t, real *y, integer *winner,
                                  int some) {
    int64_t place = t->line * v->s.w + t->place;
    vf found = vf_set1(-REAL_INFINITY), first = vf_bits(vi_set1((integer)place));
    for (int64_t ky = 0; ky < t->high; ky++, x += v->line, place += v->s.w)
        for (int64_t kx = 0; kx < t->wide; kx++) {
            const vf number = vec_load(x + kx * v->s.c, some);
            const vm stays = vm_or(vf_le(number, found), vf_isnan(found));
            first = vf_select(stays, first, vf_bits(vi_set1((integer)(place + kx))));
            found = larger(number, found);
        }
    vec_store(y, found, some);
    vec_store((real *)winner, first, some);
}

/* The channels of a window, with the places of the largest numbers. */
ALWAYS_INLINE void pool_window_kept(const pooling *v, const real *image, const window t, real *y, integer *winner) {
    const int64_t c = v->s.c, at = t.line * v->line + t.place * c;
    const real *x = image + at;
    if (c < LANES) {
        const int64_t last = at + (t.high - 1) * v->line + (t.wide - 1) * c;
        const int whole = last + LANES <= v->x_size && t.output + LANES <= v->y_size;
        pool_tile_kept(v, x, &t, y + t.output, winner + t.output, whole ? LANES : (int)c);
        return;
    }
    for (int64_t j = 0; j < c; j += LANES) {
        const int64_t from = at_most(j, c - LANES);
        pool_tile_kept(v, x + from, &t, y + t.output + from, winner + t.output + from, LANES);
    }
}

/* The maxima of one image and the places that they stand at. */
static void pool_image_kept(const pooling *v, const real *x, real *y, integer *winners) {
    for (int64_t oy = 0; oy < v->s.oh; oy++)
        for (int64_t ox = 0; ox < v->s.ow; ox++) {
            window t = window_at(&v->s, oy, ox);
            if (!ALL_LOOPED && t.high == 2 && t.wide == 2) {
                t.high = t.wide = 2;
                pool_window_kept(v, x, t, y, winners);
            } else {
                pool_window_kept(v, x, t, y, winners);
            }
        }
}

/* The gradient of an image by that of its maxima, in windows apart from each other. */
static void pool_scatter(const pooling *v, const real *dy, const integer *winners, real *dx) {
    const int64_t c = v->s.c;
    memset(dx, 0, (size_t)v->x_size * sizeof(real));
    for (int64_t i = 0; i < v->y_size; i += c)
        for (int64_t j = 0; j < c; j++) dx[winners[i + j] * c + j] = dy[i + j];
}

/* `some` channels of one output, or of `count` vectors of them. A sum of many numbers keeps what its rounding has lost:
 * without that a mean of a million is wrong by a hundredth. */
ALWAYS_INLINE void pool_tile(const pooling *v, const real *x, const window *t, real *y, int some, const int count,
                             const int average) {
    const vf divisor = vf_set1((real)(t->high * t->wide));
    vf found[POOL_ACROSS], lost[POOL_ACROSS] = {{0}};
#pragma GCC unroll 4
    for (int q = 0; q < count; q++) found[q] = average ? vf_zero() : vf_set1(-REAL_INFINITY);
    for (int64_t ky = 0; ky < t->high; ky++, x += v->line)
        for (int64_t kx = 0; kx < t->wide; kx++)
#pragma GCC unroll 4
            for (int q = 0; q < count; q++) {
                const vf number = vec_load(x + kx * v->s.c + q * LANES, some);
                if (average == POOL_MEAN_OF_MANY) {
                    found[q] = vec_add_kept(found[q], number, &lost[q]);
                } else {
                    found[q] = average ? vf_add(found[q], number) : larger(number, found[q]);
                }
            }
#pragma GCC unroll 4
    for (int q = 0; q < count; q++) vec_store(y + q * LANES, average ? vf_div(found[q], divisor) : found[q], some);
}

ALWAYS_INLINE void pool_window(const pooling *v, const real *image, const window t, real *y, const int average) {
    const int64_t c = v->s.c, at = t.line * v->line + t.place * c;
    const real *x = image + at;
    real *to = y + t.output;
    if (c < LANES) {
        const int64_t last = at + (t.high - 1) * v->line + (t.wide - 1) * c;
        const int whole = last + LANES <= v->x_size && t.output + LANES <= v->y_size;
        pool_tile(v, x, &t, to, whole ? LANES : (int)c, 1, average);
        return;
    }
    int64_t j = 0;
    for (; j + POOL_ACROSS * LANES <= c; j += POOL_ACROSS * LANES)
        pool_tile(v, x + j, &t, to + j, LANES, POOL_ACROSS, average);
    for (; j < c; j += LANES) {
        const int64_t from = at_most(j, c - LANES);
        pool_tile(v, x + from, &t, to + from, LANES, 1, average);
    }
}

/* One image; the taps of windows of 2 x 2 and of their maxima, which are nearly all there are, are no loops. */
ALWAYS_INLINE void pool_image(const pooling *v, const real *x, real *y, const int average) {
    for (int64_t oy = 0; oy < v->s.oh; oy++)
        for (int64_t ox = 0; ox < v->s.ow; ox++) {
            window t = window_at(&v->s, oy, ox);
            if (!ALL_LOOPED && !average && t.high == 2 && t.wide == 2) {
                t.high = t.wide = 2;
                pool_window(v, x, t, y, average);
            } else {
                pool_window(v, x, t, y, average);
            }
        }
}

static RARE void pool_image_of_many(const pooling *v, const real *x, real *y) {
    for (int64_t oy = 0; oy < v->s.oh; oy++)
        for (int64_t ox = 0; ox < v->s.ow; ox++) pool_window(v, x, window_at(&v->s, oy, ox), y, POOL_MEAN_OF_MANY);
}

static void pool_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin, int64_t end) {
    if (op->pooled) return; /* done by the convolution before it */
    const pooling v = pooling_of(op);
    const real *x = op_x(op, model, block, 0);
    real *y = op_y(op, model);
    for (int64_t i = begin; i < end; i++) {
        if (v.average == POOL_MEAN_OF_MANY)
            pool_image_of_many(&v, x + i * v.x_size, y + i * v.y_size);
        else if (v.average)
            pool_image(&v, x + i * v.x_size, y + i * v.y_size, 1);
        else
            pool_image(&v, x + i * v.x_size, y + i * v.y_size, 0);
    }
}

/* ---- back ---- */

/* An image and its gradient, and those of what was made of it. */
typedef struct {
    const real *x, *y, *dy;
    real *dx;
} pool_arrays;

/* Which channels of a tap are as large as the largest. */
ALWAYS_INLINE vm pool_equal(const real *x, vf top, int some) {
    const vf number = vec_load(x, some);
    return vm_or(vf_eq(number, top), vf_isnan(number));
}

/* `some` channels of one window from number `at` of the image on. Where dx is added to, what takes nothing stays as it
 * is, lest the sign of a zero depend on who takes this way. */
ALWAYS_INLINE void pool_tile_back(const pooling *v, const pool_arrays *a, const window *t, int64_t at, int64_t output,
                                  int some, const int average, const int add) {
    const vf top = average ? vf_zero() : vec_load(a->y + output, some);
    vm taken = vf_lt(vf_zero(), vf_zero());
    vf given = vec_load(a->dy + output, some);
    if (average) given = vf_div(given, vf_set1((real)(t->high * t->wide)));
    for (int64_t ky = 0; ky < t->high; ky++, at += v->line)
        for (int64_t kx = 0; kx < t->wide; kx++) {
            real *to = a->dx + at + kx * v->s.c;
            const vf before = add ? vec_load(to, some) : vf_zero();
            vf now = add ? vf_add(before, given) : given;
            if (!average) {
                const vm equal = pool_equal(a->x + at + kx * v->s.c, top, some);
                now = vf_select(vm_and(equal, vm_not(taken)), now, before);
                taken = vm_or(taken, equal);
            }
            vec_store(to, now, some);
        }
}

/* The channels of a window, fewer than lanes: each gives its number to the first tap that is as large as the largest,
 * which is the last that is found from behind. Zeros stand at all others. */
ALWAYS_INLINE void pool_give(const pooling *v, const pool_arrays *a, const window *t, int64_t at, int some,
                             const int add) {
    const vf top = vec_load(a->y + t->output, some);
    vf found = vf_zero(); /* bits of how far from `at` on */
    for (int64_t ky = t->high - 1; ky >= 0; ky--)
        for (int64_t kx = t->wide - 1; kx >= 0; kx--) {
            const int64_t far = ky * v->line + kx * v->s.c;
            found = vf_select(pool_equal(a->x + at + far, top, some), vf_bits(vi_set1((integer)far)), found);
        }
    const vi first = vi_bits(found);
    integer far[LANES];
    memcpy(far, &first, sizeof far);
    for (int64_t j = 0; j < v->s.c; j++) {
        real *to = a->dx + at + far[j] + j;
        const real given = a->dy[t->output + j];
        *to = add ? *to + given : given;
    }
}

ALWAYS_INLINE void pool_window_back(const pooling *v, const pool_arrays *a, const window t, const int average,
                                    const int add) {
    const int64_t c = v->s.c, at = t.line * v->line + t.place * c;
    const int64_t last = t.place * c + (t.wide - 1) * c; /* of the line, whose later places are written later */
    const int full = last + LANES <= v->line && t.output + LANES <= v->y_size;
    if (!average && (add ? c < LANES : 2 * c < LANES)) {
        pool_give(v, a, &t, at, full ? LANES : (int)c, add);
        return;
    }
    int64_t j = 0;
    for (; j + LANES <= c; j += LANES) pool_tile_back(v, a, &t, at + j, t.output + j, LANES, average, add);
    if (j == c) return;
    const int64_t from = add || c < LANES ? j : c - LANES;
    const int some = !add && (full || c >= LANES) ? LANES : (int)(c - j);
    pool_tile_back(v, a, &t, at + from, t.output + from, some, average, add);
}

/* Zeros for places that no window has read, where dx is set. */
static void pool_clear(const pooling *v, int64_t first, int64_t end, int64_t place, real *dx) {
    if (place >= v->s.w) return;
    for (int64_t y = first; y < end; y++)
        memset(dx + y * v->line + place * v->s.c, 0, (size_t)(v->line - place * v->s.c) * sizeof(real));
}

ALWAYS_INLINE void pool_image_back(const pooling *v, const pool_arrays *a, const int average, const int add) {
    for (int64_t oy = 0; oy < v->s.oh; oy++) {
        window t = window_at(&v->s, oy, 0);
        for (int64_t ox = 0; ox < v->s.ow; ox++) {
            t = window_at(&v->s, oy, ox);
            if (!ALL_LOOPED && !average && !add && t.high == 2 && t.wide == 2) { /* windows that overlap are larger */
                t.high = t.wide = 2;
                pool_window_back(v, a, t, average, add);
            } else {
                pool_window_back(v, a, t, average, add);
            }
        }
        if (!add) pool_clear(v, t.line, t.line + t.high, v->right, a->dx);
    }
    if (!add) pool_clear(v, v->bottom, v->s.h, 0, a->dx);
}

static void pool_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                               int64_t end) {
    pooling v = pooling_of(op);
    const real *x = op_x(op, model, block, 0), *y = op_y(op, model), *dy = op_dy(op, model);
    real *dx = op_dx(op, model, 0);
    if (!dx || op->pooled) return;
    const int adds = op_edge(op, model, 0)->adds;
    const int clears = !adds && (v.add || (!v.average && 2 * v.s.c < LANES));
    v.add |= adds;
    for (int64_t i = begin; i < end; i++) {
        const int64_t image = i * v.x_size, out = i * v.y_size;
        if (clears) memset(dx + image, 0, (size_t)v.x_size * sizeof(real));
        const pool_arrays a = {.x = x + image, .y = y + out, .dy = dy + out, .dx = dx + image};
        if (v.average != POOL_MAXIMUM)
            pool_image_back(&v, &a, 1, v.add);
        else if (v.add)
            pool_image_back(&v, &a, 0, 1);
        else
            pool_image_back(&v, &a, 0, 0);
    }
}

static const fnn_op_kernels pool_op = {.forward = pool_forward, .backward_rows = pool_backward_rows};

#endif
