/* The parts of a batch that the batch_norm op measures, and what is made of one: a part of batch_norm.h.
 *
 * With a mask a part has NORM_PART rows that count, and all others up to the next that does: so what stands in those,
 * and how many they are, changes no bit. They have no share in what is measured. On the way back their gradients count,
 * since their numbers were centred by what the others measure; where such a gradient is 0, no number is looked at. */
#ifndef FNN_OPS_BATCH_NORM_PARTS_H
#define FNN_OPS_BATCH_NORM_PARTS_H

#include "arrays.h"
#include "columns_of_rows.h"

enum { NORM_PART = 256 };
enum { NORM_SAMPLES, NORM_MASKED };

/* Rows [first, first + rows) of the block, and the part's place among all. */
typedef struct {
    int64_t first, rows, number;
    int64_t counted, lead; /* rows that count, and the first of them */
    const real *mask;      /* of the block; NULL where all rows of the part count */
} norm_part;

/* 0 for rows that do not count, or NULL. */
static const real *norm_mask(const fnn_op *op, const fnn_model *model, const fnn_block *block) {
    return op->geometry[NORM_MASKED] ? op_x(op, model, block, 1) : NULL;
}

static int64_t norm_counted(const fnn_op *op, const fnn_model *model, const fnn_block *block) {
    const real *mask = norm_mask(op, model, block);
    int64_t rows = block->rows * op->repeat, counted = 0;
    for (int64_t i = 0; mask && i < rows; i++) counted += mask[i] != 0;
    return mask ? at_least(counted, 1) : rows;
}

/* The part that begins at a row, and ends at the latest before `end`. */
static void run_part(const real *mask, int64_t first, int64_t end, norm_part *part) {
    int64_t at = first;
    part->first = part->lead = first, part->counted = 0;
    for (; mask && at < end; at++) {
        if (mask[at] == 0) continue;
        if (part->counted == NORM_PART) break;
        if (part->counted++ == 0) part->lead = at;
    }
    part->rows = mask ? at - first : end - first;
    if (!mask) part->counted = part->rows;
    part->mask = part->counted < part->rows ? mask : NULL;
}

/* Parts that the rows of `samples` samples make, at most. */
static int64_t norm_parts(const fnn_op *op) {
    return (op->geometry[NORM_SAMPLES] * op->repeat + NORM_PART - 1) / NORM_PART;
}

static int64_t norm_parts_of(const fnn_op *op, int64_t samples) {
    return (samples + op->geometry[NORM_SAMPLES] - 1) / op->geometry[NORM_SAMPLES] * norm_parts(op);
}

/* The i-th part of the block, in place of the one before it. */
static void next_part(const fnn_op *op, const fnn_block *block, const real *mask, int64_t i, norm_part *part) {
    const int64_t parts = norm_parts(op), unit = op->geometry[NORM_SAMPLES] * op->repeat;
    const int64_t end = at_most((i / parts + 1) * unit, block->rows * op->repeat);
    const int64_t behind = mask && i % parts ? part->first + part->rows : i / parts * unit + i % parts * NORM_PART;
    const int64_t first = at_most(behind, end);
    run_part(mask, first, mask ? end : at_most(first + NORM_PART, end), part);
    part->number = i;
}

/* Where not all rows of the part count, those that do go into the index. */
static void index_part(const norm_part *part, int64_t *index) {
    if (!part->mask) return;
    for (int64_t i = part->lead, k = 0; k < part->counted; i++)
        if (part->mask[i] != 0) index[k++] = i;
}

/* Of some columns of the block, whose first row is x; at least one row counts. */
INLINE column_moments part_moments(const norm_part *part, const int64_t *index, const real *x, int64_t n, int some) {
    if (part->mask) return moments_of_columns(x, n, index, part->counted, some);
    return moments_of_columns(x + part->first * n, n, NULL, part->rows, some);
}

/* Those that do not count: their gradients, by numbers that are looked at where there is one. */
INLINE void add_others(column_sums *sums, const norm_part *part, const real *x, const real *dy, vf mean, int64_t n,
                       int some) {
    for (int64_t i = part->first; i < part->first + part->rows; i++) {
        if (part->mask[i] != 0) continue;
        const vf slope = vec_load(dy + i * n, some);
        const vf apart = vf_sub(vec_load(x + i * n, some), mean);
        sums->total = vf_add(sums->total, slope);
        sums->along = vf_fma(slope, vf_select(vf_eq(slope, vf_zero()), vf_zero(), apart), sums->along);
    }
}

INLINE column_sums part_sums(const norm_part *part, const int64_t *index, const real *x, const real *dy, vf mean,
                             int64_t n, int some) {
    const int64_t at = part->first * n;
    if (!part->mask) return sums_of_columns(x + at, dy + at, mean, n, NULL, part->rows, some);
    column_sums sums = sums_of_columns(x, dy, mean, n, index, part->counted, some);
    add_others(&sums, part, x, dy, mean, n, some);
    return sums;
}

#endif
