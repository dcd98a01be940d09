/* A cell behind gates, for every step of a sequence, and its way back (see _ops/lstm.py). */
#ifdef FNN_OP
FNN_DOUBLE_LENT_OP(LSTM, lstm)
#elif !defined FNN_OPS_LSTM_H
#define FNN_OPS_LSTM_H

#include "recurrent_params.h"

/* A row's numbers of a step, with room for what the way back wants, or none. */
typedef struct {
    const sequences *s;
    int64_t n;
    real *z, *h, *c, *kept;
} lstm_row;

/* c' from the gates. */
INLINE void lstm_state(const lstm_row *a, int64_t j, int some) {
    const int64_t n = a->n;
    const real *z = a->z + j;
    const vf i = vec_load(z, some), f = vec_load(z + n, some), g = vec_load(z + 2 * n, some);
    vec_store(a->c + j, vf_fma(f, vec_load(a->c + j, some), vf_mul(i, g)), some);
    if (!a->kept) return;
    vec_store(a->kept + j, i, some);
    vec_store(a->kept + n + j, f, some);
    vec_store(a->kept + 2 * n + j, g, some);
    vec_store(a->kept + 3 * n + j, vec_load(z + 3 * n, some), some);
}

/* h' from the gate and what the activation makes of c'. */
INLINE void lstm_output(const lstm_row *a, const real *squashed, int64_t j, int some) {
    const vf value = vec_load(squashed + j, some);
    vec_store(a->h + j, vf_mul(vec_load(a->z + 3 * a->n + j, some), value), some);
    if (a->kept) vec_store(a->kept + 4 * a->n + j, value, some);
}

INLINE void set_dz(real *kept, real *dz, vf d, int some) {
    vec_store(kept, d, some);
    vec_store(dz, d, some);
}

/* Here h and c are their gradients. */
INLINE void lstm_slopes(const lstm_row *a, const int usual, int64_t j, int some) {
    const int64_t n = a->n;
    real *kept = a->kept + j, *z = a->z + j;
    const vf i = vec_load(kept, some), f = vec_load(kept + n, some), g = vec_load(kept + 2 * n, some);
    const vf o = vec_load(kept + 3 * n, some), squashed = vec_load(kept + 4 * n, some);
    const vf before = vec_load(kept + 6 * n, some), d = vec_load(a->h + j, some);
    const vf e = vf_fma(vf_mul(d, o), cell_slope(a->s, squashed, usual), vec_load(a->c + j, some));
    set_dz(kept, z, vf_mul(vf_mul(e, g), gate_slope(a->s, i, usual)), some);
    set_dz(kept + n, z + n, vf_mul(vf_mul(e, before), gate_slope(a->s, f, usual)), some);
    set_dz(kept + 2 * n, z + 2 * n, vf_mul(vf_mul(e, i), cell_slope(a->s, g, usual)), some);
    set_dz(kept + 3 * n, z + 3 * n, vf_mul(vf_mul(d, squashed), gate_slope(a->s, o, usual)), some);
    vec_store(a->c + j, vf_mul(e, f), some);
    vec_store(a->h + j, vf_zero(), some);
}

/* The same where a slope is not made of what an activation gives number by number: first what goes into the
 * activations backwards, then they. The activation of c' has of_c, and c' itself is made again. */
INLINE void lstm_output_back(const lstm_row *a, real *c, real *of_c, int64_t j, int some) {
    const int64_t n = a->n;
    const real *kept = a->kept + j;
    const vf i = vec_load(kept, some), f = vec_load(kept + n, some), g = vec_load(kept + 2 * n, some);
    const vf d = vec_load(a->h + j, some);
    vec_store(c + j, vf_fma(f, vec_load(kept + 6 * n, some), vf_mul(i, g)), some);
    vec_store(of_c + j, vf_mul(d, vec_load(kept + 3 * n, some)), some);
    vec_store(a->z + 3 * n + j, vf_mul(d, vec_load(kept + 4 * n, some)), some);
    vec_store(a->h + j, vf_zero(), some);
}

