/* The loss of a block: values, gradients, statistics, and the activation that the loss took over.
 *
 * A row here is one position of a sample: samples have `repeat` of them. Losses add up in double, in an order that
 * is the same on every instruction set.
 */
#ifndef FNN_LOSSES_H
#define FNN_LOSSES_H

#include "elementwise_losses.h"
#include "focal.h"
#include "narrow_crossentropy.h"
#include "row_losses.h"

/* with_term of rows [begin, end). */
INLINE double rowwise(real (*entropy)(entropy_row *, int64_t), const loss_rows *rows, int64_t begin, int64_t end,
                      real scale, int store_share, double total) {
    const int64_t n = rows->n_out;
    for (int64_t i = begin; i < end; i++) {
        const int64_t at = target_row(rows, i);
        const real w = row_weight(rows, i);
        entropy_row row = {.y = rows->y + i * n, .dy = rows->dy + i * n, .store_share = store_share};
        if (rows->sparse)
            row.label = ((const int32_t *)rows->target)[at];
        else
            row.t = (const real *)rows->target + at * n;
        row.factor = vf_set1(w * scale);
        row.kept = vf_set1(1 - rows->smoothing), row.spread = vf_set1(rows->smoothing / (real)n);
        row.gamma = vf_set1(rows->gamma), row.alpha = vf_set1(rows->alpha), row.alphas = rows->alphas;
        total = with_term(rows, i, w * entropy(&row, n), total);
    }
    return total;
}

static double entropies_of_logits(const loss_rows *rows, int64_t begin, int64_t end, real scale, int store_share) {
    double total = 0;
    for (; rows->n_out <= NARROW && end - begin >= FEW_ROWS; begin += LANES)
        total =
            narrow_entropies(rows, begin, end - begin < LANES ? (int)(end - begin) : LANES, scale, store_share, total);
    return rowwise(entropy_of_logits, rows, begin, end, scale, store_share, total);
}

/* Losses along rows that few networks have. */
static RARE double rowwise_rare(const fnn_loss *loss, const loss_rows *rows, int64_t begin, int64_t end, real scale) {
    switch (loss->code) {
    case FNN_CATEGORICAL_CROSSENTROPY:
    case FNN_SPARSE_CATEGORICAL_CROSSENTROPY: return rowwise(entropy_of_shares, rows, begin, end, scale, 0, 0);
    case FNN_CATEGORICAL_FOCAL_CROSSENTROPY:
    case FNN_SPARSE_CATEGORICAL_FOCAL_CROSSENTROPY: return rowwise(focal_of_shares, rows, begin, end, scale, 0, 0);
    case FNN_CATEGORICAL_FOCAL_CROSSENTROPY_LOGITS:
    case FNN_SPARSE_CATEGORICAL_FOCAL_CROSSENTROPY_LOGITS:
        return rowwise(focal_of_logits, rows, begin, end, scale, loss->fused == FNN_SOFTMAX, 0);
    case FNN_CATEGORICAL_HINGE: return rowwise(categorical_hinge, rows, begin, end, scale, 0, 0);
    case FNN_COSINE_SIMILARITY: return rowwise(cosine_similarity, rows, begin, end, scale, 0, 0);
    }
    return 0;
}

/* Sum of weight * loss over rows [begin, end), or 0 and their terms; fills their dy.
 *
 * Design: loops of their own for the losses of most networks; the others share one that calls the formula for each
 * vector. With loops for each of them, run_loss was a fifth of the whole module. */
static double run_loss(const fnn_loss *loss, const loss_rows *rows, int64_t begin, int64_t end, real scale) {
    if (elementwise_losses[loss->code].formula) return elementwise(loss, rows, begin, end, scale);
    switch (loss->code) {
    case FNN_CATEGORICAL_CROSSENTROPY_LOGITS:
    case FNN_SPARSE_CATEGORICAL_CROSSENTROPY_LOGITS:
        return entropies_of_logits(rows, begin, end, scale, loss->fused == FNN_SOFTMAX);
    }
    return rowwise_rare(loss, rows, begin, end, scale);
}

/* The same of those rows that count; the others have no gradient, and a softmax that the loss took over acts there. */
static double run_stretches(const fnn_loss *loss, const loss_rows *rows, int64_t begin, int64_t end, real scale) {
    const int64_t n = rows->n_out;
    double total = 0;
    for (int64_t first = begin, last; first < end; first = last) {
        real *y = rows->y + first * n;
        last = stretch_end(rows, first, end);
        if (row_counts(rows, first)) {
            total += run_loss(loss, rows, first, last, scale);
            continue;
        }
        memset(rows->dy + first * n, 0, (size_t)((last - first) * n) * sizeof(real));
        if (loss->fused == FNN_SOFTMAX) fnn_activate(FNN_SOFTMAX, 0, last - first, n, y, y);
    }
    return total;
}

/* The sum of rows [begin, end) from the terms that run_loss has left, added in its order. */
static double sum_of_terms(const fnn_loss *loss, const loss_rows *rows, int64_t begin, int64_t end) {
    double total = 0;
    if (elementwise_losses[loss->code].formula && rows->n_out < NARROW) {
        const int64_t step = RUN_LENGTH / rows->n_out;
        run_sums sums = {0, 0};
        for (int64_t i = begin; i < end; i += step) add_run(rows->terms + i, at_most(end - i, step), &sums);
        return sums.even + sums.odd;
    }
    for (int64_t i = begin; i < end; i++) total += rows->terms[i];
    return total;
}

static double sum_of_stretches(const fnn_loss *loss, const loss_rows *rows, int64_t begin, int64_t end) {
    double total = 0;
    for (int64_t first = begin, last; first < end; first = last) {
        last = stretch_end(rows, first, end);
        if (row_counts(rows, first)) total += sum_of_terms(loss, rows, first, last);
    }
    return total;
}

