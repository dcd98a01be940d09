/* A convolution of one image, its way back, and the gradient of its kernel: what the ops conv and conv_transpose share.
 *
 * Design: products read the image where it lies, line by line of a window (segments), so that no window is copied.
 * Where several channels of a group do not follow each other, or windows have gaps, the segments are its single places.
 */
#ifndef FNN_OPS_CONVOLUTION_H
#define FNN_OPS_CONVOLUTION_H

#include "activation.h"
#include "depthwise.h"
#include "gemm_impl.h"
#include "optimizers.h"
#include "pool.h"
#include "scratch.h"
#include "windows.h"

#define CONV_SHARD 16 /* samples whose parts of dw are one sum, see _ops/conv.py */

/* A convolution: its windows, and sizes that follow from them. */
typedef struct {
    windows s;
    around a;
    int64_t n, groups, in, out; /* filters; channels of a group that are read, and made */
    int lines;                  /* a line of a window is one run of numbers */
    int64_t x_size, y_size;     /* numbers a sample */
    int64_t made;               /* numbers of scratch memory for an output that the workspace does not have */
} convolution;

static convolution convolution_of(const fnn_op *op, int64_t n, int64_t groups) {
    convolution v = {.s = windows_of(op), .n = n, .groups = groups};
    v.a = around_of(&v.s);
    v.in = v.s.c / v.groups, v.out = v.n / v.groups;
    v.lines = v.groups == 1 && v.s.dw == 1;
    v.x_size = v.s.h * v.s.w * v.s.c, v.y_size = v.s.oh * v.s.ow * v.n;
    return v;
}

static int is_depthwise(const convolution *v) { return v->in == 1 && v->out == 1; }

/* Numbers of the kernel, and those that conv_hand_back gives. */
static int64_t kernel_size(const convolution *v) { return v->s.kh * v->s.kw * v->in * v->n; }
static int64_t sums_size(const convolution *v) { return v->s.ow * v->s.kw * v->in; }

/* Bytes of scratch memory that any of the three below wants. */
static size_t convolution_scratch(const convolution *v) {
    const int64_t size = at_least(around_size(&v->a) + 2 * kernel_size(v), kernel_size(v) + sums_size(v));
    return (size_t)(size + LANES + v->made) * sizeof(real); /* conv_gather reads behind the sums */
}

/* Room for that output, at the end of it. */
static real *made_room(const convolution *v, real *scratch) {
    return scratch + convolution_scratch(v) / sizeof(real) - v->made;
}

/* Whether the places that all lines of windows read follow each other as those of one line do. */
static int is_one_line(const convolution *v) {
    const windows *s = &v->s;
    return v->lines && (s->oh == 1 || s->sh * v->a.row == s->ow * s->sw * s->c);
}

/* z of one line of windows, for the g-th group; of all lines where they are one. */
static void conv_line(const convolution *v, const real *image, const real *w, const real *bias, int64_t oy, int64_t g,
                      real *z) {
    const windows *s = &v->s;
    product p = {.m = s->ow,
                 .n = v->out,
                 .k = v->in,
                 .a_row = s->sw * s->c,
                 .a_column = 1,
                 .b_row = v->n,
                 .start = bias ? bias + g * v->out : NULL,
                 .c = z + oy * s->ow * v->n + g * v->out,
                 .c_row = v->n,
                 .segments = s->kw,
                 .a_segment = s->dw * s->c,
                 .b_segment = v->in * v->n};
    const real *lines = image + oy * s->sh * v->a.row + g * v->in;
    if (v->lines) {
        p.k = s->kw * s->c, p.segments = s->kh, p.a_segment = s->dh * v->a.row, p.b_segment = p.k * v->n;
        p.a = lines, p.b = w;
        if (is_one_line(v)) p.m *= s->oh;
        multiply_in_place(&p);
        return;
    }
    for (int64_t ky = 0; ky < s->kh; ky++) {
        p.a = lines + ky * s->dh * v->a.row, p.b = w + ky * s->kw * v->in * v->n + g * v->out;
        multiply_in_place(&p);
        p.start = p.c, p.start_row = v->n;
    }
}

