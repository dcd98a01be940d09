/* The gradient of a kernel where maxima of the output are all that is read of it; a part of convolution.h.
 *
 * Of each window of the pooling one output has a slope, all others have none: what they are multiplied by is left out.
 * Filter by filter, the window that each maximum was made of is added up times its slope, lanes along the window's
 * lines. A sum runs over the maxima of an image in their order, and over the images of a shard. */
#ifndef FNN_OPS_CONV_MAXIMA_H
#define FNN_OPS_CONV_MAXIMA_H

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

/* Whether sums by maxima take less time: most outputs have no slope, and lines of windows fill vectors. */
static int sums_maxima(const convolution *v, const fnn_op *pool) {
    const windows q = windows_of(pool);
    return v->lines && q.kh * q.kw >= 4 && v->s.kw * v->in >= (v->n > 8 ? 8 : 3);
}

#define MOST_VECS 3 /* of a tile */

/* Sums of one filter: at places of an image, lines `down` apart. */
typedef struct {
    const int64_t *at;
    int64_t places, n, down;
    const real *dy;
    const integer *winners;
} maxima_run;

/* `lines` lines of `vecs` vectors of them, lines `next` apart in the sums; with `first` from zero. */
ALWAYS_INLINE void maxima_tile(const maxima_run *r, const real *image, int first, real *sums, int64_t next,
                               const int lines, const int vecs) {
    vf sum[5][MOST_VECS];
#pragma GCC unroll 5
    for (int p = 0; p < lines; p++)
#pragma GCC unroll 3
        for (int u = 0; u < vecs; u++) sum[p][u] = first ? vf_zero() : vf_load(sums + p * next + u * LANES);
    const real *dy = r->dy;
    const integer *winner = r->winners;
    for (int64_t i = r->places; i; i--, dy += r->n, winner += r->n) {
        const real *from = image + r->at[*winner];
        const vf slope = vf_set1(*dy);
#pragma GCC unroll 5
        for (int p = 0; p < lines; p++)
#pragma GCC unroll 3
            for (int u = 0; u < vecs; u++)
                sum[p][u] = vf_fma(vf_load(from + p * r->down + u * LANES), slope, sum[p][u]);
    }
#pragma GCC unroll 5
    for (int p = 0; p < lines; p++)
#pragma GCC unroll 3
        for (int u = 0; u < vecs; u++) vf_store(sums + p * next + u * LANES, sum[p][u]);
}

#ifdef HAS_HALVES
/* The same of at most half a vector. */
ALWAYS_INLINE void maxima_half_tile(const maxima_run *r, const real *image, int first, real *sums, int64_t next,
                                    const int lines) {
    vh sum[5];
    UNROLL for (int p = 0; p < lines; p++)
        sum[p] = first ? vh_set1(0) : vh_load(sums + p * next);
    const real *dy = r->dy;
    const integer *winner = r->winners;
    for (int64_t i = r->places; i; i--, dy += r->n, winner += r->n) {
        const real *from = image + r->at[*winner];
        UNROLL for (int p = 0; p < lines; p++)
            sum[p] = vh_fma(vh_load(from + p * r->down), vh_set1(*dy), sum[p]);
    }
    UNROLL for (int p = 0; p < lines; p++)
        vh_store(sums + p * next, sum[p]);
}
#endif

#define MAXIMA_CASE(lines, vecs)                                                                                       \
    case 8 * (lines) + (vecs): maxima_tile(r, image, first, sums, next, lines, vecs); return;
#define MAXIMA_HALF_CASE(lines)                                                                                        \
    case lines: maxima_half_tile(r, image, first, sums, next, lines); return;

