/* Rows times a kernel. */
#ifndef DENSE_H
#define DENSE_H
#include "basics.h"
#include "products_float32.h"

/* y = x @ w + b for each of the rows. */
static void dense(const float *restrict x, int rows, int n_in, const weight *restrict w, const float *scale,
                  const float *b, int n_out, float *restrict y) {
    for (int r = 0; r < rows; ++r, x += n_in, y += n_out) {
        begin_with(b, n_out, y);
        add_products(x, n_in, w, scale, n_out, y);
    }
}

#endif
