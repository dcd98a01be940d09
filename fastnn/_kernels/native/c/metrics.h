/* The statistics behind the metrics, as in metrics/statistics.py: rows one by one, in double, in their order. */
#ifndef FNN_METRICS_H
#define FNN_METRICS_H

#include "loss_rows.h"

typedef struct {
    const real *t; /* NULL when the target is a class index */
    const real *y;
    int64_t label, n;
    double w, p;
} metric_row;

/* Index of the first largest number; the first NaN counts as largest. Without branches in between, for which number is
 * largest cannot be foretold. */
static int64_t argmax(const real *a, int64_t n) {
    int64_t best = 0;
    int nans = 0;
    real largest = a[0];
    for (int64_t j = 0; j < n; j++) {
        const int better = a[j] > largest;
        best = better ? j : best;
        largest = better ? a[j] : largest;
        nans |= a[j] != a[j];
    }
    if (!nans) return best;
    best = 0;
    while (a[best] == a[best]) best++;
    return best;
}

static int64_t label_of(const metric_row *row) { return row->t ? argmax(row->t, row->n) : row->label; }

static void add_mean(double *out, double value, double w) {
    out[0] += value * w;
    out[1] += w;
}

static void s_hits(const metric_row *row, double *out) {
    int64_t hits = 0;
    for (int64_t j = 0; j < row->n; j++) {
        const int yes = (double)row->y[j] > row->p;
        hits += (yes & (row->t[j] == 1)) | (!yes & (row->t[j] <= 0));
    }
    add_mean(out, row->n == 1 ? (double)hits : (double)hits / (double)row->n, row->w);
}

static void s_argmax_hits(const metric_row *row, double *out) {
    add_mean(out, label_of(row) == argmax(row->y, row->n), row->w);
}

static void s_top_k_hits(const metric_row *row, double *out) {
    const real hit = row->y[label_of(row)];
    int64_t above = 0;
    for (int64_t j = 0; j < row->n; j++) above += row->y[j] > hit;
    add_mean(out, (double)above < row->p, row->w);
}

static void s_squared_error(const metric_row *row, double *out) {
    double sum = 0;
    for (int64_t j = 0; j < row->n; j++) {
        const double e = row->y[j] - row->t[j];
        sum += e * e;
    }
    add_mean(out, sum / (double)row->n, row->w);
}

static void s_absolute_error(const metric_row *row, double *out) {
    double sum = 0;
    for (int64_t j = 0; j < row->n; j++) {
        const double e = row->y[j] - row->t[j];
        sum += e < 0 ? -e : e;
    }
    add_mean(out, sum / (double)row->n, row->w);
}

/* Column j of the table: true positives, predicted, actual. */
static void add_confusion(const metric_row *row, double *out, int64_t j, int actual, int predicted) {
    out[j] += (actual & predicted) * row->w;
    out[row->n + j] += predicted * row->w;
    out[2 * row->n + j] += actual * row->w;
}

static void s_confusion(const metric_row *row, double *out) {
    for (int64_t j = 0; j < row->n; j++) {
        const int actual = row->t ? row->t[j] > 0 : row->label == j;
        add_confusion(row, out, j, actual, (double)row->y[j] > row->p);
    }
}

static void s_argmax_confusion(const metric_row *row, double *out) {
    const int64_t actual = label_of(row), predicted = argmax(row->y, row->n);
    add_confusion(row, out, actual, 1, predicted == actual);
    add_confusion(row, out, predicted, 0, predicted != actual);
}

/* Column j of the table: weight, mean of targets, their squared deviations from it, squared error. */
static void s_moments(const metric_row *row, double *out) {
    for (int64_t j = 0; j < row->n; j++) {
        const double t = row->t[j], e = t - row->y[j], w = row->w;
        double *weight = out + j, *mean = weight + row->n, *spread = mean + row->n;
        const double from_mean = t - *mean;
        *weight += w;
        if (*weight != 0) *mean += from_mean * (w / *weight);
        *spread += w * from_mean * (t - *mean);
        spread[row->n] += w * (e * e);
    }
}

