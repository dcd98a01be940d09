/* A convolution of one image, its way back, and the gradient of its kernel: what the ops conv and conv_transpose share.
 *
 * Design: products read the image where it lies, each window from where it begins, a line of it after the other
 * (planes), so that no window is copied and all windows of an image are one product. Where several channels of a group
 * do not follow each other, or windows have gaps, a line is read place by place (segments). */
#ifndef FNN_OPS_CONVOLUTION_H
#define FNN_OPS_CONVOLUTION_H

#include "activation.h"
#include "depthwise.h"
#include "gemm_pairs.h"
#include "optimizers.h"
#include "pool.h"
#include "scratch.h"
#include "windows.h"

#define CONV_SHARD 16             /* samples whose parts of dw are one sum, see _ops/conv.py */
#define SUMS (65536 / REAL_BYTES) /* numbers that are handed back together, about */
#define KERNEL_IN_CACHE (262144 / REAL_BYTES)
enum { IMAGES_TOGETHER = 8, PLACES_TOGETHER = 96 }; /* at most */

/* A convolution: its windows, and sizes that follow from them. */
typedef struct {
    windows s;
    around a;
    int64_t n, groups, in, out; /* filters; channels of a group that are read, and made */
    int lines;                  /* a line of a window is one run of numbers */
    int in_place;               /* what is handed back by a line of windows lies as the line of the image does */
    int64_t x_size, y_size;     /* numbers a sample */
    int64_t together;           /* images whose windows are one product at most, see images_together */
    int64_t made;               /* numbers of scratch memory for an output that the workspace does not have */
    int maxima;                 /* the kernel's gradient is made from maxima of the output, see conv_maxima.h */
    int rounds;                 /* the kernel counts as rounded to bf16 */
    int pairs;                  /* products of that may be by pairs, where what they sum over is even: */
    int pairs_in, pairs_out, pairs_along; /* channels read, channels made, places of a line */
} convolution;

static int is_depthwise(const convolution *v) { return v->in == 1 && v->out == 1; }

/* Windows of 3 or 5 places of one channel, see conv_few.h; others are rare, and each would be compiled once more. */
static int has_few_rows(const convolution *v) {
    const int64_t numbers = v->s.kw * v->in;
    return !ALL_LOOPED && v->lines && (numbers == 3 || numbers == 5);
}

static convolution convolution_of(const fnn_op *op, int64_t n, int64_t groups) {
    convolution v = {.s = windows_of(op), .n = n, .groups = groups, .together = 1, .rounds = op->bfloat16};
    v.a = around_of(&v.s);
    v.in = v.s.c / v.groups, v.out = v.n / v.groups;
    v.lines = v.groups == 1 && v.s.dw == 1;
    v.in_place = v.s.kw == 1 && v.s.sw == 1 && v.s.sh == 1 && v.s.left == 0 && v.s.ow == v.s.w;
    v.x_size = v.s.h * v.s.w * v.s.c, v.y_size = v.s.oh * v.s.ow * v.n;
    v.pairs = v.rounds && runs_pairs() && v.lines && !is_depthwise(&v);
    v.pairs_in = v.pairs && v.in % 2 == 0, v.pairs_out = v.pairs && v.out % 2 == 0;
    v.pairs_along = v.pairs && v.s.ow % 2 == 0 && !has_few_rows(&v);
    return v;
}

/* Numbers of the kernel. */
static int64_t kernel_size(const convolution *v) { return v->s.kh * v->s.kw * v->in * v->n; }

/* Numbers of a convolution's plans in scratch memory, in whole cache lines. */
static int64_t plan_size(int64_t integers) { return rounded_up(integers * (int64_t)sizeof(int64_t), 64) / REAL_BYTES; }
static int64_t windows_size(const convolution *v) { return plan_size(v->together * v->s.oh * v->s.ow); }
static int64_t gathers_size(const convolution *v) { return plan_size(2 * v->s.w + 7 * v->s.h); }

/* Lines of an image whose gradients are made together, and the numbers that conv_hand_back gives for them. */
static int64_t lines_in_sums(const convolution *v) {
    const int64_t line = v->s.ow * v->s.kw * v->in;
    return at_least(1, at_most(v->s.h, SUMS / line));
}
static int64_t sums_size(const convolution *v) { return lines_in_sums(v) * v->s.ow * v->s.kw * v->in; }

/* Numbers of an image with what is around it. */
static int64_t image_size(const convolution *v) { return v->a.height * v->a.row; }