static void maxima_lines(const maxima_run *r, const real *image, int first, real *sums, int64_t next, int64_t lines,
                         int64_t width) {
    const int64_t vecs = (width + LANES - 1) / LANES;
#ifdef HAS_HALVES
    if (2 * width <= LANES) switch (lines) {
            MAXIMA_HALF_CASE(1)
            MAXIMA_HALF_CASE(2)
            MAXIMA_HALF_CASE(3)
            MAXIMA_HALF_CASE(5)
        }
#endif
    switch (8 * lines + vecs) {
        MAXIMA_CASE(1, 1)
        MAXIMA_CASE(2, 1)
        MAXIMA_CASE(3, 1)
        MAXIMA_CASE(5, 1)
        MAXIMA_CASE(1, 2)
        MAXIMA_CASE(2, 2)
        MAXIMA_CASE(3, 2)
        MAXIMA_CASE(5, 2)
        MAXIMA_CASE(1, 3)
        MAXIMA_CASE(2, 3)
        MAXIMA_CASE(3, 3)
    }
}

/* Lines that a tile has of those that are left: the registers of AVX2 have room for twelve vectors. */
static int64_t lines_of_maxima(int64_t left, int64_t width) {
    return left >= 5 && width <= 2 * LANES ? 5 : at_most(left, 3);
}

/* `count` lines of `width` numbers, of all filters, go on by an image; those of a filter are `row` numbers apart. */
static void maxima_of_image(maxima_run r, const real *image, int64_t count, int64_t width, int first, real *sums,
                            int64_t row, int64_t next) {
    for (int64_t j = 0; j < r.n; j++, sums += row, r.dy++, r.winners++)
        for (int64_t from = 0; from < width; from += MOST_VECS * LANES) {
            const int64_t wide = at_most(width - from, MOST_VECS * LANES);
            for (int64_t p = 0, lines; p < count; p += lines) {
                lines = lines_of_maxima(count - p, wide);
                maxima_lines(&r, image + p * r.down + from, first, sums + p * next + from, next, lines, wide);
            }
        }
}

/* Rows [begin, end) of the kernel's gradient that are parts of the same lines: whole lines, or one that is not. */
typedef struct {
    int64_t line, from, count, width;
} line_run;

static line_run line_run_at(int64_t begin, int64_t end, int64_t numbers) {
    line_run l = {.line = begin / numbers, .from = begin % numbers, .count = 1};
    l.width = at_most(numbers - l.from, end - begin);
    if (l.width == numbers) l.count = (end - begin) / numbers;
    return l;
}

/* Rows [begin, end) of the gradient of a shard, samples [i, last). */
static void maxima_of_shard(const convolution *v, const real *x, const slopes *from, int64_t i, int64_t last,
                            int64_t begin, int64_t end, real *room, real *dw) {
    const int64_t numbers = v->s.kw * v->in, next = rounded_up(numbers, LANES), row = v->s.kh * next;
    room = for_integers(room);
    int64_t *at = (int64_t *)room;
    real *image = room + windows_size(v), *sums = image + image_size(v) + LANES;
    place_windows(v, 1, at);
    vf_store(sums - LANES, vf_zero()); /* read behind the image's last line */
    for (const int64_t start = i; i < last; i++) {
        const int64_t size = from->maxima->y_size;
        const maxima_run r = {.at = at,
                              .places = size / v->n,
                              .n = v->n,
                              .down = v->a.row,
                              .dy = from->dy + i * size,
                              .winners = from->winners + i * size};
        copy_around(&v->s, &v->a, x + i * v->x_size, image);
        for (int64_t at_row = begin; at_row < end;) {
            const line_run l = line_run_at(at_row, end, numbers);
            maxima_of_image(r, image + l.line * v->a.row + l.from, l.count, l.width, i == start,
                            sums + (l.line - begin / numbers) * next, row, next);
            at_row += l.count * l.width;
        }
    }
    for (int64_t at_row = begin; at_row < end;) {
        const line_run l = line_run_at(at_row, end, numbers);
        for (int64_t p = 0; p < l.count; p++, at_row += l.width)
            transpose(v->n, l.width, sums + (l.line + p - begin / numbers) * next, row, dw + (at_row - begin) * v->n,
                      v->n);
    }
}

/* Numbers of scratch memory that it wants. */
static int64_t maxima_size(const convolution *v) {
    const int64_t sums = v->n * v->s.kh * rounded_up(v->s.kw * v->in, LANES);
    return v->maxima ? LANES + windows_size(v) + image_size(v) + LANES + sums : 0;
}

#endif
