/* h' = activation(x @ w + b + h @ u) for every step of a sequence, and its way back (see _ops/simple_rnn.py). */
#ifdef FNN_OP
FNN_OP(SIMPLE_RNN, simple_rnn)
#elif !defined FNN_OPS_SIMPLE_RNN_H
#define FNN_OPS_SIMPLE_RNN_H

#include "recurrent_params.h"

INLINE void simple_rnn_row(const sequences *s, const real *z, real *h, real *kept, const int usual) {
    for (int64_t j = 0; j < s->n; j += LANES) {
        const int some = (int)at_most(s->n - j, LANES);
        const vf value = cell_value(s, vec_load(z + j, some), usual);
        vec_store(h + j, value, some);
        if (kept) vec_store(kept + j, value, some);
    }
}

INLINE void simple_rnn_row_back(const sequences *s, real *kept, real *dz, real *dh, const int usual) {
    for (int64_t j = 0; j < s->n; j += LANES) {
        const int some = (int)at_most(s->n - j, LANES);
        const vf slope = cell_slope(s, vec_load(kept + j, some), usual), d = vf_mul(vec_load(dh + j, some), slope);
        vec_store(kept + j, d, some);
        vec_store(dz + j, d, some);
        vec_store(dh + j, vf_zero(), some);
    }
}

static void simple_rnn_step(const sequences *s, int64_t at) {
    read_input(s, at);
    add_of_state(s, 0, s->read, s->z);
    for (int64_t r = 0; r < s->rows; r++) {
        real *z = s->z + r * s->n, *h = s->h + r * s->n, *kept = s->kept ? kept_at(s, r, at) : NULL;
        if (!counts(s, r, at)) continue;
        if (s->usual)
            simple_rnn_row(s, z, h, kept, 1);
        else
            simple_rnn_row(s, z, h, kept, 0);
    }
}

static void simple_rnn_step_back(const sequences *s, int64_t at) {
    for (int64_t r = 0; r < s->rows; r++) {
        real *dz = s->z + r * s->n, *dh = s->dh + r * s->n;
        if (!counts(s, r, at))
            clear_row(s, r, at);
        else if (s->usual)
            simple_rnn_row_back(s, kept_at(s, r, at), dz, dh, 1);
        else
            simple_rnn_row_back(s, kept_at(s, r, at), dz, dh, 0);
    }
    hand_to_state(s, 0, NULL, s->dread);
}

static const cell simple_rnn_cell = {
    .gates = 1, .states = 1, .kept = 1, .split = 1, .step = simple_rnn_step, .step_back = simple_rnn_step_back};

RECURRENT_OP(simple_rnn, simple_rnn_cell)

#endif
