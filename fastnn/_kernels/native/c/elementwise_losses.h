/* Elementwise losses over rows of a block: values, gradients, and the terms of narrow rows.
 *
 * Design: rows narrower than NARROW are gathered into flat runs, so that one output fills vectors with
 * many samples; wider rows run one by one over the target where it lies. */
#ifndef FNN_ELEMENTWISE_LOSSES_H
#define FNN_ELEMENTWISE_LOSSES_H

#include <string.h>

#include "columns.h"
#include "loss_formulas.h"
#include "loss_rows.h"
#include "vec_rows.h"

#define RUN_LENGTH 256

/* Numbers that go through an elementwise loss together. */
typedef struct {
    const real *t, *y, *factors; /* factors: one a number, or NULL for `factor` */
    real *terms, *dy;
    vf factor, p;
    const real *turns; /* parameters that numbers take in turn, one period and LANES more; not read when period is 0 */
    int64_t period;
    int is_focal; /* 1: t is smoothed before the formula, and its value times the balance of t */
    vf kept, spread, no, tilt;
    loss_value (*formula)(vf, vf, vf);
} loss_run;

INLINE vf loss_part(const void *context, int64_t i, int some) {
    const loss_run *run = context;
    vf p = run->period ? vf_load(run->turns + i % run->period) : run->p;
    vf t = vec_load(run->t + i, some);
    if (run->is_focal) t = vf_fma(t, run->kept, run->spread);
    loss_value l = run->formula(t, vec_load(run->y + i, some), p);
    if (run->is_focal) {
        vf balance = vf_fma(t, run->tilt, run->no);
        l.term = vf_mul(l.term, balance), l.slope = vf_mul(l.slope, balance);
    }
    vf factor = run->factors ? vec_load(run->factors + i, some) : run->factor;
    vec_store(run->dy + i, vf_mul(l.slope, factor), some);
    return l.term;
}

INLINE void loss_part_kept(const void *context, int64_t i, int some) {
    vec_store(((const loss_run *)context)->terms + i, loss_part(context, i, some), some);
}

/* The same for the numbers a row that are most frequent, which the compiler then knows. */
#define FOR_NARROW(n, body)                                                                                            \
    switch (n) {                                                                                                       \
    case 1: body(1); break;                                                                                            \
    case 2: body(2); break;                                                                                            \
    case 3: body(3); break;                                                                                            \
    case 4: body(4); break;                                                                                            \
    default: body(n);                                                                                                  \
    }

INLINE void gather_targets(const loss_rows *rows, int64_t first, int64_t count, const int64_t n, real *t) {
    const real *target = rows->target;
    for (int64_t i = 0; i < count; i++)
        if (n <= 4)
            memcpy(t + i * n, target + target_row(rows, first + i) * n, (size_t)n * sizeof(real));
        else
            copy_row(target + target_row(rows, first + i) * n, n, t + i * n);
}

/* The targets of `count` rows from `first` on, one after the other in t; their factors too where rows have weights. */
static void gather_rows(const loss_rows *rows, int64_t first, int64_t count, real scale, real *t, real *factors) {
#define GATHER(n) gather_targets(rows, first, count, n, t)
    FOR_NARROW(rows->n_out, GATHER)
#undef GATHER
    for (int64_t i = 0; factors && i < count; i++) {
        const real factor = row_weight(rows, first + i) * scale;
        for (int64_t j = 0; j < rows->n_out; j++) factors[i * rows->n_out + j] = factor;
    }
}

/* What elementwise losses are made of, and their loops. */
typedef struct {
    loss_value (*formula)(vf, vf, vf);
    int is_sum, is_focal;
    void (*keep_terms)(const loss_run *, int64_t n); /* fills terms and dy; NULL: keep_any, and sum_any */
    real (*sum_terms)(const loss_run *, int64_t n);  /* fills dy */
} elementwise_loss;

