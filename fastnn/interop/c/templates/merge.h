/* Several inputs become one; a row of x has n numbers, or a single one that stands for all. */
#ifndef MERGE_H
#define MERGE_H

static void set_rows(const float *restrict x, int rows, int width, int n, float *restrict y) {
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < n; ++j) y[r * n + j] = x[r * width + (width == n ? j : 0)];
}

static void add_rows(const float *restrict x, int rows, int width, int n, float *restrict y) {
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < n; ++j) y[r * n + j] += x[r * width + (width == n ? j : 0)];
}

static void subtract_rows(const float *restrict x, int rows, int width, int n, float *restrict y) {
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < n; ++j) y[r * n + j] -= x[r * width + (width == n ? j : 0)];
}

static void multiply_rows(const float *restrict x, int rows, int width, int n, float *restrict y) {
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < n; ++j) y[r * n + j] *= x[r * width + (width == n ? j : 0)];
}

/* NaN stays, as in all of them. */
static void maximum_rows(const float *restrict x, int rows, int width, int n, float *restrict y) {
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < n; ++j) {
            const float other = x[r * width + (width == n ? j : 0)];
            y[r * n + j] = other > y[r * n + j] || other != other ? other : y[r * n + j];
        }
}

static void minimum_rows(const float *restrict x, int rows, int width, int n, float *restrict y) {
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < n; ++j) {
            const float other = x[r * width + (width == n ? j : 0)];
            y[r * n + j] = other < y[r * n + j] || other != other ? other : y[r * n + j];
        }
}

static void divide_numbers(float *y, int n, float by) {
    for (int i = 0; i < n; ++i) y[i] /= by;
}

/* y = a @ b for count matrices (m, k) and (k, n), each perhaps transposed in memory. */
static void multiply_matrices(const float *restrict a, const float *restrict b, int count, int m, int k, int n,
                              int a_transposed, int b_transposed, float *restrict y) {
    const int b_row = b_transposed ? 1 : n, b_column = b_transposed ? k : 1;
    for (; count > 0; --count, a += m * k, b += k * n, y += m * n) {
        for (int i = 0; i < m * n; ++i) y[i] = 0.0f;
        for (int i = 0; i < m; ++i)
            for (int l = 0; l < k; ++l) {
                const float one = a[a_transposed ? l * m + i : i * k + l];
                for (int j = 0; j < n; ++j) y[i * n + j] += one * b[l * b_row + j * b_column];
            }
    }
}

#endif