/* Scratch memory from where integers may stand on. */
static real *for_integers(real *room) { return (real *)(((uintptr_t)room + 7) / 8 * 8); }

/* Where each window begins in images with what is around them, which are of words of `unit` numbers. */
static void place_windows(const convolution *v, int64_t unit, int64_t *at) {
    const windows *s = &v->s;
    for (int64_t i = 0; i < v->together; i++)
        for (int64_t oy = 0; oy < s->oh; oy++)
            for (int64_t ox = 0; ox < s->ow; ox++)
                *at++ = (i * image_size(v) + oy * s->sh * v->a.row + ox * s->sw * s->c) / unit;
}

/* Numbers of a table of where the rows begin that images hand back together. */
static int64_t rows_back_size(const convolution *v) {
    return v->together > 1 ? LANES + plan_size(v->together * lines_in_sums(v) * v->s.ow) : 0;
}

#include "conv_maxima.h"
#include "conv_pairs.h"

/* Bytes of scratch memory that any of the three below wants. */
static size_t convolution_scratch(const convolution *v) {
    const int64_t words = words_size(v);
    const int64_t forward = windows_size(v) + v->together * around_size(&v->a) + words;
    const int64_t back = gathers_size(v) + kernel_size(v) + v->together * sums_size(v) + words + rows_back_size(v);
    const int64_t params = around_size(&v->a) + 2 * kernel_size(v) + words + maxima_size(v);
    const int64_t size = at_least(forward, at_least(back, params));
    const int64_t rounded = v->rounds ? kernel_size(v) : 0;
    return (size_t)(size + LANES + rounded + v->made) * sizeof(real); /* conv_gather reads behind the sums */
}

/* Room for that output, at the end of it. */
static real *made_room(const convolution *v, real *scratch) {
    return scratch + convolution_scratch(v) / sizeof(real) - v->made;
}

/* The kernel as it is multiplied by: rounded in scratch memory, before that room. */
static const real *kernel_of(const convolution *v, const fnn_op *op, const fnn_model *model, real *scratch) {
    const real *w = (const real *)model->params + op->w;
    real *room = made_room(v, scratch) - kernel_size(v);
    if (!v->rounds) return w;
    round_to_bf16(w, kernel_size(v), room);
    return room;
}

/* The same for the way forward, where its rows may come in pairs. */
static const real *forward_kernel(const convolution *v, const fnn_op *op, const fnn_model *model, real *scratch) {
    if (!v->pairs_in) return kernel_of(v, op, model, scratch);
    real *room = made_room(v, scratch) - kernel_size(v);
    words_across((const real *)model->params + op->w, kernel_size(v) / v->n, v->n, v->n, 2 * v->n, room);
    return room;
}

/* Lines of a window that are read apart from each other; of windows as wide as the image they are one. */
static int64_t planes_of(const convolution *v) {
    return v->lines && v->s.dh * v->a.row == v->s.kw * v->s.c ? 1 : v->s.kh;
}

/* Whether the places that all windows read follow each other as those of one line do. */
static int is_one_line(const convolution *v) {
    const windows *s = &v->s;
    return planes_of(v) == 1 && (s->oh == 1 || s->sh * v->a.row == s->ow * s->sw * s->c);
}

/* Images with few places do not each read a kernel that is larger than the cache: so many of them do it together. */
static int64_t images_together(const convolution *v) {
    const int64_t places = v->s.oh * v->s.ow;
    if (kernel_size(v) < KERNEL_IN_CACHE || v->pairs || v->in_place || is_one_line(v)) return 1;
    return at_least(1, at_most(IMAGES_TOGETHER, PLACES_TOGETHER / places));
}

/* Where each window begins for the way forward; nothing where they are one line of numbers. */
static const int64_t *windows_at(const convolution *v, real *room) {
    if (is_one_line(v) && !v->pairs_in) return NULL;
    place_windows(v, v->pairs_in ? 2 : 1, (int64_t *)room);
    return (int64_t *)room;
}

#include "conv_narrow.h"

/* Images where windows can read them, one or as many as are together. */
static const real *images_read(const convolution *v, int64_t images, const real *x, real *room) {
    if (v->together == 1) return image_read(v, x, room);
    if (v->a.plain) return x;
    for (int64_t i = 0; i < images; i++) copy_around(&v->s, &v->a, x + i * v->x_size, room + i * image_size(v));
    return room;
}

