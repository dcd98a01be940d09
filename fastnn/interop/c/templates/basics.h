/* What many operations need. */
#ifndef BASICS_H
#define BASICS_H

/* y = x */
static void copy_numbers(const float *x, int n, float *y) {
    for (int i = 0; i < n; ++i) y[i] = x[i];
}

/* y = 0 */
static void zero_numbers(int n, float *y) {
    for (int i = 0; i < n; ++i) y[i] = 0.0f;
}

/* Whether sums of n numbers keep what rounding has lost. */
static int are_many(int n) { return n > 256; }

/* y = b, or zeros where there is no bias */
static void begin_with(const float *restrict b, int n, float *restrict y) {
    if (b)
        copy_numbers(b, n, y);
    else
        zero_numbers(n, y);
}

/* The scales from a column on, where there are any. */
static const float *scales_from(const float *scale, int column) { return scale ? scale + column : scale; }

#endif
