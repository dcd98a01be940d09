/* The copy op: numbers moved and nothing computed (see _ops/copy.py).
 *
 * Design: what the innermost axes are decides how lines are moved: runs that follow each other as they are, one number
 * again and again, and else by strides, where a matrix that is transposed goes through registers. */
#ifdef FNN_OP
FNN_LENT_OP(COPY, copy)
#elif !defined FNN_OPS_COPY_H
#define FNN_OPS_COPY_H

#include <string.h>

#include "arrays.h"
#include "transpose.h"

enum { COPY_AXES = 5 };

/* The geometry, and sizes that follow from it. */
typedef struct {
    struct {
        int64_t n[COPY_AXES], stride[COPY_AXES], top, bottom, left, right, start;
    } g;
    int64_t x_size, y_size, box;
    int once; /* no number is read twice */
} copying;

static copying copying_of(const fnn_op *op, const fnn_model *model) {
    copying v;
    memcpy(&v.g, op->geometry, sizeof v.g);
    v.x_size = model->values[op_edge(op, model, 0)->value].size;
    v.y_size = op->repeat * op->n_out;
    v.box = v.g.n[0] * v.g.n[1] * v.g.n[2] * (v.g.bottom - v.g.top) * (v.g.right - v.g.left), v.once = 1;
    for (int k = 0; k < COPY_AXES; k++) v.once &= v.g.n[k] == 1 || v.g.stride[k] != 0;
    return v;
}

typedef void (*plane_work)(const copying *, const void *arrays, int64_t x, int64_t y);

/* Calls work for the box of each plane, the last two axes: with where it begins in the input and in the output. */
INLINE void each_plane(const copying *v, plane_work work, const void *arrays, int64_t x, int64_t y) {
    const int64_t *n = v->g.n, *s = v->g.stride;
    x += v->g.start, y += v->g.top * n[4] + v->g.left;
    for (int64_t i = 0; i < n[0]; i++)
        for (int64_t j = 0; j < n[1]; j++)
            for (int64_t k = 0; k < n[2]; k++, y += n[3] * n[4]) work(v, arrays, x + i * s[0] + j * s[1] + k * s[2], y);
}

/* ---- forward ---- */

static void copy_line(const real *x, int64_t stride, int64_t n, real *y) {
    if (stride == 1)
        memcpy(y, x, (size_t)n * sizeof(real));
    else
        for (int64_t j = 0; j < n; j++) y[j] = x[j * stride];
}

typedef struct {
    const real *from;
    real *to;
} copy_arrays;

INLINE void copy_plane(const copying *v, const void *arrays, int64_t x, int64_t y) {
    const copy_arrays *a = arrays;
    const int64_t lines = v->g.bottom - v->g.top, n = v->g.right - v->g.left;
    const int64_t down = v->g.stride[3], across = v->g.stride[4], line = v->g.n[4];
    if (down == 1 && across > 1)
        transpose(n, lines, a->from + x, across, a->to + y, line);
    else
        for (int64_t i = 0; i < lines; i++) copy_line(a->from + x + i * down, across, n, a->to + y + i * line);
}

static void copy_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin, int64_t end) {
    const copying v = copying_of(op, model);
    const real *x = op_x(op, model, block, 0);
    real *y = op_y(op, model);
    if (v.box < v.y_size) memset(y + begin * v.y_size, 0, (size_t)((end - begin) * v.y_size) * sizeof(real));
    const copy_arrays a = {.from = x, .to = y};
    for (int64_t i = begin; i < end; i++) each_plane(&v, copy_plane, &a, i * v.x_size, i * v.y_size);
}

/* ---- back ---- */

static void add_line(const real *dy, int64_t stride, int64_t n, real *dx) {
    if (stride == 1)
        add_row(dy, n, dx);
    else
        for (int64_t j = 0; j < n; j++) dx[j * stride] += dy[j];
}

INLINE void add_plane(const copying *v, const void *arrays, int64_t x, int64_t y) {
    const copy_arrays *a = arrays;
    const int64_t lines = v->g.bottom - v->g.top, n = v->g.right - v->g.left;
    for (int64_t i = 0; i < lines; i++)
        add_line(a->from + y + i * v->g.n[4], v->g.stride[4], n, a->to + x + i * v->g.stride[3]);
}

/* dx where it is not there yet, and no number was read twice. */
INLINE void set_plane(const copying *v, const void *arrays, int64_t x, int64_t y) {
    const copy_arrays *a = arrays;
    const int64_t lines = v->g.bottom - v->g.top, n = v->g.right - v->g.left;
    const int64_t down = v->g.stride[3], across = v->g.stride[4], line = v->g.n[4];
    if (across == 1)
        for (int64_t i = 0; i < lines; i++)
            memcpy(a->to + x + i * down, a->from + y + i * line, (size_t)n * sizeof(real));
    else if (down == 1)
        transpose(lines, n, a->from + y, line, a->to + x, across);
    else
        for (int64_t i = 0; i < lines; i++)
            for (int64_t j = 0; j < n; j++) a->to[x + i * down + j * across] = a->from[y + i * line + j];
}

static void copy_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                               int64_t end) {
    (void)block;
    const copying v = copying_of(op, model);
    const real *dy = op_dy(op, model);
    real *dx = op_dx(op, model, 0);
    if (!dx) return;
    const int sets = !op_edge(op, model, 0)->adds;
    if (sets && !(v.once && v.box == v.x_size))
        memset(dx + begin * v.x_size, 0, (size_t)((end - begin) * v.x_size) * sizeof(real));
    const copy_arrays a = {.from = dy, .to = dx};
    for (int64_t i = begin; i < end; i++) {
        if (sets && v.once)
            each_plane(&v, set_plane, &a, i * v.x_size, i * v.y_size);
        else
            each_plane(&v, add_plane, &a, i * v.x_size, i * v.y_size);
    }
}

LENT_KERNELS(copy) = {.forward = copy_forward, .backward_rows = copy_backward_rows};

#endif