/* z (images, oh, ow, n) of images, whose windows begin at `at`; `room` is for them with what is around them. */
static void convolve(const convolution *v, int64_t images, const real *x, const real *w, const real *bias,
                     const int64_t *at, real *room, real *z) {
    const windows *s = &v->s;
    if (is_depthwise(v)) {
        depthwise_forward(s, x, w, bias, 0, z);
        return;
    }
    if (has_narrow_lines(v)) {
        convolve_narrow(v, image_around(s, &v->a, x, room), w, bias, z);
        return;
    }
    const int64_t planes = planes_of(v), line = v->lines ? s->kw * s->c : v->in, unit = v->pairs_in ? 2 : 1;
    const int64_t run = (planes < s->kh ? s->kh * line : line) / unit; /* numbers that follow each other in both */
    parts of = {.a_rows = at,
                .line = s->ow,
                .segments = v->lines ? 1 : s->kw,
                .a_segment = s->dw * s->c,
                .b_segment = run * v->n,
                .planes = planes,
                .a_plane = s->dh * v->a.row / unit};
    product p = {.m = images * s->oh * s->ow,
                 .n = v->out,
                 .k = run,
                 .a = images_read(v, images, x, room),
                 .a_row = s->sw * s->c,
                 .a_column = 1,
                 .b = w,
                 .b_row = v->n,
                 .start = bias,
                 .c = z,
                 .c_row = v->n,
                 .words = v->pairs_in,
                 .parts = &of};
    for (int64_t g = 0; g < v->groups; g++, p.a += v->in, p.b += v->out, p.c += v->out) {
        multiply_in_place(&p);
        if (bias) p.start += v->out;
    }
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
    turned -= kernel_size(v);
    if (v->pairs_out) words_across(turned, v->s.kh * v->out, wide, wide, 2 * wide, turned);
}

/* Where conv_gather reads for each place of a line: the first of so many numbers that are added up. */
typedef struct {
    int64_t from, count;
} handed;

/* Lines y, y + t.step ... whose windows' taps are the same, and how many they are. */
typedef struct {
    int64_t y, count;
    taps t;
} lines;

static lines lines_at(const convolution *v, int64_t y) {
    const windows *s = &v->s;
    lines l = {.y = y, .count = 1, .t = taps_at(y + s->top, s->kh, s->sh, s->dh, s->oh)};
    for (const int64_t most = lines_in_sums(v); l.count < most && y + l.t.step * l.count < s->h; l.count++) {
        const taps t = taps_at(y + l.t.step * l.count + s->top, s->kh, s->sh, s->dh, s->oh);
        if (t.first != l.t.first || t.end != l.t.end || t.output != l.t.output + l.count) break;
    }
    return l;
}

/* Slopes of images that hand back together, and where their rows begin: NULL where they follow each other. */
typedef struct {
    const real *dz;
    int64_t images;
    int64_t *rows;
} slopes_back;

static void place_rows(const convolution *v, const slopes_back *from, int64_t a_image) {
    for (int64_t i = 0, *at = from->rows; i < from->images; i++)
        for (int64_t r = 0; r < a_image; r++) *at++ = i * v->y_size + r * v->n;
}

/* (images * count * ow, kw * in), dense rows `row` apart: what each output of the lines that have read these hands
 * back, before it is shifted to its place. */
static void conv_hand_back(const convolution *v, const slopes_back *from, const real *turned, const lines *l, int64_t g,
                           real *sums, int64_t row) {
    const windows *s = &v->s;
    const real *dz = from->dz;
    const int64_t wide = s->kw * v->in, unit = v->pairs_out ? 2 : 1, n = v->n / unit, out = v->out / unit;
    if (from->rows) place_rows(v, from, l->count * s->ow);
    const parts of = {.a_rows = v->pairs_out ? places_of(v, dz) : from->rows,
                      .segments = n_taps(&l->t),
                      .a_segment = -l->t.back * s->ow * n,
                      .b_segment = l->t.step * out * wide};
    const product p = {.m = from->images * l->count * s->ow,
                       .n = wide,
                       .k = out,
                       .a = dz + l->t.output * s->ow * n + g * out,
                       .a_row = n,
                       .a_column = 1,
                       .b = turned + (g * s->kh + l->t.first) * out * wide,
                       .b_row = wide,
                       .c = sums,
                       .c_row = row,
                       .words = v->pairs_out,
                       .parts = &of};
    multiply_in_place(&p);
}

/* dx at one place of a line, channels of a group: the sum of what outputs have for it, in the order of the taps. With
 * `spills` also what stands behind the last channel may be written: it is set later. */
