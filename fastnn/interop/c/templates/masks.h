/* Rows that count and rows that do not. */
#ifndef MASKS_H
#define MASKS_H
#include "basics.h"
#include <math.h>

/* y is 0 where all numbers of a row are equal to value, else 1. */
static void mark_rows(const float *restrict x, int rows, int n, float value, float *restrict y) {
    for (int r = 0; r < rows; ++r) {
        y[r] = 0.0f;
        for (int j = 0; j < n; ++j)
            if (x[r * n + j] != value) y[r] = 1.0f;
    }
}

/* Rows as they are where the mask is not 0, else zeros. */
static void blank_rows(const float *restrict x, const float *restrict mask, int rows, int n, float *restrict y) {
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < n; ++j) y[r * n + j] = mask[r] != 0.0f ? x[r * n + j] : 0.0f;
}

/* mean_of_rows for many of them: sums keep what rounding has lost. */
static void mean_of_many_rows(const float *restrict x, const float *restrict mask, int rows, int n, float *restrict y) {
    for (int j = 0; j < n; ++j) {
        float sum = 0.0f, lost = 0.0f;
        int count = 0;
        for (int r = 0; r < rows; ++r) {
            if (mask[r] == 0.0f) continue;
            const float term = x[r * n + j] - lost, next = sum + term;
            lost = next - sum - term;
            if (!(fabsf(lost) < INFINITY)) lost = 0.0f;
            sum = next;
            ++count;
        }
        y[j] = count ? sum / (float)count : 0.0f;
    }
}

/* The mean of the rows whose mask is not 0; zeros where it is 0 for all. */
static void mean_of_rows(const float *restrict x, const float *restrict mask, int rows, int n, float *restrict y) {
    int count = 0;
    if (are_many(rows)) {
        mean_of_many_rows(x, mask, rows, n, y);
        return;
    }
    zero_numbers(n, y);
    for (int r = 0; r < rows; ++r) {
        if (mask[r] == 0.0f) continue;
        for (int j = 0; j < n; ++j) y[j] += x[r * n + j];
        ++count;
    }
    for (int j = 0; j < n && count; ++j) y[j] /= (float)count;
}

#endif
