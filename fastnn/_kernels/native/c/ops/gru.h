/* A state behind gates, for every step of a sequence, and its way back (see _ops/gru.py). */
#ifdef FNN_OP
FNN_DOUBLE_LENT_OP(GRU, gru)
#elif !defined FNN_OPS_GRU_H
#define FNN_OPS_GRU_H

#include "recurrent_params.h"

/* A row's numbers of a step, with room for what the way back wants, or none. On the way back z is the gradient of what
 * the gates are made of, and h that of the state. */
typedef struct {
    const sequences *s;
    int64_t n;
    real *z, *part, *h, *kept;
    const real *read;
} gru_row;

/* From the gates, in the first variant what the candidate is made of: part is the state's part of it. */
INLINE void gru_after(const gru_row *a, int64_t j, int some) {
    const int64_t n = a->n;
    real *z = a->z + j, *kept = a->kept + j;
    const vf r = vec_load(z + n, some), of_state = vec_load(a->part + j, some);
    vec_store(z + 2 * n, vf_fma(r, of_state, vec_load(z + 2 * n, some)), some);
    if (!a->kept) return;
    vec_store(kept, vec_load(z, some), some);
    vec_store(kept + n, r, some);
    vec_store(kept + 3 * n, of_state, some);
}

/* In the other variant part, which becomes r * h. */
INLINE void gru_before(const gru_row *a, int64_t j, int some) {
    real *kept = a->kept + j;
    const vf r = vec_load(a->z + a->n + j, some), some_read = vf_mul(r, vec_load(a->read + j, some));
    vec_store(a->part + j, some_read, some);
    if (!a->kept) return;
    vec_store(kept, vec_load(a->z + j, some), some);
    vec_store(kept + a->n, r, some);
    vec_store(kept + 3 * a->n, some_read, some);
}

/* h' from the candidate. */
INLINE void gru_state(const gru_row *a, int64_t j, int some) {
    const vf g = vec_load(a->z + 2 * a->n + j, some), apart = vf_sub(vec_load(a->h + j, some), g);
    vec_store(a->h + j, vf_fma(vec_load(a->z + j, some), apart, g), some);
    if (a->kept) vec_store(a->kept + 2 * a->n + j, g, some);
}

/* Of z and of the candidate, whose gradient is returned. */
INLINE vf gru_state_back(const gru_row *a, const int usual, int64_t j, int some) {
    real *kept = a->kept + j;
    const vf z = vec_load(kept, some), g = vec_load(kept + 2 * a->n, some), d = vec_load(a->h + j, some);
    const vf of_g = vf_mul(vf_mul(d, vec_rest(z)), cell_slope(a->s, g, usual));
    const vf apart = vf_sub(vec_load(kept + 4 * a->n, some), g);
    const vf of_z = vf_mul(vf_mul(d, apart), gate_slope(a->s, z, usual));
    vec_store(kept, of_z, some);
    vec_store(kept + 2 * a->n, of_g, some);
    vec_store(a->z + j, of_z, some);
    vec_store(a->h + j, vf_mul(d, z), some);
    return of_g;
}

INLINE void gru_after_back(const gru_row *a, const int usual, int64_t j, int some) {
    const int64_t n = a->n;
    real *kept = a->kept + j;
    const vf of_g = gru_state_back(a, usual, j, some), r = vec_load(kept + n, some);
    const vf of_r = vf_mul(vf_mul(of_g, vec_load(kept + 3 * n, some)), gate_slope(a->s, r, usual));
    const vf of_part = vf_mul(of_g, r);
    vec_store(kept + n, of_r, some);
    vec_store(kept + 3 * n, of_part, some);
    vec_store(a->z + n + j, of_r, some);
    vec_store(a->z + 2 * n + j, of_part, some);
}

INLINE void gru_before_back(const gru_row *a, const int usual, int64_t j, int some) {
    vec_store(a->z + 2 * a->n + j, gru_state_back(a, usual, j, some), some);
}

/* Then, part being the gradient of r * h, that of r, and what goes to h. */
INLINE void gru_reset_back(const gru_row *a, const int usual, int64_t j, int some) {
    real *kept = a->kept + a->n + j;
    const vf d = vec_load(a->part + j, some), r = vec_load(kept, some);
    const vf of_r = vf_mul(vf_mul(d, vec_load(a->read + j, some)), gate_slope(a->s, r, usual));
    vec_store(kept, of_r, some);
    vec_store(a->z + a->n + j, of_r, some);
    vec_store(a->part + j, vf_mul(d, r), some);
}

/* The same where a slope is not made of what an activation gives number by number: what goes into the activations
 * backwards, then they. */
INLINE void gru_state_apart(const gru_row *a, int64_t j, int some) {
    const real *kept = a->kept + j;
    real *z = a->z + j;
    const vf of = vec_load(kept, some), g = vec_load(kept + 2 * a->n, some), d = vec_load(a->h + j, some);
    vec_store(z, vf_mul(d, vf_sub(vec_load(kept + 4 * a->n, some), g)), some);
    vec_store(z + 2 * a->n, vf_mul(d, vec_rest(of)), some);
    vec_store(a->h + j, vf_mul(d, of), some);
}

