/* A cell behind gates, for every step of a sequence, and its way back (see _ops/lstm.py). */
#ifdef FNN_OP
FNN_OP(LSTM, lstm)
#elif !defined FNN_OPS_LSTM_H
#define FNN_OPS_LSTM_H

#include "recurrent_params.h"

INLINE void lstm_row(const sequences *s, const real *z, real *h, real *c, real *kept, const int usual) {
    const int64_t n = s->n;
    for (int64_t j = 0; j < n; j += LANES) {
        const int some = (int)at_most(n - j, LANES);
        const vf i = gate_value(s, vec_load(z + j, some), usual), f = gate_value(s, vec_load(z + n + j, some), usual);
        const vf g = cell_value(s, vec_load(z + 2 * n + j, some), usual);
        const vf o = gate_value(s, vec_load(z + 3 * n + j, some), usual);
        const vf state = vf_fma(f, vec_load(c + j, some), vf_mul(i, g)), squashed = cell_value(s, state, usual);
        vec_store(c + j, state, some);
        vec_store(h + j, vf_mul(o, squashed), some);
        if (!kept) continue;
        vec_store(kept + j, i, some);
        vec_store(kept + n + j, f, some);
        vec_store(kept + 2 * n + j, g, some);
        vec_store(kept + 3 * n + j, o, some);
        vec_store(kept + 4 * n + j, squashed, some);
    }
}

INLINE void set_dz(real *kept, real *dz, int64_t j, vf d, int some) {
    vec_store(kept + j, d, some);
    vec_store(dz + j, d, some);
}

INLINE void lstm_row_back(const sequences *s, real *kept, real *dz, real *dh, real *dc, const int usual) {
    const int64_t n = s->n;
    for (int64_t j = 0; j < n; j += LANES) {
        const int some = (int)at_most(n - j, LANES);
        const vf i = vec_load(kept + j, some), f = vec_load(kept + n + j, some);
        const vf g = vec_load(kept + 2 * n + j, some), o = vec_load(kept + 3 * n + j, some);
        const vf squashed = vec_load(kept + 4 * n + j, some), before = vec_load(kept + 6 * n + j, some);
        const vf d = vec_load(dh + j, some);
        const vf e = vf_fma(vf_mul(d, o), cell_slope(s, squashed, usual), vec_load(dc + j, some));
        set_dz(kept, dz, j, vf_mul(vf_mul(e, g), gate_slope(s, i, usual)), some);
        set_dz(kept, dz, n + j, vf_mul(vf_mul(e, before), gate_slope(s, f, usual)), some);
        set_dz(kept, dz, 2 * n + j, vf_mul(vf_mul(e, i), cell_slope(s, g, usual)), some);
        set_dz(kept, dz, 3 * n + j, vf_mul(vf_mul(d, squashed), gate_slope(s, o, usual)), some);
        vec_store(dc + j, vf_mul(e, f), some);
        vec_store(dh + j, vf_zero(), some);
    }
}

static void lstm_step(const sequences *s, int64_t at) {
    read_input(s, at);
    add_of_state(s, 0, s->read, s->z);
    for (int64_t r = 0; r < s->rows; r++) {
        real *z = s->z + r * s->columns, *h = s->h + r * s->n, *c = s->c + r * s->n;
        real *kept = s->kept ? kept_at(s, r, at) : NULL;
        if (!counts(s, r, at)) continue;
        if (s->usual)
            lstm_row(s, z, h, c, kept, 1);
        else
            lstm_row(s, z, h, c, kept, 0);
    }
}

static void lstm_step_back(const sequences *s, int64_t at) {
    for (int64_t r = 0; r < s->rows; r++) {
        real *dz = s->z + r * s->columns, *dh = s->dh + r * s->n, *dc = s->dc + r * s->n;
        if (!counts(s, r, at))
            clear_row(s, r, at);
        else if (s->usual)
            lstm_row_back(s, kept_at(s, r, at), dz, dh, dc, 1);
        else
            lstm_row_back(s, kept_at(s, r, at), dz, dh, dc, 0);
    }
    hand_to_state(s, 0, NULL, s->dread);
}

static const cell lstm_cell = {
    .gates = 4, .states = 2, .kept = 5, .split = 4, .step = lstm_step, .step_back = lstm_step_back};

RECURRENT_OP(lstm, lstm_cell)

#endif
