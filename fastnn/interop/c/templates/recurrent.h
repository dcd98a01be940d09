/* Cells that go over the steps of a sequence. */
#ifndef RECURRENT_H
#define RECURRENT_H
#include "activations.h"
#include "basics.h"
#include "products_float32.h"

/* A layer; z is room for what its gates read. h, and c of an LSTM, are its states. */
typedef struct {
    int steps, n_in, n;
    int reads_back;  /* the last step comes first */
    int writes_back; /* and outputs are written in that order */
    int sequences;   /* the output is that of all steps, else of the last one */
    int zeros;       /* where a step is masked the output is 0, else that of the step before */
    const weight *w, *u, *u_g;
    const float *w_scale, *u_scale, *u_g_scale, *b, *b_u;
    activation *gate, *act;
    float gate_p, act_p;
} recurrent;

/* A step of a cell: h and c become the states after it. */
typedef void cell(const recurrent *s, const float *x, float *z, float *h, float *c);

/* h = act(x @ w + b + h @ u) */
static void simple_cell(const recurrent *s, const float *x, float *z, float *h, float *c) {
    (void)c;
    begin_with(s->b, s->n, z);
    add_products(x, s->n_in, s->w, s->w_scale, s->n, z);
    add_products(h, s->n, s->u, s->u_scale, s->n, z);
    s->act(z, s->n, s->act_p);
    copy_numbers(z, s->n, h);
}

/* Gates i f g o by columns: c = f * c + i * g, h = o * act(c) */
static void lstm_cell(const recurrent *s, const float *x, float *z, float *h, float *c) {
    const int n = s->n;
    begin_with(s->b, 4 * n, z);
    add_products(x, s->n_in, s->w, s->w_scale, 4 * n, z);
    add_products(h, n, s->u, s->u_scale, 4 * n, z);
    s->gate(z, n, s->gate_p);
    s->gate(z + n, n, s->gate_p);
    s->act(z + 2 * n, n, s->act_p);
    s->gate(z + 3 * n, n, s->gate_p);
    for (int j = 0; j < n; ++j) h[j] = c[j] = z[n + j] * c[j] + z[j] * z[2 * n + j];
    s->act(h, n, s->act_p);
    for (int j = 0; j < n; ++j) h[j] *= z[3 * n + j];
}

/* Gates z r by columns, g = act(x @ w_g + b_g + r * (h @ u_g + b_u)), h = z * h + (1 - z) * g */
static void gru_cell(const recurrent *s, const float *x, float *z, float *h, float *c) {
    const int n = s->n;
    float *const of_h = z + 3 * n;
    (void)c;
    begin_with(s->b, 3 * n, z);
    add_products(x, s->n_in, s->w, s->w_scale, 3 * n, z);
    begin_with(s->b_u, 3 * n, of_h);
    add_products(h, n, s->u, s->u_scale, 3 * n, of_h);
    for (int j = 0; j < 2 * n; ++j) z[j] += of_h[j];
    s->gate(z, n, s->gate_p);
    s->gate(z + n, n, s->gate_p);
    for (int j = 0; j < n; ++j) z[2 * n + j] += z[n + j] * of_h[2 * n + j];
    s->act(z + 2 * n, n, s->act_p);
    for (int j = 0; j < n; ++j) h[j] = z[j] * h[j] + (1.0f - z[j]) * z[2 * n + j];
}

/* The same with g = act(x @ w_g + b_g + (r * h) @ u_g); u holds the columns of z and r. */
static void gru_cell_before(const recurrent *s, const float *x, float *z, float *h, float *c) {
    const int n = s->n;
    float *const read = z + 3 * n;
    (void)c;
    begin_with(s->b, 3 * n, z);
    add_products(x, s->n_in, s->w, s->w_scale, 3 * n, z);
    add_products(h, n, s->u, s->u_scale, 2 * n, z);
    s->gate(z, n, s->gate_p);
    s->gate(z + n, n, s->gate_p);
    for (int j = 0; j < n; ++j) read[j] = z[n + j] * h[j];
    add_products(read, n, s->u_g, s->u_g_scale, n, z + 2 * n);
    s->act(z + 2 * n, n, s->act_p);
    for (int j = 0; j < n; ++j) h[j] = z[j] * h[j] + (1.0f - z[j]) * z[2 * n + j];
}

/* All steps; where the mask is 0 states stay as they are. */
static void recur(const recurrent *s, cell *one, const float *x, const float *mask, float *z, float *h, float *c,
                  float *y) {
    for (int t = 0; t < s->steps; ++t) {
        const int at = s->reads_back ? s->steps - 1 - t : t;
        float *const out = y + (s->sequences ? (s->writes_back ? s->steps - 1 - t : t) * s->n : 0);
        if (!mask || mask[at] != 0.0f) {
            one(s, x + at * s->n_in, z, h, c);
            copy_numbers(h, s->n, out);
        } else if (s->zeros || t == 0)
            zero_numbers(s->n, out);
        else if (s->sequences)
            copy_numbers(s->writes_back ? out + s->n : out - s->n, s->n, out);
    }
}

#endif