/* z (oh, ow, n) of an image; `room` is for the image with what is around it. */
static void convolve(const convolution *v, const real *x, const real *w, const real *bias, real *room, real *z) {
    if (is_depthwise(v)) {
        depthwise_forward(&v->s, x, w, bias, 0, z);
        return;
    }
    const real *image = image_around(&v->s, &v->a, x, room);
    const int64_t lines = is_one_line(v) ? 1 : v->s.oh;
    for (int64_t oy = 0; oy < lines; oy++)
        for (int64_t g = 0; g < v->groups; g++) conv_line(v, image, w, bias, oy, g, z);
}

/* The kernel for image_gradient: for each group (kh, out, kw * in); of a depthwise one its taps turned round. */
static void turn_kernel(const convolution *v, const real *w, real *turned) {
    if (is_depthwise(v)) {
        turn_taps(&v->s, w, turned);
        return;
    }
    const int64_t wide = v->s.kw * v->in;
    for (int64_t g = 0; g < v->groups; g++)
        for (int64_t ky = 0; ky < v->s.kh; ky++, turned += v->out * wide)
            transpose(wide, v->out, w + ky * wide * v->n + g * v->out, v->n, turned, wide);
}

/* (ow, kw * in): what each output of the lines that have read line y hands back, before it is shifted to its place. */
static int conv_hand_back(const convolution *v, const real *dz, const real *turned, int64_t y, int64_t g, real *sums) {
    const windows *s = &v->s;
    const int64_t wide = s->kw * v->in;
    const taps t = taps_at(y + s->top, s->kh, s->sh, s->dh, s->oh);
    if (!n_taps(&t)) return 0;
    const product p = {.m = s->ow,
                       .n = wide,
                       .k = v->out,
                       .a = dz + t.output * s->ow * v->n + g * v->out,
                       .a_row = v->n,
                       .a_column = 1,
                       .b = turned + (g * s->kh + t.first) * v->out * wide,
                       .b_row = wide,
                       .c = sums,
                       .c_row = wide,
                       .segments = n_taps(&t),
                       .a_segment = -t.back * s->ow * v->n,
                       .b_segment = t.step * v->out * wide};
    multiply_in_place(&p);
    return 1;
}

/* dx at one place of a line, channels of a group: the sum of what outputs have for it, in the order of the taps. With
 * `spills` also what stands behind the last channel may be written: it is set later. */
static void conv_gather(const convolution *v, const real *sums, int64_t x, int add, int spills, real *dx) {
    const windows *s = &v->s;
    const int64_t wide = s->kw * v->in;
    const taps t = taps_at(x + s->left, s->kw, s->sw, s->dw, s->ow);
    const int64_t jump = t.step * v->in - t.back * wide;
    for (int64_t j = 0; j < v->in; j += LANES) {
        const int some = spills ? LANES : (int)at_most(v->in - j, LANES);
        const real *from = sums + t.output * wide + t.first * v->in + j;
        vf sum = vf_zero();
        for (int64_t k = n_taps(&t); k; k--, from += jump) sum = vf_add(sum, vec_load(from, some));
        if (add) sum = vf_add(vec_load(dx + j, some), sum);
        vec_store(dx + j, sum, some);
    }
}

/* What an image's windows hand back to it: set or, each number's sum made by itself, added. */
static void image_gradient(const convolution *v, const real *dz, const real *w, const real *turned, int add, real *sums,
                           real *dx) {
    const windows *s = &v->s;
    if (is_depthwise(v)) {
        depthwise_back(s, dz, w, turned, add, dx);
        return;
    }
    for (int64_t y = 0; y < s->h; y++)
        for (int64_t g = 0; g < v->groups; g++) {
            const int some = conv_hand_back(v, dz, turned, y, g, sums);
            if (!some && add) continue;
            real *to = dx + y * s->w * s->c + g * v->in;
            for (int64_t x = 0; x < s->w; x++, to += s->c) {
                const int spills = !add && v->groups == 1 && (s->w - x) * s->c >= s->c + LANES;
                if (some)
                    conv_gather(v, sums, x, add, spills, to);
                else
                    memset(to, 0, (size_t)v->in * sizeof(real));
            }
        }
}

