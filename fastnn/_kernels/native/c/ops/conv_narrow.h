/* Windows made by vectors along a line of them, where the image has one channel and filters are few, and maxima of four
 * taken while lanes run so: a quarter of the numbers is turned to channels. A part of convolution.h. */
#ifndef FNN_OPS_CONV_NARROW_H
#define FNN_OPS_CONV_NARROW_H

/* Whether a line of windows is better made by vectors along it: the image has one channel, and filters are few. */
static int has_narrow_lines(const convolution *v) {
    return v->lines && v->s.c * v->s.sw == 1 && v->s.ow >= LANES && v->n <= NARROW_MOST;
}

static parts narrow_parts(const convolution *v) {
    return (parts){.segments = v->s.kh, .a_segment = v->s.dh * v->a.row, .b_segment = v->s.kw * v->n};
}

/* A line of windows, from where it begins in the image. */
static product narrow_line(const convolution *v, const real *from, const real *w, const real *bias, const parts *of) {
    return (product){.m = v->s.ow,
                     .n = v->n,
                     .k = v->s.kw,
                     .a = from,
                     .a_row = 1,
                     .a_column = 1,
                     .b = w,
                     .b_row = v->n,
                     .start = bias,
                     .c_row = v->n,
                     .parts = of};
}

/* z (oh, ow, n) of an image. */
static void convolve_narrow(const convolution *v, const real *image, const real *w, const real *bias, real *z) {
    const parts of = narrow_parts(v);
    for (int64_t oy = 0; oy < v->s.oh; oy++, z += v->s.ow * v->n) {
        product line = narrow_line(v, image + oy * v->s.sh * v->a.row, w, bias, &of);
        line.c = z;
        multiply_narrow(&line);
    }
}

/* Whether maxima of 2 x 2, all inside, are what is read of such lines. */
static int has_narrow_maxima(const convolution *v, const pooling *q) {
    const windows *s = &q->s;
    return has_narrow_lines(v) && s->kh == 2 && s->kw == 2 && s->sh == 2 && s->sw == 2 && s->top == 0 && s->left == 0 &&
           2 * s->oh <= s->h && 2 * s->ow <= s->w;
}

/* Maxima of LANES pairs of places of two lines, and the places, the first of which is `place`; of each of n filters. */
ALWAYS_INLINE void maxima_of_lines(const real *upper, const real *lower, int64_t n, int64_t place, int64_t line,
                                   real *found, integer *first) {
    vi pairs = vi_set1(0);
    UNROLL for (int i = 0; i < LANES; i++)
        pairs[i] = 2 * i;
    const vi begin = pairs + vi_set1((integer)place);
    for (int64_t j = 0; j < n; j++, upper += TILE_WIDTH, lower += TILE_WIDTH, found += LANES, first += LANES) {
        vf number[4] = {vf_load(upper), vf_load(upper + LANES), vf_load(lower), vf_load(lower + LANES)};
        split_pairs(&number[0], &number[1]);
        split_pairs(&number[2], &number[3]);
        vf most = vf_set1(-REAL_INFINITY), at = vf_bits(begin);
        UNROLL for (int k = 0; k < 4; k++) {
            const vm stays = vm_or(vf_le(number[k], most), vf_isnan(most));
            at = vf_select(stays, at, vf_bits(begin + vi_set1((integer)(k / 2 * line + k % 2))));
            most = larger(number[k], most);
        }
        vf_store(found, most);
        vf_store((real *)first, at);
    }
}

/* Maxima of an image's activated output, and their places unless there is no room for them. */
static void narrow_maxima(const fnn_op *op, const convolution *v, const pooling *q, const real *image, const real *w,
                          const real *bias, real *y, integer *winners) {
    real sums[2 * LANES * TILE_WIDTH], found[LANES * LANES];
    integer first[LANES * LANES];
    const parts of = narrow_parts(v);
    const int64_t size = v->n * TILE_WIDTH, down = v->a.row * v->s.sh;
    for (int64_t oy = 0; oy < q->s.oh; oy++, image += 2 * down) {
        const product upper = narrow_line(v, image, w, bias, &of), lower = narrow_line(v, image + down, w, bias, &of);
        for (int64_t i = 0; i < q->s.ow; i += LANES) {
            const int64_t some = at_most(q->s.ow - i, LANES), to = (oy * q->s.ow + i) * v->n;
            sum_narrow(&upper, 2 * i, 2 * some, sums);
            sum_narrow(&lower, 2 * i, 2 * some, sums + size);
            if (op->activation != FNN_LINEAR) fnn_activate(op->activation, op->parameter, 1, 2 * size, sums, sums);
            maxima_of_lines(sums, sums + size, v->n, 2 * (oy * v->s.ow + i), v->s.ow, found, first);
            transpose(v->n, some, found, LANES, y + to, v->n);
            if (winners) transpose(v->n, some, (real *)first, LANES, (real *)winners + to, v->n);
        }
    }
}

#endif
