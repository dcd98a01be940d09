/* h' = activation(x @ w + b + h @ u) for every step of a sequence, and its way back (see _ops/simple_rnn.py). */
#ifdef FNN_OP
FNN_DOUBLE_LENT_OP(SIMPLE_RNN, simple_rnn)
#elif !defined FNN_OPS_SIMPLE_RNN_H
#define FNN_OPS_SIMPLE_RNN_H

#include "recurrent_params.h"

ALWAYS_INLINE void simple_rnn_slope(const sequences *s, real *kept, real *dz, real *dh, const int usual, int64_t j,
                                    int some) {
    const vf slope = cell_slope(s, vec_load(kept + j, some), usual), d = vf_mul(vec_load(dh + j, some), slope);
    vec_store(kept + j, d, some);
    vec_store(dz + j, d, some);
    vec_store(dh + j, vf_zero(), some);
}

/* With a slope that is not made of h' number by number. */
static void simple_rnn_apart(const sequences *s, real *kept, real *dz, real *dh) {
    copy_row(dh, s->n, dz);
    cell_back(s, kept_z(s, kept), kept, dz);
    copy_row(dz, s->n, kept);
    memset(dh, 0, (size_t)s->n * sizeof(real));
}

static void simple_rnn_step(const sequences *s, int64_t at) {
    make_gates(s, at);
    for (int64_t r = 0; r < s->rows; r++) keep_z(s, r, at, 0, 1);
    squash(s, s->rows, s->z);
    for (int64_t r = 0; r < s->rows; r++) {
        real *kept = keep_states(s, r, at);
        if (!counts(s, r, at)) continue;
        copy_row(s->z + r * s->n, s->n, s->h + r * s->h_row);
        if (kept) copy_row(s->z + r * s->n, s->n, kept);
    }
}

static void simple_rnn_step_back(const sequences *s, int64_t at) {
    for (int64_t r = 0; r < s->rows; r++) {
        real *dz = s->z + r * s->n, *dh = s->dh + r * s->n, *kept = kept_at(s, r, at);
        if (!counts(s, r, at))
            clear_row(s, r, at);
        else if (s->op->geometry[KEEPS_Z])
            simple_rnn_apart(s, kept, dz, dh);
        else if (s->usual)
            OVER_ROW(s->n, simple_rnn_slope, s, kept, dz, dh, 1);
        else
            OVER_ROW(s->n, simple_rnn_slope, s, kept, dz, dh, 0);
    }
    hand_to_state(s, 0, NULL, s->dread);
}

static const cell simple_rnn_cell = {
    .gates = 1, .states = 1, .kept = 1, .split = 1, .step = simple_rnn_step, .step_back = simple_rnn_step_back};

RECURRENT_OP(simple_rnn, simple_rnn_cell)

#endif
