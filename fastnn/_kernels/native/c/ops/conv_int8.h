/* The conv op by products of whole numbers (see _ops/int8.py): windows of an image are laid out as rows. */
#ifdef FNN_OP
FNN_DOUBLE_LENT_OP(CONV_INT8, conv_int8)
#elif !defined FNN_OPS_CONV_INT8_H
#define FNN_OPS_CONV_INT8_H

#include "dense_int8.h"
#include "windows.h"

enum { INT8_RUN = 32 }; /* bytes copied at a time; memory has so many behind its end */

static int64_t int8_image_size(const around *a) { return a->height * a->row + INT8_RUN; }

static size_t conv_int8_scratch(const fnn_op *op) {
    const windows s = windows_of(op);
    const around a = around_of(&s);
    const int64_t n_in = s.kh * s.kw * s.c;
    return (size_t)(int8_image_size(&a) + int8_together(n_in) * int8_pitch(n_in) + INT8_RUN);
}

/* An image of whole numbers, with zeros of the real numbers around it. */
static void int8_image(const int8_kernel *k, const windows *s, const around *a, const real *x, uint8_t *image) {
    if (!a->plain) memset(image, k->zero, (size_t)(a->height * a->row));
    for (int64_t y = 0; y < s->h; y++)
        int8_quantize(k, x + y * s->w * s->c, s->w * s->c, image + (y + s->top) * a->row + s->left * s->c);
}

/* A run of bytes, and some behind it. */
static void int8_copy(const uint8_t *from, int64_t n, uint8_t *to) {
    for (int64_t j = 0; j < n; j += INT8_RUN) memcpy(to + j, from + j, INT8_RUN);
}

/* What a window reads, from the place of its first tap on. */
static void int8_window(const windows *s, const around *a, const uint8_t *from, uint8_t *q) {
    const int64_t taps = s->dw == 1 ? 1 : s->kw, run = s->kw / taps * s->c;
    uint8_t *to = q;
    for (int64_t ky = 0; ky < s->kh; ky++)
        for (int64_t kx = 0; kx < taps; kx++, to += run)
            int8_copy(from + ky * s->dh * a->row + kx * s->dw * s->c, run, to);
}

/* What `rows` windows read, from the window `first` on. */
static void int8_windows(const windows *s, const around *a, const uint8_t *image, int64_t first, int64_t rows,
                         int64_t pitch, uint8_t *q) {
    int64_t oy = first / s->ow, ox = first % s->ow;
    for (int64_t r = 0; r < rows; r++) {
        int8_window(s, a, image + oy * s->sh * a->row + ox * s->sw * s->c, q + r * pitch);
        if (++ox == s->ow) ox = 0, oy++;
    }
}

static void conv_int8_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                              int64_t end) {
    const windows s = windows_of(op);
    const around a = around_of(&s);
    const int8_kernel k = int8_kernel_of(op, model, s.kh * s.kw * s.c);
    const int64_t pitch = int8_pitch(k.n_in), together = int8_together(k.n_in), n_windows = s.oh * s.ow;
    const real *x = op_x(op, model, block, 0);
    uint8_t *image = fnn_scratch(conv_int8_scratch(op)), *q = image + int8_image_size(&a);
    memset(q - INT8_RUN, 0, INT8_RUN); /* read behind the image and multiplied by 0, or written over */
    for (int64_t i = begin; i < end; i++) {
        int8_image(&k, &s, &a, x + i * s.h * s.w * s.c, image);
        real *z = op_y(op, model) + i * n_windows * k.n_out;
        for (int64_t first = 0; first < n_windows; first += together) {
            const int64_t rows = at_most(n_windows - first, together);
            int8_windows(&s, &a, image, first, rows, pitch, q);
            int8_product(&k, q, rows, z + first * k.n_out);
        }
        int8_activate(op, n_windows, k.n_out, z);
    }
}

DOUBLE_LENT_KERNELS(conv_int8) = {.forward = conv_int8_forward, .scratch = conv_int8_scratch};

#endif
