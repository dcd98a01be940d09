/* Convolutions in which each channel has one filter of its own: lanes run along the channels. */
#ifndef FNN_OPS_DEPTHWISE_H
#define FNN_OPS_DEPTHWISE_H

#include "windows.h"

#define ACROSS 4 /* outputs of a line that are summed together */

/* `some` channels of `count` outputs that follow each other. */
INLINE void depthwise_tile(const windows *s, int64_t line, const real *x, const real *w, const vf start, real *z,
                           int some, const int count) {
    vf sum[ACROSS];
#pragma GCC unroll 4
    for (int q = 0; q < count; q++) sum[q] = start;
    for (int64_t ky = 0; ky < s->kh; ky++) {
        const real *from = x + ky * s->dh * line;
        for (int64_t kx = 0; kx < s->kw; kx++, from += s->dw * s->c, w += s->c) {
            const vf number = vec_load(w, some);
#pragma GCC unroll 4
            for (int q = 0; q < count; q++) sum[q] = vf_fma(vec_load(from + q * s->sw * s->c, some), number, sum[q]);
        }
    }
#pragma GCC unroll 4
    for (int q = 0; q < count; q++) vec_store(z + q * s->c, sum[q], some);
}

static void depthwise_forward(const windows *s, const around *a, const real *image, const real *w, const real *bias,
                              real *z) {
    for (int64_t oy = 0; oy < s->oh; oy++)
        for (int64_t j = 0; j < s->c; j += LANES) {
            const int some = s->c - j < LANES ? (int)(s->c - j) : LANES;
            const vf start = bias ? vec_load(bias + j, some) : vf_zero();
            const real *x = image + oy * s->sh * a->row + j;
            real *to = z + oy * s->ow * s->c + j;
            int64_t ox = 0;
            for (; ox + ACROSS <= s->ow; ox += ACROSS)
                depthwise_tile(s, a->row, x + ox * s->sw * s->c, w + j, start, to + ox * s->c, some, ACROSS);
            for (; ox < s->ow; ox++)
                depthwise_tile(s, a->row, x + ox * s->sw * s->c, w + j, start, to + ox * s->c, some, 1);
        }
}

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

/* Taps [begin, end) of the kernel's gradient go on by one sample. */
static void depthwise_dw(const windows *s, const around *a, const real *image, const real *dz, int64_t begin,
                         int64_t end, int first, real *dw) {
    for (int64_t tap = begin; tap < end; tap++) {
        const real *x = image + tap / s->kw * s->dh * a->row + tap % s->kw * s->dw * s->c;
        real *to = dw + (tap - begin) * s->c;
        for (int64_t j = 0; j < s->c; j += LANES) {
            const int some = s->c - j < LANES ? (int)(s->c - j) : LANES;
            vf sum = first ? vf_zero() : vec_load(to + j, some);
            for (int64_t oy = 0; oy < s->oh; oy++)
                for (int64_t ox = 0; ox < s->ow; ox++)
                    sum = vf_fma(vec_load(x + oy * s->sh * a->row + ox * s->sw * s->c + j, some),
                                 vec_load(dz + (oy * s->ow + ox) * s->c + j, some), sum);
            vec_store(to + j, sum, some);
        }
    }
}

#endif
