/* Numbers of a sample made those of mean 0 and variance 1, or of length 1. */
#ifndef NORMS_H
#define NORMS_H
#include <math.h>

/* rows runs of n numbers, stride apart: y = (x - mean) / sqrt(variance + epsilon). Sums are those of distances from the
 * first number, which keep their digits where all lie far from zero. */
static void normalize_runs(const float *restrict x, int rows, int n, int stride, float epsilon, float *restrict y) {
    float mean = 0.0f, variance = 0.0f;
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < n; ++j) mean += x[r * stride + j] - x[0];
    mean = x[0] + mean / (float)(rows * n);
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < n; ++j) {
            const float apart = x[r * stride + j] - mean;
            variance += apart * apart;
            y[r * stride + j] = apart;
        }
    variance = 1.0f / sqrtf(variance / (float)(rows * n) + epsilon);
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < n; ++j) y[r * stride + j] *= variance;
}

/* Each row by itself. */
static void normalize_rows(const float *restrict x, int rows, int n, float epsilon, float *restrict y) {
    for (int r = 0; r < rows; ++r) normalize_runs(x + r * n, 1, n, n, epsilon, y + r * n);
}

/* Each group of channels over all rows. */
static void normalize_groups(const float *restrict x, int rows, int n, int groups, float epsilon, float *restrict y) {
    const int width = n / groups;
    for (int g = 0; g < groups; ++g) normalize_runs(x + g * width, rows, width, n, epsilon, y + g * width);
}

/* y = x / |x| along the middle axis of (rows, length, stride); |x| counts as 1e-7 at least. */
static void normalize_lengths(const float *restrict x, int rows, int length, int stride, float *restrict y) {
    for (int r = 0; r < rows; ++r, x += length * stride, y += length * stride)
        for (int j = 0; j < stride; ++j) {
            float by = 0.0f;
            for (int i = 0; i < length; ++i) by += x[i * stride + j] * x[i * stride + j];
            by = sqrtf(by);
            by = by > 1e-7f ? 1.0f / by : 1e7f;
            for (int i = 0; i < length; ++i) y[i * stride + j] = x[i * stride + j] * by;
        }
}

#endif
