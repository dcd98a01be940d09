/* A state behind gates, for every step of a sequence, and its way back (see _ops/gru.py). */
#ifdef FNN_OP
FNN_OP(GRU, gru)
#elif !defined FNN_OPS_GRU_H
#define FNN_OPS_GRU_H

#include "recurrent_params.h"

/* h' from the gate z and the candidate g. */
INLINE vf gru_state(vf z, vf g, vf before) { return vf_fma(z, vf_sub(before, g), g); }

/* The first variant: of_state is the state's part of all gates. */
INLINE void gru_row(const sequences *s, const real *of_x, const real *of_state, real *h, real *kept, const int usual) {
    const int64_t n = s->n;
    for (int64_t j = 0; j < n; j += LANES) {
        const int some = (int)at_most(n - j, LANES);
        const vf z = gate_value(s, vf_add(vec_load(of_x + j, some), vec_load(of_state + j, some)), usual);
        const vf r = gate_value(s, vf_add(vec_load(of_x + n + j, some), vec_load(of_state + n + j, some)), usual);
        const vf part = vec_load(of_state + 2 * n + j, some);
        const vf g = cell_value(s, vf_fma(r, part, vec_load(of_x + 2 * n + j, some)), usual);
        vec_store(h + j, gru_state(z, g, vec_load(h + j, some)), some);
        if (!kept) continue;
        vec_store(kept + j, z, some);
        vec_store(kept + n + j, r, some);
        vec_store(kept + 2 * n + j, g, some);
        vec_store(kept + 3 * n + j, part, some);
    }
}

INLINE void gru_row_back(const sequences *s, real *kept, real *dz, real *dh, const int usual) {
    const int64_t n = s->n;
    for (int64_t j = 0; j < n; j += LANES) {
        const int some = (int)at_most(n - j, LANES);
        const vf z = vec_load(kept + j, some), r = vec_load(kept + n + j, some), g = vec_load(kept + 2 * n + j, some);
        const vf part = vec_load(kept + 3 * n + j, some), before = vec_load(kept + 4 * n + j, some);
        const vf d = vec_load(dh + j, some), of_g = vf_mul(vf_mul(d, vec_rest(z)), cell_slope(s, g, usual));
        const vf of_z = vf_mul(vf_mul(d, vf_sub(before, g)), gate_slope(s, z, usual));
        const vf of_r = vf_mul(vf_mul(of_g, part), gate_slope(s, r, usual)), of_part = vf_mul(of_g, r);
        vec_store(kept + j, of_z, some);
        vec_store(kept + n + j, of_r, some);
        vec_store(kept + 2 * n + j, of_g, some);
        vec_store(kept + 3 * n + j, of_part, some);
        vec_store(dz + j, of_z, some);
        vec_store(dz + n + j, of_r, some);
        vec_store(dz + 2 * n + j, of_part, some);
        vec_store(dh + j, vf_mul(d, z), some);
    }
}

/* The other variant: first the gates z and r, and r * h, then the candidate. */
INLINE void gru_gates(const sequences *s, real *gates, const real *read, real *part, real *kept, const int usual) {
    const int64_t n = s->n;
    for (int64_t j = 0; j < n; j += LANES) {
        const int some = (int)at_most(n - j, LANES);
        const vf z = gate_value(s, vec_load(gates + j, some), usual);
        const vf r = gate_value(s, vec_load(gates + n + j, some), usual);
        const vf some_read = vf_mul(r, vec_load(read + j, some));
        vec_store(gates + j, z, some);
        vec_store(part + j, some_read, some);
        if (!kept) continue;
        vec_store(kept + j, z, some);
        vec_store(kept + n + j, r, some);
        vec_store(kept + 3 * n + j, some_read, some);
    }
}

INLINE void gru_candidate(const sequences *s, const real *gates, real *h, real *kept, const int usual) {
    for (int64_t j = 0; j < s->n; j += LANES) {
        const int some = (int)at_most(s->n - j, LANES);
        const vf g = cell_value(s, vec_load(gates + 2 * s->n + j, some), usual);
        vec_store(h + j, gru_state(vec_load(gates + j, some), g, vec_load(h + j, some)), some);
        if (kept) vec_store(kept + 2 * s->n + j, g, some);
    }
}