/* The predictions themselves, behind their count; each followed by its weight where the parameter is 1. */
static void s_predictions(const metric_row *row, double *out) {
    double *next = out + 1 + (int64_t)out[0];
    for (int64_t j = 0; j < row->n; j++) next[j] = row->y[j];
    if (row->p != 0) next[row->n] = row->w;
    out[0] += (double)row->n + (row->p != 0);
}

/* Hits by four rules (halves, signs, equal numbers, largest outputs), the weight, and how many targets speak against
 * the rules: numbers that are not 0 or 1, numbers that are not -1 or 1, rows that have not a single 1 beside zeros. */
static void s_number_hits(const metric_row *row, double *out) {
    int64_t half = 0, sign = 0, equal = 0, ones = 0, zeros = 0, nones = 0;
    for (int64_t j = 0; j < row->n; j++) {
        const real t = row->t[j], y = row->y[j];
        half += (y > (real)0.5) == (t == 1);
        sign += (y > 0) == (t == 1);
        equal += y == t;
        ones += t == 1;
        zeros += t == 0;
        nones += t == -1;
    }
    const double n = (double)row->n, w = row->w;
    out[0] += w * ((double)half / n);
    out[1] += w * ((double)sign / n);
    out[2] += w * ((double)equal / n);
    out[3] += w * (argmax(row->t, row->n) == argmax(row->y, row->n));
    out[4] += w;
    out[5] += n - (double)(ones + zeros);
    out[6] += n - (double)(ones + nones);
    out[7] += row->n == 1 || ones != 1 || zeros != row->n - 1;
}

INLINE void add_rows(void (*statistic)(const metric_row *, double *), const fnn_metric *metric, const loss_rows *rows,
                     int64_t begin, int64_t end, double *out) {
    const int64_t n = rows->n_out;
    for (int64_t i = begin; i < end; i++) {
        const int64_t at = target_row(rows, i);
        metric_row row = {.y = rows->y + i * n, .n = n, .p = metric->parameter};
        row.w = metric->weighted ? row_weight(rows, i) : row_counts(rows, i);
        if (rows->sparse)
            row.label = ((const int32_t *)rows->target)[at];
        else
            row.t = (const real *)rows->target + at * n;
        statistic(&row, out);
    }
}

/* Adds rows [begin, end) to the metric's part of sums; most metrics share a loop that calls for each row. */
static void add_stretch(const fnn_metric *metric, const loss_rows *rows, int64_t begin, int64_t end, double *sums) {
    static void (*const others[FNN_N_STATISTICS])(const metric_row *,
                                                  double *) = {[FNN_TOP_K_HITS] = s_top_k_hits,
                                                               [FNN_SQUARED_ERROR] = s_squared_error,
                                                               [FNN_ABSOLUTE_ERROR] = s_absolute_error,
                                                               [FNN_CONFUSION] = s_confusion,
                                                               [FNN_ARGMAX_CONFUSION] = s_argmax_confusion,
                                                               [FNN_MOMENTS] = s_moments,
                                                               [FNN_PREDICTIONS] = s_predictions,
                                                               [FNN_NUMBER_HITS] = s_number_hits};
    double *out = sums + metric->first;
    switch (metric->statistic) {
    case FNN_HITS: add_rows(s_hits, metric, rows, begin, end, out); break;
    case FNN_ARGMAX_HITS: add_rows(s_argmax_hits, metric, rows, begin, end, out); break;
    default: add_rows(others[metric->statistic], metric, rows, begin, end, out);
    }
}

/* The same of those rows that count, or to keep them of all. */
static void add_statistic(const fnn_metric *metric, const loss_rows *rows, int64_t begin, int64_t end, double *sums) {
    for (int64_t first = begin, last; first < end; first = last) {
        last = stretch_end(rows, first, end);
        if (row_counts(rows, first) || metric->statistic == FNN_PREDICTIONS)
            add_stretch(metric, rows, first, last, sums);
    }
}

#endif
