/* Factors and shifts, one for all numbers or one for each column; y may be x. */
#ifndef COLUMNS_H
#define COLUMNS_H

/* y = x * factor + shift */
static void rescale(const float *x, int n, float factor, float shift, float *y) {
    for (int i = 0; i < n; ++i) y[i] = x[i] * factor + shift;
}

/* y = x * w */
static void scale_columns(const float *x, int rows, int n, const float *w, float *y) {
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < n; ++j) y[r * n + j] = x[r * n + j] * w[j];
}

/* y = (x - mean) * factor */
static void standardize_columns(const float *x, int rows, int n, const float *mean, const float *factor, float *y) {
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < n; ++j) y[r * n + j] = (x[r * n + j] - mean[j]) * factor[j];
}

/* y = y + shift */
static void shift_columns(float *y, int rows, int n, const float *shift) {
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < n; ++j) y[r * n + j] += shift[j];
}

/* y = x above zero and x * alpha below */
static void prelu_columns(const float *x, int rows, int n, const float *alpha, float *y) {
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < n; ++j) y[r * n + j] = x[r * n + j] > 0.0f ? x[r * n + j] : x[r * n + j] * alpha[j];
}

/* y = x + alpha * (y - x), where y comes as an activation of x */
static void blend_columns(const float *x, int rows, int n, const float *alpha, float *y) {
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < n; ++j) y[r * n + j] = x[r * n + j] + alpha[j] * (y[r * n + j] - x[r * n + j]);
}

#endif