static void gru_candidate_apart(const gru_row *a) {
    const sequences *s = a->s;
    const int64_t n = a->n;
    const real *before = kept_z(s, a->kept);
    OVER_ROW_AS_ONE(n, gru_state_apart, a);
    gate_back(s, 1, before, a->kept, a->z);
    cell_back(s, before + 2 * n, a->kept + 2 * n, a->z + 2 * n);
    copy_row(a->z, n, a->kept);
    copy_row(a->z + 2 * n, n, a->kept + 2 * n);
}

/* Of r, by what it is multiplied with; d is the product's gradient, of which the other factor gets its own. */
static void gru_reset_apart(const gru_row *a, const real *by, real *d) {
    const int64_t n = a->n;
    real *r = a->kept + n, *of_r = a->z + n;
    multiply_row(d, by, n, of_r);
    multiply_row(d, r, n, d);
    gate_back(a->s, 1, kept_z(a->s, a->kept) + n, r, of_r);
    copy_row(of_r, n, r);
}

static void gru_after_apart(const gru_row *a) {
    gru_candidate_apart(a);
    gru_reset_apart(a, a->kept + 3 * a->n, a->z + 2 * a->n);
    copy_row(a->z + 2 * a->n, a->n, a->kept + 3 * a->n);
}

static void gru_before_apart(const gru_row *a) { gru_reset_apart(a, a->read, a->part); }

/* A piece of the way back over the rows of a step that count. */
#define GRU_ROWS(piece, apart)                                                                                         \
    for (int64_t r_ = 0; r_ < s->rows; r_++) {                                                                         \
        const gru_row a = gru_row_of(s, r_, at);                                                                       \
        if (!counts(s, r_, at)) continue;                                                                              \
        if (s->op->geometry[KEEPS_Z])                                                                                  \
            apart(&a);                                                                                                 \
        else if (s->usual)                                                                                             \
            OVER_ROW(a.n, piece, &a, 1);                                                                               \
        else                                                                                                           \
            OVER_ROW_AS_ONE(a.n, piece, &a, 0);                                                                        \
    }

static gru_row gru_row_of(const sequences *s, int64_t r, int64_t at) {
    gru_row a = {s, s->n, s->z + r * s->columns, s->part + r * s->n, NULL, NULL, NULL};
    if (s->kept) a.kept = kept_at(s, r, at);
    a.h = s->dh ? s->dh + r * s->n : s->h + r * s->h_row;
    a.read = s->dh ? kept_read(s, a.kept) : s->read + r * s->read_row;
    return a;
}

static void gru_candidates(const sequences *s, int64_t at) {
    for (int64_t r = 0; r < s->rows; r++) {
        const gru_row a = gru_row_of(s, r, at);
        keep_z(s, r, at, 2, 1);
        squash(s, 1, a.z + 2 * s->n);
        if (counts(s, r, at)) OVER_ROW(s->n, gru_state, &a);
    }
}

/* Design: runs of their own for each activation, as in lstm.h. */
static void gru_step(const sequences *s, int64_t at) {
    const int after = s->op->geometry[VARIANT] != 0;
    make_gates(s, at);
    if (after)
        multiply_panels(&s->of_state[1], (product){.m = s->rows,
                                                   .a = s->read,
                                                   .a_row = s->read_row,
                                                   .start = s->b ? s->b + 5 * s->n : NULL,
                                                   .c = s->part,
                                                   .c_row = s->n});
    lap_of_step(s, FNN_FORWARD);
    for (int64_t r = 0; r < s->rows; r++) {
        const gru_row a = gru_row_of(s, r, at);
        keep_states(s, r, at);
        keep_z(s, r, at, 0, 2);
        squash_gates(s, 2, a.z);
        if (after)
            OVER_ROW(s->n, gru_after, &a);
        else
            OVER_ROW(s->n, gru_before, &a);
    }
    lap_of_step(s, FNN_ACTIVATE);
    if (!after) add_of_state(s, 1, s->part, s->n, s->z + 2 * s->n);
    lap_of_step(s, FNN_FORWARD);
    gru_candidates(s, at);
}

static void gru_step_back(const sequences *s, int64_t at) {
    for (int64_t r = 0; r < s->rows; r++)
        if (!counts(s, r, at)) clear_row(s, r, at);
    if (s->op->geometry[VARIANT]) {
        GRU_ROWS(gru_after_back, gru_after_apart)
        hand_to_state(s, 1, NULL, s->part);
    } else {
        GRU_ROWS(gru_before_back, gru_candidate_apart)
        hand_to_state(s, 1, NULL, s->part);
        GRU_ROWS(gru_reset_back, gru_before_apart)
    }
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
