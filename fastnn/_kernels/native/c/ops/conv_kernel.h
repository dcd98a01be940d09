/* The gradient of a convolution's kernel, sample by sample in shards; a part of convolution.h. */
#ifndef FNN_OPS_CONV_KERNEL_H
#define FNN_OPS_CONV_KERNEL_H

/* Rows [begin, end) of the kernel's gradient, (kh * kw * in, n), go on by one sample; with `first` from zero. */
static void conv_dw(const convolution *v, const real *image, const real *dz, int64_t begin, int64_t end, int first,
                    real *dw) {
    const windows *s = &v->s;
    const int64_t run = v->lines ? s->kw * v->in : v->in, unit = v->pairs_along ? 2 : 1;
    const parts of = {.segments = s->oh, .a_segment = s->sh * v->a.row, .b_segment = s->ow / unit * v->n};
    for (int64_t row = begin; row < end;) {
        const int64_t tap = row / v->in, ky = tap / s->kw, kx = tap % s->kw, last = at_most((row / run + 1) * run, end);
        const int64_t from = ky * s->dh * v->a.row + kx * s->dw * s->c + row % v->in;
        for (int64_t g = 0; g < v->groups; g++) {
            real *to = dw + (row - begin) * v->n + g * v->out;
            const product p = {.m = last - row,
                               .n = v->out,
                               .k = s->ow / unit,
                               .a = image + from + g * v->in,
                               .a_row = 1,
                               .a_column = unit * s->sw * s->c,
                               .b = dz + g * v->out,
                               .b_row = v->n,
                               .start = first ? NULL : to,
                               .start_row = v->n,
                               .c = to,
                               .c_row = v->n,
                               .words = v->pairs_along,
                               .parts = &of};
            multiply_in_place(&p);
        }
        row = last;
    }
}

/* The same of images and slopes that are put into words first, in `room`. */
static void conv_dw_pairs(const convolution *v, const real *image, const real *dz, int64_t begin, int64_t end,
                          int first, real *room, real *dw) {
    real *words = room + image_size(v);
    image_in_pairs(v, image, room);
    words_across(dz, v->s.oh * v->s.ow, v->n, v->n, 2 * v->n, words);
    conv_dw(v, room, words, begin, end, first, dw);
}

#include "conv_few.h"

/* Rows [begin, end) of the kernel's gradient go on by a sample; with `first` from zero. */
static void add_sample(const convolution *v, const real *x, const slopes *from, int64_t i, int first, int64_t begin,
                       int64_t end, real *room, real *made, real *to) {
    const real *image = image_around(&v->s, &v->a, x + i * v->x_size, room), *dz = slopes_of(from, v, i, made);
    if (is_depthwise(v))
        depthwise_dw(&v->s, v->a.row, image, dz, begin, end, first, to);
    else if (has_few_rows(v))
        conv_dw_few(v, image, dz, begin, end, first, to);
    else if (v->pairs_along)
        conv_dw_pairs(v, image, dz, begin, end, first, room + around_size(&v->a), to);
    else
        conv_dw(v, image, dz, begin, end, first, to);
}

/* Rows [begin, end) of the kernel's gradient by the samples [i, last) of a shard. */
static void sum_shard(const convolution *v, const real *x, const slopes *from, int64_t i, int64_t last, int64_t begin,
                      int64_t end, real *room, real *made, real *to) {
    if (v->maxima) {
        maxima_of_shard(v, x, from, i, last, begin, end, room, to);
        return;
    }
    for (const int64_t start = i; i < last; i++) add_sample(v, x, from, i, i == start, begin, end, room, made, to);
}

/* Rows [begin, end) of the kernel's gradient over a block: set, or added to what is there. */
static void kernel_gradient(const convolution *v, int64_t samples, const real *x, const slopes *from, int accumulate,
                            int64_t begin, int64_t end, real *dw) {
    const int64_t size = (end - begin) * v->n;
    real *sums = fnn_scratch(convolution_scratch(v)), *total = sums + size, *room = total + size;
    real *made = made_room(v, sums);
    for (int64_t i = 0; i < samples; i += CONV_SHARD) {
        sum_shard(v, x, from, i, at_most(i + CONV_SHARD, samples), begin, end, room, made, i ? sums : total);
        if (i) add_row(sums, size, total);
    }
    dw += begin * v->n;
    if (accumulate)
        add_row(total, size, dw);
    else
        copy_row(total, size, dw);
}

/* Sums [first, last) of those that kernel_gradient adds up, (shards, kernel_size), by themselves. */
static void kernel_parts(const convolution *v, int64_t samples, const real *x, const slopes *from, int64_t first,
                         int64_t last, real *parts) {
    const int64_t size = kernel_size(v);
    real *room = fnn_scratch(convolution_scratch(v)), *made = made_room(v, room);
    for (int64_t k = first, i = k * CONV_SHARD; k < last; k++, i += CONV_SHARD)
        sum_shard(v, x, from, i, at_most(i + CONV_SHARD, samples), 0, size / v->n, room, made, parts + k * size);
}

/* Rows [begin, end) of their sum, in the order of kernel_gradient. */
static void add_kernel_parts(const convolution *v, int64_t samples, const real *parts, int accumulate, int64_t begin,
                             int64_t end, real *dw) {
    const int64_t size = (end - begin) * v->n;
    real *to = dw + begin * v->n, *total = accumulate ? fnn_scratch(convolution_scratch(v)) : to;
    parts += begin * v->n;
    copy_row(parts, size, total);
    for (int64_t i = CONV_SHARD; i < samples; i += CONV_SHARD) add_row(parts += kernel_size(v), size, total);
    if (accumulate) add_row(total, size, to);
}

#endif
