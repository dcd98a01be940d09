/* Rows of a table by their numbers. */
#ifndef EMBEDDING_H
#define EMBEDDING_H
#include "products_float32.h"
#include <math.h>

/* y = w[x] for each of the rows; NaN for a number that is no row's. */
static void embed(const float *restrict x, int rows, const weight *restrict w, const float *scale, int n_rows, int n,
                  float *restrict y) {
    for (int r = 0; r < rows; ++r, y += n) {
        if (x[r] >= 0.0f && x[r] < (float)n_rows)
            take_row(w + (int)x[r] * n, scale, n, y);
        else
            for (int j = 0; j < n; ++j) y[j] = NAN;
    }
}

#endif
