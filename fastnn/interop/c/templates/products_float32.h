/* Products of numbers and tables of float weights. */
#ifndef PRODUCTS_H
#define PRODUCTS_H

/* What tables of weights hold; their scale is 1 and not there. */
typedef float weight;

/* y[j] += sum of x[i] * w[i][j]; w has n rows of m columns. Four rows at a time: y is loaded and stored a fourth as
 * often, and the innermost loop runs along all arrays, so that compilers make vectors of it without reordering sums. */
static void add_products(const float *restrict x, int n, const weight *restrict w, const float *scale, int m,
                         float *restrict y) {
    int i = 0;
    (void)scale;
    for (; i + 4 <= n; i += 4, w += 4 * m) {
        const float a = x[i], b = x[i + 1], c = x[i + 2], d = x[i + 3];
        for (int j = 0; j < m; ++j) y[j] += a * w[j] + b * w[m + j] + c * w[2 * m + j] + d * w[3 * m + j];
    }
    for (; i < n; ++i, w += m) {
        const float a = x[i];
        for (int j = 0; j < m; ++j) y[j] += a * w[j];
    }
}

/* y[j] += x[j / times] * w[j] */
static void add_each(const float *restrict x, const weight *restrict w, const float *scale, int n, int times,
                     float *restrict y) {
    (void)scale;
    if (times == 1) {
        for (int j = 0; j < n; ++j) y[j] += x[j] * w[j];
        return;
    }
    for (int j = 0; j < n; ++j) y[j] += x[j / times] * w[j];
}

/* y = w */
static void take_row(const weight *restrict w, const float *scale, int n, float *restrict y) {
    (void)scale;
    for (int j = 0; j < n; ++j) y[j] = w[j];
}

#endif
