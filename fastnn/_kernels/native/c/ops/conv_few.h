/* The gradient of a kernel whose lines hold few numbers: several lines are summed together, because the sums of one
 * would wait for each other. The numbers are those of conv_dw; a part of convolution.h. */
#ifndef FNN_OPS_CONV_FEW_H
#define FNN_OPS_CONV_FEW_H

#define MOST_NUMBERS 5 /* of a line */

/* Gradients of `lines` lines of `numbers` numbers each, in `vecs` vectors of filters from j on. */
ALWAYS_INLINE void few_tile(const convolution *v, const real *x, const real *dz, int first, real *dw, int last,
                            const int lines, const int numbers, const int vecs) {
    const windows *s = &v->s;
    const int64_t down = s->dh * v->a.row, step = s->sw * s->c, next = s->kw * v->in;
    vf sum[4][MOST_NUMBERS][2];
#pragma GCC unroll 4
    for (int p = 0; p < lines; p++)
#pragma GCC unroll 8
        for (int q = 0; q < numbers; q++)
#pragma GCC unroll 2
            for (int u = 0; u < vecs; u++)
                sum[p][q][u] =
                    first ? vf_zero() : load_part(dw + (p * next + q) * v->n + u * LANES, u == vecs - 1, last);
    const int64_t whole =
        s->oh * s->ow - 1 - (vecs * LANES + v->n - 1) / v->n; /* last place with numbers enough behind */
    int64_t place = 0;
    for (int64_t oy = 0; oy < s->oh; oy++) {
        const real *from = x + oy * s->sh * v->a.row;
        for (int64_t ox = 0; ox < s->ow; ox++, place++, from += step, dz += v->n) {
            vf row[2];
#pragma GCC unroll 2
            for (int u = 0; u < vecs; u++) row[u] = load_part(dz + u * LANES, u == vecs - 1 && place > whole, last);
#pragma GCC unroll 4
            for (int p = 0; p < lines; p++)
#pragma GCC unroll 8
                for (int q = 0; q < numbers; q++) {
                    const vf number = vf_set1(from[p * down + q]);
#pragma GCC unroll 2
                    for (int u = 0; u < vecs; u++) sum[p][q][u] = vf_fma(number, row[u], sum[p][q][u]);
                }
        }
    }
#pragma GCC unroll 4
    for (int p = 0; p < lines; p++)
#pragma GCC unroll 8
        for (int q = 0; q < numbers; q++)
#pragma GCC unroll 2
            for (int u = 0; u < vecs; u++)
                store_part(dw + (p * next + q) * v->n + u * LANES, sum[p][q][u], u == vecs - 1, last);
}

#define FEW_CASE(lines, numbers, vecs)                                                                                 \
    case 32 * (vecs) + 8 * ((lines) - 1) + (numbers): few_tile(v, x, dz, first, dw, last, lines, numbers, vecs); break;

static void few_lines(const convolution *v, const real *x, const real *dz, int first, real *dw, int last, int lines,
                      int vecs) {
    switch (32 * vecs + 8 * (lines - 1) + (int)(v->s.kw * v->in)) {
        FEW_CASE(1, 3, 1)
        FEW_CASE(2, 3, 1)
        FEW_CASE(3, 3, 1)
        FEW_CASE(4, 3, 1)
        FEW_CASE(1, 5, 1)
        FEW_CASE(2, 5, 1)
        FEW_CASE(1, 3, 2)
        FEW_CASE(2, 3, 2)
        FEW_CASE(1, 5, 2)
    }
}

/* Lines that a tile holds: twelve sums, which the registers of AVX2 have room for. */
static int64_t lines_together(int64_t numbers, int vecs) { return at_least(1, at_most(4, 12 / (numbers * vecs))); }

/* As conv_dw; only whole lines are summed together. */
static void conv_dw_few(const convolution *v, const real *image, const real *dz, int64_t begin, int64_t end, int first,
                        real *dw) {
    const int64_t numbers = v->s.kw * v->in, head = at_most((begin + numbers - 1) / numbers * numbers, end);
    const int64_t tail = at_least(head, end / numbers * numbers);
    if (begin < head) conv_dw(v, image, dz, begin, head, first, dw);
    for (int64_t j = 0; j < v->n; j += 2 * LANES) {
        const int64_t width = at_most(v->n - j, 2 * LANES);
        const int vecs = width > LANES ? 2 : 1, last = (int)(width - (vecs - 1) * LANES);
        for (int64_t row = head; row < tail;) {
            const int64_t lines = at_most(lines_together(numbers, vecs), (tail - row) / numbers);
            few_lines(v, image + row / numbers * v->s.dh * v->a.row, dz + j, first, dw + (row - begin) * v->n + j, last,
                      (int)lines, vecs);
            row += lines * numbers;
        }
    }
    if (tail < end) conv_dw(v, image, dz, tail, end, first, dw + (tail - begin) * v->n);
}

#endif