INLINE void lstm_state_back(const lstm_row *a, const real *of_c, int64_t j, int some) {
    const int64_t n = a->n;
    const real *kept = a->kept + j;
    real *z = a->z + j;
    const vf e = vf_add(vec_load(of_c + j, some), vec_load(a->c + j, some));
    vec_store(z, vf_mul(e, vec_load(kept + 2 * n, some)), some);
    vec_store(z + n, vf_mul(e, vec_load(kept + 6 * n, some)), some);
    vec_store(z + 2 * n, vf_mul(e, vec_load(kept, some)), some);
    vec_store(a->c + j, vf_mul(e, vec_load(kept + n, some)), some);
}

static void lstm_apart(const lstm_row *a, real *room) {
    const sequences *s = a->s;
    const int64_t n = a->n;
    const real *before = kept_z(s, a->kept);
    real *c = room, *of_c = room + n;
    OVER_ROW_AS_ONE(n, lstm_output_back, a, c, of_c);
    cell_back(s, c, a->kept + 4 * n, of_c);
    OVER_ROW_AS_ONE(n, lstm_state_back, a, of_c);
    gate_back(s, 2, before, a->kept, a->z);
    cell_back(s, before + 2 * n, a->kept + 2 * n, a->z + 2 * n);
    gate_back(s, 1, before + 3 * n, a->kept + 3 * n, a->z + 3 * n);
    copy_row(a->z, 4 * n, a->kept);
}

static lstm_row lstm_row_of(const sequences *s, int64_t r, int64_t at) {
    real *kept = s->kept ? kept_at(s, r, at) : NULL;
    return (lstm_row){s, s->n, s->z + r * s->columns, s->h + r * s->h_row, s->c + r * s->n, kept};
}

/* Design: runs of their own for each activation. In one run over all gates the processor waits: a number's c for three
 * of them, its h for c, and constants do not stay in registers. */
static void lstm_step(const sequences *s, int64_t at) {
    make_gates(s, at);
    for (int64_t r = 0; r < s->rows; r++) {
        const lstm_row a = lstm_row_of(s, r, at);
        keep_states(s, r, at);
        keep_z(s, r, at, 0, 4);
        squash_gates(s, 2, a.z);
        squash(s, 1, a.z + 2 * s->n);
        squash_gates(s, 1, a.z + 3 * s->n);
        if (counts(s, r, at)) OVER_ROW(s->n, lstm_state, &a);
    }
    memcpy(s->part, s->c, (size_t)(s->rows * s->n) * sizeof(real));
    squash(s, s->rows, s->part);
    for (int64_t r = 0; r < s->rows; r++) {
        const lstm_row a = lstm_row_of(s, r, at);
        if (counts(s, r, at)) OVER_ROW(s->n, lstm_output, &a, s->part + r * s->n);
    }
}

static void lstm_step_back(const sequences *s, int64_t at) {
    for (int64_t r = 0; r < s->rows; r++) {
        const lstm_row a = {s, s->n, s->z + r * s->columns, s->dh + r * s->n, s->dc + r * s->n, kept_at(s, r, at)};
        if (!counts(s, r, at))
            clear_row(s, r, at);
        else if (s->op->geometry[KEEPS_Z])
            lstm_apart(&a, s->part);
        else if (s->usual)
            OVER_ROW(a.n, lstm_slopes, &a, 1);
        else
            OVER_ROW_AS_ONE(a.n, lstm_slopes, &a, 0);
    }
    hand_to_state(s, 0, NULL, s->dread);
}

static const cell lstm_cell = {
    .gates = 4, .states = 2, .kept = 5, .split = 4, .step = lstm_step, .step_back = lstm_step_back};

RECURRENT_OP(lstm, lstm_cell)

#endif