/* The label smoothing of a row's dense target. */
static double smoothing_of(const fnn_loss *loss) {
    switch (loss->code) {
    case FNN_CATEGORICAL_CROSSENTROPY:
    case FNN_CATEGORICAL_CROSSENTROPY_LOGITS: return loss->parameters[0];
    case FNN_CATEGORICAL_FOCAL_CROSSENTROPY:
    case FNN_CATEGORICAL_FOCAL_CROSSENTROPY_LOGITS: return loss->parameters[1];
    }
    return 0;
}

/* The rows of one output as its loss and statistics see them. */
static loss_rows rows_of_loss(const fnn_model *model, const fnn_loss *loss, const fnn_answer *answer,
                              const int32_t *samples, real *alphas) {
    for (int i = 2; i < loss->n_parameters; i++) alphas[i - 2] = (real)loss->parameters[i];
    const fnn_value *output = &model->values[loss->output];
    const fnn_value *mask = loss->mask >= 0 ? &model->values[loss->mask] : NULL;
    return (loss_rows){.target = answer->target,
                       .weight = answer->weight,
                       .samples = samples,
                       .y = (real *)model->workspace + output->offset,
                       .dy = (real *)model->workspace + output->grad,
                       .n_out = loss->n_out,
                       .repeat = loss->repeat,
                       .sparse = loss->sparse,
                       .smoothing = (real)smoothing_of(loss),
                       .gamma = (real)loss->parameters[0],
                       .alpha = (real)loss->parameters[2],
                       .alphas = loss->n_parameters > 3 ? alphas : NULL,
                       .mask = mask ? (real *)model->workspace + mask->offset : NULL,
                       .group = mask ? loss->repeat / mask->size : 1};
}

/* What run_stretches gives for rows [first, last) of [begin, end), which are all that a balance is of. */
static double loss_slopes(const fnn_model *model, const fnn_loss *loss, const loss_rows *rows, const fnn_share *of,
                          double scale) {
    const int64_t n = loss->n_out, first = of->first * loss->repeat, last = of->last * loss->repeat;
    const double balance =
        balance_of(loss, model->header->divisor, rows, of->begin * loss->repeat, of->end * loss->repeat);
    const double factor = loss->factor * scale / (double)loss->repeat;
    const double total = run_stretches(loss, rows, first, last, (real)(factor * balance));
    if (loss->fused >= 0 && loss->fused != FNN_SOFTMAX)
        fnn_activate(loss->fused, 0, last - first, n, rows->y + first * n, rows->y + first * n);
    return total * balance / (double)loss->repeat;
}

static void add_loss(const fnn_loss *loss, double total, double *sums) {
    sums[0] += loss->factor * total;
    if (loss->place) sums[loss->place] += total;
}

static void add_statistics(const fnn_model *model, const fnn_answer *answers, const int32_t *samples, int64_t begin,
                           int64_t end, double *sums) {
    real alphas[FNN_N_PARAMETERS];
    for (int i = 0; i < model->header->n_metrics; i++) {
        const fnn_metric *metric = &model->metrics[i];
        const fnn_loss *loss = &model->losses[metric->loss];
        const loss_rows rows = rows_of_loss(model, loss, &answers[metric->loss], samples, alphas);
        add_statistic(metric, &rows, begin * loss->repeat, end * loss->repeat, sums);
    }
}

static void loss_kernel(const fnn_model *model, const fnn_answer *answers, const int32_t *samples, int64_t begin,
                        int64_t end, double scale, double *sums) {
    real alphas[FNN_N_PARAMETERS];
    const fnn_share all = {begin, end, begin, end};
    for (int i = 0; i < model->header->n_losses; i++) {
        const loss_rows rows = rows_of_loss(model, &model->losses[i], &answers[i], samples, alphas);
        add_loss(&model->losses[i], loss_slopes(model, &model->losses[i], &rows, &all, scale), sums);
    }
    add_statistics(model, answers, samples, begin, end, sums);
}

/* The terms of a loss behind those of the losses before it. */
static real *next_terms(const fnn_model *model, const fnn_loss *loss, real *terms) {
    return terms + model->header->block_rows * loss->repeat;
}

static void slopes_kernel(const fnn_model *model, const fnn_answer *answers, const int32_t *samples,
                          const fnn_share *share, double scale, void *terms) {
    real alphas[FNN_N_PARAMETERS];
    for (int i = 0; i < model->header->n_losses; i++) {
        loss_rows rows = rows_of_loss(model, &model->losses[i], &answers[i], samples, alphas);
        rows.terms = terms;
        loss_slopes(model, &model->losses[i], &rows, share, scale);
        terms = next_terms(model, &model->losses[i], terms);
    }
}

static void sums_kernel(const fnn_model *model, const fnn_answer *answers, const int32_t *samples, int64_t begin,
                        int64_t end, void *terms, int only_first, double *sums) {
    real alphas[FNN_N_PARAMETERS];
    for (int i = 0; i < model->header->n_losses; i++) {
        const fnn_loss *loss = &model->losses[i];
        loss_rows rows = rows_of_loss(model, loss, &answers[i], samples, alphas);
        const int64_t first = begin * loss->repeat, last = end * loss->repeat;
        rows.terms = terms;
        const double balance = balance_of(loss, model->header->divisor, &rows, first, last);
        const double total = sum_of_stretches(loss, &rows, first, last) * balance / (double)loss->repeat;
        if (only_first)
            sums[0] += loss->factor * total;
        else
            add_loss(loss, total, sums);
        terms = next_terms(model, loss, terms);
    }
    if (!only_first) add_statistics(model, answers, samples, begin, end, sums);
}

#endif