ALWAYS_INLINE void conv_gather(int64_t n, const real *from, int64_t count, int64_t jump, int add, const int spills,
                               real *dx) {
    for (int64_t j = 0; j < n; j += LANES) {
        const int some = spills ? LANES : (int)at_most(n - j, LANES);
        const real *at = from + j;
        vf sum = vf_zero();
        for (int64_t k = count; k; k--, at += jump) sum = vf_add(sum, vec_load(at, some));
        if (add) sum = vf_add(vec_load(dx + j, some), sum);
        vec_store(dx + j, sum, some);
    }
}

/* A line of dx, channels of a group. */
static void gather_line(const convolution *v, const handed *across, const real *sums, int add, real *dx) {
    const windows *s = &v->s;
    const int64_t jump = (step_of_taps(s->sw, s->dw) - s->dw * s->kw) * v->in; /* to the next tap of a place */
    for (int64_t x = 0; x < s->w; x++, dx += s->c) {
        if (!add && v->groups == 1 && (s->w - x) * s->c >= s->c + LANES)
            conv_gather(v->in, sums + across[x].from, across[x].count, jump, 0, 1, dx);
        else
            conv_gather(v->in, sums + across[x].from, across[x].count, jump, add, 0, dx);
    }
}

/* The way back of an image, which is that of all: for each place of a line, and for all lines. */
typedef struct {
    const handed *across;
    const lines *down;
    int64_t count; /* of down */
} gathers;

static gathers gathers_of(const convolution *v, real *room) {
    const windows *s = &v->s;
    handed *across = (handed *)room;
    lines *down = (lines *)(across + s->w);
    int64_t count = 0;
    for (int64_t x = 0; x < s->w; x++) {
        const taps t = taps_at(x + s->left, s->kw, s->sw, s->dw, s->ow);
        across[x] = (handed){(t.output * s->kw + t.first) * v->in, n_taps(&t)};
    }
    for (int64_t from = 0; from < step_of_taps(s->sh, s->dh); from++)
        for (int64_t y = from; y < s->h; y += down[count].t.step * down[count].count, count++)
            down[count] = lines_at(v, y);
    return (gathers){across, down, count};
}

/* Lines of an image that nothing reads, channels of a group. */
static void clear_lines(const convolution *v, const lines *l, real *dx) {
    const windows *s = &v->s;
    for (int64_t at = 0; at < l->count * s->w; at++) /* of a line after the other */
        memset(dx + at / s->w * l->t.step * s->w * s->c + at % s->w * s->c, 0, (size_t)v->in * sizeof(real));
}

/* The gradient of some lines of images, channels of the g-th group. */
static void lines_back(const convolution *v, const slopes_back *from, const real *turned, const handed *across,
                       const lines *l, int64_t g, int add, real *sums, real *dx) {
    const windows *s = &v->s;
    const int64_t row = s->w * s->c, wide = s->kw * v->in, taken = n_taps(&l->t);
    dx += l->y * row + g * v->in;
    if (taken && v->in_place && !add) {
        conv_hand_back(v, from, turned, l, g, dx, s->c);
        return;
    }
    if (taken) conv_hand_back(v, from, turned, l, g, sums, wide);
    for (int64_t k = 0; k < from->images; k++, dx += v->x_size) {
        if (!taken && !add) clear_lines(v, l, dx);
        for (int64_t i = 0; taken && i < l->count; i++, sums += s->ow * wide)
            gather_line(v, across, sums, add, dx + i * l->t.step * row);
    }
}

/* What windows hand back to images, as many as are together at most: set or, each number's sum made by itself, added.
 */
static void image_gradient(const convolution *v, int64_t images, const real *dz, const real *w, const real *turned,
                           const gathers *to, int add, real *sums, real *dx) {
    if (is_depthwise(v)) {
        depthwise_back(&v->s, dz, w, turned, add, dx);
        return;
    }
    slopes_back from = {.dz = dz, .images = images};
    if (v->pairs_out) from.dz = slopes_in_words(v, dz, sums + sums_size(v));
    if (v->together > 1) from.rows = (int64_t *)for_integers(sums + v->together * sums_size(v));
    for (int64_t i = 0; i < to->count; i++)
        for (int64_t g = 0; g < v->groups; g++)
            lines_back(v, &from, turned, to->across, &to->down[i], g, add, sums, dx);
}

#include "conv_kernel.h"

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