/* Rows [begin, end) of the kernel's gradient, (kh * kw * in, n), go on by one sample; with `first` from zero. */
static void conv_dw(const convolution *v, const real *image, const real *dz, int64_t begin, int64_t end, int first,
                    real *dw) {
    const windows *s = &v->s;
    const int64_t run = v->lines ? s->kw * v->in : v->in;
    for (int64_t row = begin; row < end;) {
        const int64_t tap = row / v->in, ky = tap / s->kw, kx = tap % s->kw, last = at_most((row / run + 1) * run, end);
        const int64_t from = ky * s->dh * v->a.row + kx * s->dw * s->c + row % v->in;
        for (int64_t g = 0; g < v->groups; g++) {
            real *to = dw + (row - begin) * v->n + g * v->out;
            const product p = {.m = last - row,
                               .n = v->out,
                               .k = s->ow,
                               .a = image + from + g * v->in,
                               .a_row = 1,
                               .a_column = s->sw * s->c,
                               .b = dz + g * v->out,
                               .b_row = v->n,
                               .start = first ? NULL : to,
                               .start_row = v->n,
                               .c = to,
                               .c_row = v->n,
                               .segments = s->oh,
                               .a_segment = s->sh * v->a.row,
                               .b_segment = s->ow * v->n};
            multiply_in_place(&p);
        }
        row = last;
    }
}

#include "conv_few.h"

/* dz of a block: an array or, where maxima of the output are all that is read of it, what they say of it. */
typedef struct {
    const real *array;
    const pooling *maxima; /* NULL for an array */
    const real *dy;
    const integer *winners;
} slopes;

/* dz of one sample; `room` is for one that is not there yet. */
static const real *slopes_of(const slopes *from, const convolution *v, int64_t i, real *room) {
    if (!from->maxima) return from->array + i * v->y_size;
    const int64_t at = i * from->maxima->y_size;
    pool_scatter(from->maxima, from->dy + at, from->winners + at, room);
    return room;
}

/* Rows [begin, end) of the kernel's gradient over a block: set, or added to what is there. */
static void kernel_gradient(const convolution *v, int64_t samples, const real *x, const slopes *from, int accumulate,
                            int64_t begin, int64_t end, real *dw) {
    const int64_t size = (end - begin) * v->n;
    real *sums = fnn_scratch(convolution_scratch(v)), *total = sums + size, *room = total + size;
    real *made = made_room(v, sums);
    for (int64_t i = 0; i < samples; i++) {
        const int first = i % CONV_SHARD == 0, is_last = (i + 1) % CONV_SHARD == 0 || i + 1 == samples;
        real *to = i < CONV_SHARD ? total : sums;
        const real *image = image_around(&v->s, &v->a, x + i * v->x_size, room), *dz = slopes_of(from, v, i, made);
        if (is_depthwise(v))
            depthwise_dw(&v->s, v->a.row, image, dz, begin, end, first, to);
        else if (has_few_rows(v))
            conv_dw_few(v, image, dz, begin, end, first, to);
        else
            conv_dw(v, image, dz, begin, end, first, to);
        if (is_last && to == sums) add_row(sums, size, total);
    }
    dw += begin * v->n;
    if (accumulate)
        add_row(total, size, dw);
    else
        copy_row(total, size, dw);
}

/* That of the bias, from dz (samples * repeat, n_out) of all places where it may be other than zero. */
static void conv_db(const fnn_op *op, const fnn_model *model, int64_t samples, int64_t repeat, const real *dz,
                    int accumulate) {
    for (int64_t i = 0; i < samples; i += CONV_SHARD)
        sum_columns(at_most(samples - i, CONV_SHARD) * repeat, op->n_out, dz + i * repeat * op->n_out,
                    (real *)model->grads + op->db, accumulate || i > 0);
}

/* The update of the kernel's rows [begin, end), n numbers each, and of the bias with the first of them. */
static void conv_update(const fnn_op *op, const fnn_model *model, const double *c, double scale, int64_t n,
                        int64_t begin, int64_t end) {
    if (op->dw >= 0) fnn_update_kernel(model, c, scale, op->w + begin * n, op->w + end * n);
    if (begin == 0 && op->db >= 0) fnn_update_kernel(model, c, scale, op->b, op->b + op->n_out);
}

#endif
