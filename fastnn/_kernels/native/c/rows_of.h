/* The rows of a block, from where a fit's data lie; and memory asked for those to come. */
#ifndef FNN_ROWS_OF_H
#define FNN_ROWS_OF_H

#include "passes.h"
#include "prefetch.h"

enum {
    FETCH_AHEAD = 32,     /* places in the order between the row at hand and the one memory is asked for */
    FETCH_ABOVE = 1 << 20 /* bytes of x; fewer stay in the second-level cache */
};

/* All rows, and the order in which they train. */
typedef struct {
    const fnn_network *network;
    const fnn_data *data;
    const int32_t *order;
    int64_t n_samples;
} given_rows;

/* Numbers from one row of an input to the next, or from one step to the next where windows have starts. */
static inline int64_t pitch_of(const given_rows *g, int input) {
    const int64_t pitch = g->data->sources[input].pitch;
    return pitch ? pitch : g->network->model.values[input].size;
}

/* Bytes of an input: of sparse rows what they keep, of windows at least so many. */
static inline int64_t bytes_of(const given_rows *g, int input) {
    const fnn_source *x = &g->data->sources[input];
    const int64_t size = g->network->kernels->item_size, n = g->n_samples;
    if (are_compressed(x)) return (x->starts[n] - x->starts[0]) * (size + (int64_t)sizeof(int32_t));
    return n * pitch_of(g, input) * size;
}

/* Where a row begins must have come before memory can be asked for the row: it is asked for twice as far ahead. */
static inline void fetch_starts(const given_rows *g, const fnn_source *x, const int32_t *first, int64_t n_rows) {
    const int64_t further = at_most(n_rows, g->order + g->n_samples - first - FETCH_AHEAD);
    fnn_fetch_rows(x->starts, sizeof(int64_t), first + FETCH_AHEAD, further);
}

/* Dense rows and windows to come. */
static inline void fetch_dense(const given_rows *g, int input, const int32_t *first, int64_t n_rows) {
    const fnn_source *x = &g->data->sources[input];
    const int64_t size = g->network->kernels->item_size, pitch_bytes = pitch_of(g, input) * size;
    const int64_t row_bytes = g->network->model.values[input].size * size;
    for (int64_t i = 0; i < n_rows; i++)
        fnn_fetch(x->x, (x->starts ? x->starts[first[i]] : first[i]) * pitch_bytes, row_bytes);
}

static inline void fetch_sparse(const given_rows *g, const fnn_source *x, const int32_t *first, int64_t n_rows) {
    const int64_t size = g->network->kernels->item_size;
    for (int64_t i = 0; i < n_rows; i++) {
        const int64_t begin = x->starts[first[i]], n = x->starts[first[i] + 1] - begin;
        fnn_fetch(x->values, begin * size, n * size);
        fnn_fetch(x->columns, begin * (int64_t)sizeof(int32_t), n * (int64_t)sizeof(int32_t));
    }
}

/* Targets and weights of rows to come. */
static inline void fetch_answers(const given_rows *g, const int32_t *first, int64_t n_rows) {
    const fnn_model *model = &g->network->model;
    const int64_t size = g->network->kernels->item_size;
    for (int i = 0; i < model->header->n_losses; i++) {
        const fnn_loss *loss = &model->losses[i];
        const int64_t bytes =
            loss->sparse ? loss->repeat * (int64_t)sizeof(int32_t) : loss->repeat * loss->n_out * size;
        fnn_fetch_rows(g->data->answers[i].target, bytes, first, n_rows);
        if (g->data->answers[i].weight) fnn_fetch_rows(g->data->answers[i].weight, size, first, n_rows);
    }
}

/* Ask memory for as many rows of the data as a thread's share has, some places later in the order. */
static inline void fetch_ahead(const given_rows *g, int input, const int32_t *rows, range own) {
    const fnn_source *x = &g->data->sources[input];
    const int32_t *first = rows + own.begin + FETCH_AHEAD;
    const int64_t n_rows = at_most(own.end - own.begin, g->order + g->n_samples - first);
    if (x->starts) fetch_starts(g, x, first, n_rows);
    if (are_compressed(x))
        fetch_sparse(g, x, first, n_rows);
    else
        fetch_dense(g, input, first, n_rows);
    if (input == 0) fetch_answers(g, first, n_rows);
}

/* Whether rows follow each other in the data. */
static inline int are_adjacent(const int32_t *rows, int64_t n_rows) {
    int64_t i = 1;
    while (i < n_rows && rows[i] == rows[0] + i) i++;
    return i == n_rows;
}

/* The block's rows of an input: where they are when they lie there and follow each other, else written into the
 * workspace, each thread its share. */
static inline const void *rows_of(const given_rows *g, int input, const int32_t *rows, int64_t n_rows, int adjacent,
                                  range own) {
    const fnn_source *x = &g->data->sources[input];
    const fnn_value *value = &g->network->model.values[input];
    const int64_t row_bytes = value->size * g->network->kernels->item_size;
    const int is_scattered = !adjacent || n_rows == 1; /* else the processor sees what comes next */
    if (is_scattered && bytes_of(g, input) > FETCH_ABOVE) fetch_ahead(g, input, rows, own);
    if (adjacent && lie_as_rows(x)) return (const char *)x->x + rows[0] * row_bytes;
    char *gathered = number_at(g->network, g->network->model.workspace, value->offset);
    write_rows(g->network, x, rows + own.begin, own.end - own.begin, value->size, gathered + own.begin * row_bytes);
    return gathered;
}

/* The block's rows of all inputs, a thread's share of those that are written; `inputs` has room for them. */
static inline void gather_inputs(const given_rows *g, fnn_block *block, const int32_t *rows, range own,
                                 const void **inputs) {
    const int adjacent = are_adjacent(rows, block->rows);
    block->inputs = inputs;
    for (int i = 0; i < g->network->model.header->n_inputs; i++)
        inputs[i] = rows_of(g, i, rows, block->rows, adjacent, own);
    fnn_lap_of(block->clock, FNN_GATHER);
}

#endif