INLINE void gru_candidate_back(const sequences *s, real *kept, real *dz, real *dh, const int usual) {
    const int64_t n = s->n;
    for (int64_t j = 0; j < n; j += LANES) {
        const int some = (int)at_most(n - j, LANES);
        const vf z = vec_load(kept + j, some), g = vec_load(kept + 2 * n + j, some);
        const vf d = vec_load(dh + j, some), of_g = vf_mul(vf_mul(d, vec_rest(z)), cell_slope(s, g, usual));
        const vf apart = vf_sub(vec_load(kept + 4 * n + j, some), g);
        const vf of_z = vf_mul(vf_mul(d, apart), gate_slope(s, z, usual));
        vec_store(kept + j, of_z, some);
        vec_store(kept + 2 * n + j, of_g, some);
        vec_store(dz + j, of_z, some);
        vec_store(dz + 2 * n + j, of_g, some);
        vec_store(dh + j, vf_mul(d, z), some);
    }
}

/* `part` is the gradient of r * h, and then what of it goes to h. */
INLINE void gru_reset_back(const sequences *s, real *kept, real *dz, real *part, const int usual) {
    const real *read = kept_read(s, kept);
    for (int64_t j = 0; j < s->n; j += LANES) {
        const int some = (int)at_most(s->n - j, LANES);
        const vf d = vec_load(part + j, some), r = vec_load(kept + s->n + j, some);
        const vf of_r = vf_mul(vf_mul(d, vec_load(read + j, some)), gate_slope(s, r, usual));
        vec_store(kept + s->n + j, of_r, some);
        vec_store(dz + s->n + j, of_r, some);
        vec_store(part + j, vf_mul(d, r), some);
    }
}

#define GRU_ROWS(pass, ...) (s->usual ? pass(__VA_ARGS__, 1) : pass(__VA_ARGS__, 0))

static void gru_step_after(const sequences *s, int64_t at) {
    const real *b = s->b ? s->b + s->columns : NULL;
    product p = {.m = s->rows, .a = s->read, .a_row = s->n, .start = b, .c = s->part, .c_row = s->columns};
    multiply_panels(&s->of_state[0], p);
    p.c += 2 * s->n;
    if (b) p.start = b + 2 * s->n;
    multiply_panels(&s->of_state[1], p);
    for (int64_t r = 0; r < s->rows; r++) {
        const int64_t to = r * s->columns;
        real *kept = s->kept ? kept_at(s, r, at) : NULL;
        if (counts(s, r, at)) GRU_ROWS(gru_row, s, s->z + to, s->part + to, s->h + r * s->n, kept);
    }
}

static void gru_step_before(const sequences *s, int64_t at) {
    add_of_state(s, 0, s->read, s->z);
    for (int64_t r = 0; r < s->rows; r++) {
        real *kept = s->kept ? kept_at(s, r, at) : NULL, *z = s->z + r * s->columns;
        GRU_ROWS(gru_gates, s, z, s->read + r * s->n, s->part + r * s->n, kept);
    }
    add_of_state(s, 1, s->part, s->z + 2 * s->n);
    for (int64_t r = 0; r < s->rows; r++) {
        real *kept = s->kept ? kept_at(s, r, at) : NULL, *z = s->z + r * s->columns;
        if (counts(s, r, at)) GRU_ROWS(gru_candidate, s, z, s->h + r * s->n, kept);
    }
}

static void gru_step(const sequences *s, int64_t at) {
    read_input(s, at);
    if (s->op->geometry[VARIANT])
        gru_step_after(s, at);
    else
        gru_step_before(s, at);
}

static void gru_step_back(const sequences *s, int64_t at) {
    const int after = s->op->geometry[VARIANT] != 0;
    for (int64_t r = 0; r < s->rows; r++) {
        real *dz = s->z + r * s->columns, *dh = s->dh + r * s->n;
        if (!counts(s, r, at))
            clear_row(s, r, at);
        else if (after)
            GRU_ROWS(gru_row_back, s, kept_at(s, r, at), dz, dh);
        else
            GRU_ROWS(gru_candidate_back, s, kept_at(s, r, at), dz, dh);
    }
    hand_to_state(s, 1, NULL, s->part);
    for (int64_t r = 0; !after && r < s->rows; r++)
        if (counts(s, r, at)) GRU_ROWS(gru_reset_back, s, kept_at(s, r, at), s->z + r * s->columns, s->part + r * s->n);
    hand_to_state(s, 0, s->part, s->dread);
}

static void gru_rest(const sequences *s, const real *kept, const real **read, const real **dz) {
    const int after = s->op->geometry[VARIANT] != 0;
    *read = after ? kept_read(s, (real *)kept) : kept + 3 * s->n;
    *dz = kept + (after ? 3 : 2) * s->n;
}

static const cell gru_cell = {
    .gates = 3, .states = 1, .kept = 4, .split = 2, .step = gru_step, .step_back = gru_step_back, .rest = gru_rest};

RECURRENT_OP(gru, gru_cell)

#endif
