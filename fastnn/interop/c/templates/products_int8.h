/* Products of float numbers and tables of int8 weights, each column with a scale of its own. */
#ifndef PRODUCTS_H
#define PRODUCTS_H
#include <stdint.h>

/* What tables of weights hold: whole numbers, which times the scale of their column are the weights. */
typedef int8_t weight;

/* y[j] += scale[j] * sum of x[i] * w[i][j]; w has n rows of m columns. */
static void add_products(const float *restrict x, int n, const weight *restrict w, const float *restrict scale, int m,
                         float *restrict y) {
    int i = 0;
    for (; i + 4 <= n; i += 4, w += 4 * m) {
        const float a = x[i], b = x[i + 1], c = x[i + 2], d = x[i + 3];
        for (int j = 0; j < m; ++j)
            y[j] +=
                scale[j] * (a * (float)w[j] + b * (float)w[m + j] + c * (float)w[2 * m + j] + d * (float)w[3 * m + j]);
    }
    for (; i < n; ++i, w += m) {
        const float a = x[i];
        for (int j = 0; j < m; ++j) y[j] += scale[j] * a * (float)w[j];
    }
}

/* y[j] += x[j / times] * scale[j] * w[j] */
static void add_each(const float *restrict x, const weight *restrict w, const float *restrict scale, int n, int times,
                     float *restrict y) {
    for (int j = 0; j < n; ++j) y[j] += x[j / times] * scale[j] * (float)w[j];
}

/* y = scale * w */
static void take_row(const weight *restrict w, const float *restrict scale, int n, float *restrict y) {
    for (int j = 0; j < n; ++j) y[j] = scale[j] * (float)w[j];
}

#endif
