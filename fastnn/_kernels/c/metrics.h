/* The statistics behind the metrics, as in metrics.py: rows one by one, in double, in their order. */
#ifndef FNN_METRICS_H
#define FNN_METRICS_H

#include "kernels.h"
#include "vec.h"

/* The rows of a block as its loss and its statistics see them. */
typedef struct {
    const void *target;     /* (n_samples, repeat, n_out), or int32 (n_samples, repeat) when sparse */
    const real *weight;     /* (n_samples,) or NULL for ones */
    const int32_t *samples; /* of the block's samples, their place in target and weight */
    real *y, *dy;           /* (rows of the block, n_out) */
    int64_t n_out, repeat;
    int sparse;
    real smoothing; /* of the categorical cross-entropies' dense targets */
    real gamma;     /* of the categorical focal losses */
} loss_rows;

static inline real row_weight(const loss_rows *rows, int64_t i) {
    return rows->weight ? rows->weight[rows->samples[rows->repeat == 1 ? i : i / rows->repeat]] : 1;
}

static inline int64_t target_row(const loss_rows *rows, int64_t i) {
    const int64_t repeat = rows->repeat;
    return repeat == 1 ? rows->samples[i] : rows->samples[i / repeat] * repeat + i % repeat;
}

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
    for (int64_t j = 0; j < row->n; j++) add_confusion(row, out, j, row->t[j] > 0, (double)row->y[j] > row->p);
}

static void s_argmax_confusion(const metric_row *row, double *out) {
    const int64_t actual = label_of(row), predicted = argmax(row->y, row->n);
    add_confusion(row, out, actual, 1, predicted == actual);
    add_confusion(row, out, predicted, 0, predicted != actual);
}

/* Column j of the table: weight, sum, sum of squares, squared error. */
static void s_moments(const metric_row *row, double *out) {
    for (int64_t j = 0; j < row->n; j++) {
        const double t = row->t[j], e = t - row->y[j];
        out[j] += row->w;
        out[row->n + j] += row->w * t;
        out[2 * row->n + j] += row->w * t * t;
        out[3 * row->n + j] += row->w * (e * e);
    }
}

/* Histograms of y (negatives, then positives) with FNN_N_THRESHOLDS bins an output. */
static void s_roc(const metric_row *row, double *out) {
    for (int64_t j = 0; j < row->n; j++) {
        const real place = row->y[j] * FNN_N_THRESHOLDS;
        const int64_t bin = place < FNN_N_THRESHOLDS - 1 ? (place >= 1 ? (int64_t)place : 0) : FNN_N_THRESHOLDS - 1;
        const int64_t column = (row->t[j] > 0 ? row->n : 0) + j;
        out[column * FNN_N_THRESHOLDS + (place == place ? bin : 0)] += row->w;
    }
}

INLINE void add_rows(void (*statistic)(const metric_row *, double *), const fnn_metric *metric, const loss_rows *rows,
                     int64_t begin, int64_t end, double *out) {
    const int64_t n = rows->n_out;
    for (int64_t i = begin; i < end; i++) {
        const int64_t at = target_row(rows, i);
        metric_row row = {.y = rows->y + i * n, .n = n, .p = metric->parameter};
        row.w = metric->weighted ? row_weight(rows, i) : 1;
        if (rows->sparse)
            row.label = ((const int32_t *)rows->target)[at];
        else
            row.t = (const real *)rows->target + at * n;
        statistic(&row, out);
    }
}

/* Adds rows [begin, end) to the metric's part of sums. */
static void add_statistic(const fnn_metric *metric, const loss_rows *rows, int64_t begin, int64_t end, double *sums) {
    double *out = sums + metric->first;
    switch (metric->statistic) {
    case FNN_HITS: add_rows(s_hits, metric, rows, begin, end, out); break;
    case FNN_ARGMAX_HITS: add_rows(s_argmax_hits, metric, rows, begin, end, out); break;
    case FNN_TOP_K_HITS: add_rows(s_top_k_hits, metric, rows, begin, end, out); break;
    case FNN_SQUARED_ERROR: add_rows(s_squared_error, metric, rows, begin, end, out); break;
    case FNN_ABSOLUTE_ERROR: add_rows(s_absolute_error, metric, rows, begin, end, out); break;
    case FNN_CONFUSION: add_rows(s_confusion, metric, rows, begin, end, out); break;
    case FNN_ARGMAX_CONFUSION: add_rows(s_argmax_confusion, metric, rows, begin, end, out); break;
    case FNN_MOMENTS: add_rows(s_moments, metric, rows, begin, end, out); break;
    case FNN_ROC: add_rows(s_roc, metric, rows, begin, end, out); break;
    }
}

#endif