/* The loops of the losses of most networks, with the formula inside. */
#define LOOPS_OF(name)                                                                                                 \
    static void keep_##name(const loss_run *run, int64_t n) {                                                          \
        const loss_run plain = plain_run(run, l_##name);                                                               \
        vec_each(loss_part_kept, &plain, n);                                                                           \
    }                                                                                                                  \
    static real sum_##name(const loss_run *run, int64_t n) {                                                           \
        const loss_run plain = plain_run(run, l_##name);                                                               \
        return vec_row_sum_looped(loss_part, &plain, n);                                                               \
    }

INLINE loss_run plain_run(const loss_run *run, loss_value (*formula)(vf, vf, vf)) {
    loss_run plain = *run;
    plain.formula = formula, plain.period = 0, plain.is_focal = 0;
    return plain;
}

LOOPS_OF(binary_crossentropy_logits)
LOOPS_OF(mean_squared_error)
LOOPS_OF(mean_absolute_error)
LOOPS_OF(huber)

/* Those that all others share, which call the formula for each vector; their parameters may be ones that the columns
 * take in turn (rows are whole periods, so that a run of rows is too), and they know a focal loss's smoothing and
 * balance. */
static void keep_any(const loss_run *run, int64_t n) { vec_each(loss_part_kept, run, n); }
static real sum_any(const loss_run *run, int64_t n) { return vec_row_sum_looped(loss_part, run, n); }

#define LOOPED(name) {l_##name, 0, 0, keep_##name, sum_##name}
#define CALLED(name, is_sum, is_focal) {l_##name, is_sum, is_focal, NULL, NULL}
static const elementwise_loss elementwise_losses[FNN_N_LOSSES] = {
    [FNN_BINARY_CROSSENTROPY_LOGITS] = LOOPED(binary_crossentropy_logits),
    [FNN_MEAN_SQUARED_ERROR] = LOOPED(mean_squared_error),
    [FNN_MEAN_ABSOLUTE_ERROR] = LOOPED(mean_absolute_error),
    [FNN_HUBER] = LOOPED(huber),
    [FNN_BINARY_CROSSENTROPY] = CALLED(binary_crossentropy, 0, 0),
    [FNN_LOG_COSH] = CALLED(log_cosh, 0, 0),
    [FNN_POISSON] = CALLED(poisson, 0, 0),
    [FNN_KL_DIVERGENCE] = CALLED(kl_divergence, 1, 0),
    [FNN_HINGE] = CALLED(hinge, 0, 0),
    [FNN_PINBALL] = CALLED(pinball, 0, 0),
    [FNN_POISSON_DEVIANCE] = CALLED(poisson_deviance, 0, 0),
    [FNN_POISSON_DEVIANCE_LOGITS] = CALLED(poisson_deviance_logits, 0, 0),
    [FNN_BINARY_FOCAL_CROSSENTROPY] = CALLED(binary_focal_crossentropy, 0, 1),
    [FNN_BINARY_FOCAL_CROSSENTROPY_LOGITS] = CALLED(binary_focal_crossentropy_logits, 0, 1),
    [FNN_MEAN_ABSOLUTE_PERCENTAGE_ERROR] = CALLED(mean_absolute_percentage_error, 0, 0),
    [FNN_MEAN_SQUARED_LOGARITHMIC_ERROR] = CALLED(mean_squared_logarithmic_error, 0, 0),
    [FNN_SQUARED_HINGE] = CALLED(squared_hinge, 0, 0),
    [FNN_INNER_PRODUCT] = CALLED(inner_product, 1, 0),
};
#undef LOOPED
#undef CALLED

/* Sums over narrow rows: even and odd rows of a run add up apart, because one sum would wait for each addition. */
typedef struct {
    double even, odd;
} run_sums;

static void add_run(const real *terms, int64_t count, run_sums *to) {
    int64_t i = 0;
    for (; i < count - 1; i += 2) to->even += terms[i], to->odd += terms[i + 1];
    if (i < count) to->even += terms[i];
}

/* values[i] = sum of row i's n terms, in their order. */
INLINE void add_terms(const real *terms, int64_t count, const int64_t n, real *values) {
    for (int64_t i = 0; i < count; i++) {
        real value = 0;
        for (int64_t j = 0; j < n; j++) value += terms[i * n + j];
        values[i] = value;
    }
}

/* weight * loss of `count` rows from `first` on. */
static void values_of_rows(const loss_rows *rows, int64_t first, int64_t count, const real *terms, real share,
                           real *values) {
#define ADD(n) add_terms(terms, count, n, values)
    FOR_NARROW(rows->n_out, ADD)
#undef ADD
    for (int64_t i = 0; i < count; i++) values[i] *= share;
    for (int64_t i = 0; rows->weight && i < count; i++) values[i] *= row_weight(rows, first + i);
}

/* Sum of weight * loss over narrow rows [begin, end) of at most NARROW numbers, RUN_LENGTH numbers at a time. */
static double narrow_rows(const elementwise_loss *loss, loss_run *run, const loss_rows *rows, int64_t begin,
                          int64_t end, real share, real scale) {
    real t[RUN_LENGTH], terms[RUN_LENGTH], factors[RUN_LENGTH], values[RUN_LENGTH];
    const int64_t n = rows->n_out, step = RUN_LENGTH / n;
    run_sums sums = {0, 0};
    run->t = t, run->terms = terms, run->factor = vf_set1(scale);
    run->factors = rows->weight ? factors : NULL;
    for (int64_t first = begin; first < end; first += step) {
        const int64_t count = end - first < step ? end - first : step;
        gather_rows(rows, first, count, scale, t, rows->weight ? factors : NULL);
        run->y = rows->y + first * n, run->dy = rows->dy + first * n;
        loss->keep_terms(run, count * n);
        real *of_rows = rows->terms ? rows->terms + first : values;
        values_of_rows(rows, first, count, terms, share, of_rows);
        if (!rows->terms) add_run(values, count, &sums);
    }
    return sums.even + sums.odd;
}

static double wide_rows(const elementwise_loss *loss, loss_run *run, const loss_rows *rows, int64_t begin, int64_t end,
                        real share, real scale) {
    const int64_t n = rows->n_out;
    double total = 0;
    run->factors = NULL;
    for (int64_t i = begin; i < end; i++) {
        const real w = row_weight(rows, i);
        run->t = (const real *)rows->target + target_row(rows, i) * n;
        run->y = rows->y + i * n, run->dy = rows->dy + i * n;
        run->factor = vf_set1(w * scale);
        total = with_term(rows, i, w * (loss->sum_terms(run, n) * share), total);
    }
    return total;
}

/* A focal loss's parameters: gamma, label smoothing, what a yes counts and what a no. */
static double elementwise(const fnn_loss *loss, const loss_rows *rows, int64_t begin, int64_t end, real scale) {
    elementwise_loss made = elementwise_losses[loss->code];
    const double *p = loss->parameters;
    const real share = made.is_sum ? 1 : 1 / (real)loss->n_out;
    real turns[FNN_N_PARAMETERS + LANES];
    loss_run run = {.p = vf_set1((real)p[0]), .formula = made.formula, .is_focal = made.is_focal};
    if (made.is_focal) {
        run.kept = vf_set1((real)(1 - p[1])), run.spread = vf_set1((real)(p[1] / 2));
        run.no = vf_set1((real)p[3]), run.tilt = vf_set1((real)(p[2] - p[3]));
    } else if (loss->n_parameters > 1) {
        run.turns = turns, run.period = loss->n_parameters;
        for (int i = 0; i < loss->n_parameters + LANES; i++) turns[i] = (real)p[i % loss->n_parameters];
    }
    if (!made.keep_terms) made.keep_terms = keep_any, made.sum_terms = sum_any;
    return (rows->n_out < NARROW ? narrow_rows : wide_rows)(&made, &run, rows, begin, end, share, share * scale);
}

#endif
