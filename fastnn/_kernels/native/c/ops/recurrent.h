/* What the recurrent ops share: sequences, their arrays, and kernels in panels; recurrent_walk.h goes over the steps.
 *
 * Some samples go through all steps together, so that kernels and states stay in the cache. Those with a mask stand in
 * the order of their first steps that count, or of their last ones, and a step is made for the first samples alone:
 * none goes on behind its last one, or before its first one. What the way back wants of a step stands in the op's room,
 * sample by sample, at the step's place in the input: the cell's numbers, which their gradients replace, the states
 * before the step, with dropout what was read of h and, where an activation's slope does not follow number by number
 * from what it gives, the gates before their activations. So dx and the gradients of both kernels are each one product
 * over all steps, or with a mask over each run of steps that count.
 *
 * Design: kernels are copied into panels once a call, which pays from the second step on; gates wait in scratch memory
 * and not in the room, whose rows may lie multiples of a page apart. */
#ifndef FNN_OPS_RECURRENT_H
#define FNN_OPS_RECURRENT_H

#include <string.h>

#include "activations.h"
#include "dropout.h"
#include "gemm_packed.h"
#include "optimizers.h"
#include "scratch.h"
#include "windows.h"

#define TOGETHER 48        /* samples; whole tiles of any ISA */
#define RECURRENT_SHARD 16 /* samples whose parts of the parameters' gradients are one sum, see _ops/recurrent.py */
#define SHORT_GAP 5        /* steps that do not count between some that do: zeros there take less than a run's end */

enum { READS_BACK, WRITES_BACK, SEQUENCES, STATES, MASKED, ZEROS, STARTED, GATE, VARIANT, KEEPS_Z };

typedef struct sequences sequences;

/* One kind of cell. Steps are at a place of the input; both ways read and write the scratch arrays of `sequences`. */
typedef struct {
    int gates, states, kept; /* times n_out: columns of kernels, states, numbers of a step beside them */
    int split;               /* gates that read the state; the others come behind them */
    void (*step)(const sequences *, int64_t at);
    void (*step_back)(const sequences *, int64_t at);
    /* Of the gates behind split: at a step's numbers, what is multiplied with the state's kernel, and its gradients. */
    void (*rest)(const sequences *, const real *kept, const real **read, const real **dz);
} cell;

/* A kernel (k, n), in panels of `width` columns that lie behind each other, with dense rows b_row apart. */
typedef struct {
    const real *b;
    int64_t k, n, b_row, width;
} kernel_panels;

/* Samples that go through all steps together. */
struct sequences {
    const fnn_op *op;
    const fnn_model *model;
    const fnn_block *block;
    const cell *cell;
    int64_t all, rows;      /* the samples that go together, and those that a step is made for, the first ones */
    int64_t *sample;        /* (all,) which they are in the block */
    int64_t *begins, *ends; /* (all,) how many steps go by to the first that counts, and to the last of them */
    int late;               /* they stand in the order of begins, else of ends, the latest first */
    int64_t steps, n_in, n;
    int64_t columns, stride; /* of the kernels; numbers of a step in the room */
    int usual;               /* the activations are tanh and sigmoid */
    const real *x, *mask, *b;
    real *kept, *factors; /* NULL in prediction, and without dropout */
    real *y;              /* of all samples, or its gradient */
    int64_t y_size;       /* numbers of a sample */
    /* Kernels of the gates before split, and of those behind; where joined, the input's first one stands above the
     * state's. */
    kernel_panels of_x[2], of_state[2];
    int joined;
    const real *start; /* where the gates before split begin: the bias, or NULL */
    /* Scratch arrays, (rows, n_out) unless said otherwise. */
    real *z, *part;     /* (rows, columns) */
    real *both;         /* (rows, n_in + n_out) of a step: what is read of the input and of h, if joined */
    real *h, *c, *read; /* rows of h are h_row apart, those of read read_row; read is h without dropout */
    int64_t h_row, read_row;
    real *dh, *dc, *out; /* gradients of the states, and of outputs that masked steps repeat */
    real *dread;
    real *seen; /* (rows,) whether some step has counted */
};

static int64_t panel_size(int64_t k, int64_t n) { return k * rounded_up(n, TILE_WIDTH); }

/* Numbers of scratch memory that kernels take, and the arrays of so many samples, each with a gap behind it. */
static int64_t kernels_size(const fnn_op *op, const cell *cell) {
    const int64_t n = op->n_out, columns = cell->gates * n, split = cell->split * n;
    const int64_t there = panel_size(op->n_in + n, split) + panel_size(op->n_in + n, columns - split);
    const int64_t back = panel_size(columns, at_least(n, op->n_in)), sums = (op->n_in + n + 2) * columns;
    return at_least(at_least(there, back), sums);
}

static int64_t arrays_size(const fnn_op *op, const cell *cell, int64_t rows) {
    return rows * ((2 * cell->gates + 7) * op->n_out + op->n_in + 1) + cell->gates * op->n_out + 16 * LOGICAL_LANES;
}

static size_t recurrent_scratch(const fnn_op *op, const cell *cell) {
    return (size_t)(kernels_size(op, cell) + arrays_size(op, cell, TOGETHER)) * sizeof(real);
}

/* The next numbers of scratch memory, from a new cache line on. */
static real *take_room(real **room, int64_t numbers) {
    real *taken = *room;
    *room += rounded_up(numbers, LOGICAL_LANES);
    return taken;
}

/* Whether kernels are worth a copy. Few rows have tiles wider than panels. */
static int in_panels(const fnn_op *op, int64_t rows) { return rows > FLAT_ROWS && op->repeat > 1; }

static kernel_panels panels_of(const real *b, int64_t k, int64_t n, int64_t b_row, int copies, real **room) {
    if (!copies) return (kernel_panels){b, k, n, b_row, n};
    real *to = take_room(room, panel_size(k, n));
    const product all = {.n = n, .k = k, .b = b, .b_row = b_row};
    pack_b(&all, 0, k, 0, n, to);
    return (kernel_panels){to, k, n, TILE_WIDTH, TILE_WIDTH};
}

/* Two kernels of as many columns, the second one's rows below the first one's. */
static kernel_panels stacked_panels(const real *w, int64_t above, const real *u, int64_t below, int64_t n,
                                    int64_t b_row, real **room) {
    real *to = take_room(room, panel_size(above + below, n));
    for (int64_t j = 0; j < n; j += TILE_WIDTH) {
        const product one = {.b = w + j, .b_row = b_row}, other = {.b = u + j, .b_row = b_row};
        real *panel = to + j * (above + below);
        pack_b(&one, 0, above, 0, at_most(n - j, TILE_WIDTH), panel);
        pack_b(&other, 0, below, 0, at_most(n - j, TILE_WIDTH), panel + above * TILE_WIDTH);
    }
    return (kernel_panels){to, above + below, n, TILE_WIDTH, TILE_WIDTH};
}

/* The transpose of b (n, k). */
static kernel_panels turned_panels(const real *b, int64_t k, int64_t n, int64_t b_row, int copies, real **room) {
    real *to = take_room(room, panel_size(k, n));
    if (!copies) {
        transpose(n, k, b, b_row, to, n);
        return (kernel_panels){to, k, n, n, n};
    }
    const product all = {.n = n, .k = k, .b = b, .b_row = b_row, .b_transposed = 1};
    pack_b(&all, 0, k, 0, n, to);
    return (kernel_panels){to, k, n, TILE_WIDTH, TILE_WIDTH};
}

/* p's sums over the kernel; n, k and b are the kernel's. */
static void multiply_panels(const kernel_panels *by, product p) {
    p.k = by->k, p.b_row = by->b_row, p.a_column = 1;
    for (int64_t j = 0; j < by->n; j += by->width, p.c += by->width) {
        p.n = at_most(by->n - j, by->width), p.b = by->b + j * by->k;
        multiply_in_place(&p);
        if (p.start) p.start += by->width;
    }
}

static int is_usual(const fnn_op *op) {
    return op->activation == FNN_TANH && (op->kind == FNN_SIMPLE_RNN || op->geometry[GATE] == FNN_SIGMOID);
}

/* What is the same for all samples of a call. */
static sequences sequences_of(const fnn_op *op, const fnn_model *model, const fnn_block *block, const cell *cell) {
    const int64_t n = op->n_out, z = op->geometry[KEEPS_Z] ? cell->gates : 0;
    const int64_t per_step = (cell->kept + cell->states + (op->rate > 0) + z) * n;
    sequences s = {
        .op = op, .model = model, .block = block, .cell = cell, .steps = op->repeat, .n_in = op->n_in, .n = n};
    s.columns = cell->gates * n, s.stride = per_step, s.usual = is_usual(op);
    s.x = op_x(op, model, block, 0);
    s.mask = op->geometry[MASKED] ? op_x(op, model, block, 1) : NULL;
    s.b = op->b < 0 ? NULL : (const real *)model->params + op->b;
    s.y_size = model->values[op->output].size;
    if (op->room < 0) return s;
    s.kept = place(model, op->room);
    if (op->rate > 0) s.factors = s.kept + model->header->block_rows * s.steps * per_step;
    return s;
}

/* A lap ends: of the products, or of the gates between them. */
static void lap_of_step(const sequences *s, enum fnn_part part) { fnn_lap_of_op(s->block, s->model, s->op, part); }

static real *kept_at(const sequences *s, int64_t r, int64_t at) {
    return s->kept + (s->sample[r] * s->steps + at) * s->stride;
}

/* What was read of h at a step. */
static real *kept_read(const sequences *s, real *kept) {
    return kept + (s->cell->kept + (s->factors ? s->cell->states : 0)) * s->n;
}

/* A sample's gates before their activations, columns at a step's numbers. */
static real *kept_z(const sequences *s, real *kept) { return kept + s->stride - s->columns; }

/* Gates [first, first + count) of a sample go there before they are squashed; nowhere in prediction. */
static void keep_z(const sequences *s, int64_t r, int64_t at, int64_t first, int64_t count) {
    if (!s->kept || !s->op->geometry[KEEPS_Z]) return;
    copy_row(s->z + r * s->columns + first * s->n, count * s->n, kept_z(s, kept_at(s, r, at)) + first * s->n);
}

/* Rows of n_out numbers that follow each other through the activation of the cell or of the gates, in place. */
static void squash(const sequences *s, int64_t rows, real *z) {
    fnn_activate(s->op->activation, s->op->parameter, rows, s->n, z, z);
}

static void squash_gates(const sequences *s, int64_t rows, real *z) {
    fnn_activate((int)s->op->geometry[GATE], s->op->numbers[0], rows, s->n, z, z);
}

/* The way back of those, from what they made of rows of z, in place of their gradient. */
static void cell_back(const sequences *s, const real *z, const real *y, real *d) {
    fnn_activate_back(s->op->activation, s->op->parameter, 1, s->n, z, y, d);
}

static void gate_back(const sequences *s, int64_t rows, const real *z, const real *y, real *d) {
    fnn_activate_back((int)s->op->geometry[GATE], s->op->numbers[0], rows, s->n, z, y, d);
}

ALWAYS_INLINE vf cell_slope(const sequences *s, vf y, const int usual) {
    return usual ? d_tanh(y, y, y) : slope_vector(s->op->activation, s->op->parameter, y);
}

ALWAYS_INLINE vf gate_slope(const sequences *s, vf y, const int usual) {
    return usual ? d_sigmoid(y, y, y) : slope_vector((int)s->op->geometry[GATE], s->op->numbers[0], y);
}

static int counts(const sequences *s, int64_t r, int64_t at) {
    return !s->mask || s->mask[s->sample[r] * s->steps + at] != 0;
}

/* The numbers of an output, or of its gradient, that belong to a step; NULL where it has none. */
static real *y_of_step(const sequences *s, int64_t r, int64_t step) {
    const int64_t *flags = s->op->geometry;
    if (!flags[SEQUENCES] && step != s->steps - 1) return NULL;
    const int64_t at = flags[SEQUENCES] ? (flags[WRITES_BACK] ? s->steps - 1 - step : step) : 0;
    return s->y + s->sample[r] * s->y_size + at * s->n;
}

/* The last states behind the outputs. */
static real *y_of_state(const sequences *s, int64_t r, int state) {
    return s->y + s->sample[r] * s->y_size + ((s->op->geometry[SEQUENCES] ? s->steps : 1) + state) * s->n;
}

static int64_t place_of(const sequences *s, int64_t step) {
    return s->op->geometry[READS_BACK] ? s->steps - 1 - step : step;
}

/* Whether sample r, which counts steps [begin, end), stands behind one that counts the others. */
static int stands_behind(const sequences *s, int64_t r, int64_t begin, int64_t end) {
    return s->late ? s->begins[r] > begin : s->ends[r] < end;
}

/* Samples [first, first + all) go together; where sorted, those first that begin first or end last, whichever leaves
 * out more. */
static RARE void form_group(sequences *s, int64_t first, int64_t all, int sorts) {
    int64_t before = 0, behind = 0;
    s->all = s->rows = all;
    for (int64_t r = 0; r < all; r++) {
        const real *mask = sorts && s->mask ? s->mask + (first + r) * s->steps : NULL;
        int64_t begin = 0, end = s->steps;
        while (mask && end > 0 && mask[place_of(s, end - 1)] == 0) end--;
        while (mask && begin < end && mask[place_of(s, begin)] == 0) begin++;
        if (end == 0) begin = s->steps;
        s->sample[r] = first + r, s->begins[r] = begin, s->ends[r] = end;
        before += begin, behind += s->steps - end;
    }
    s->late = before > behind;
    for (int64_t r = 1; r < all; r++) {
        const int64_t begin = s->begins[r], end = s->ends[r];
        int64_t i = r;
        for (; i > 0 && stands_behind(s, i - 1, begin, end); i--)
            s->begins[i] = s->begins[i - 1], s->ends[i] = s->ends[i - 1], s->sample[i] = s->sample[i - 1];
        s->begins[i] = begin, s->ends[i] = end, s->sample[i] = first + r;
    }
}

/* For how many samples a step is made: none where nobody counts it, which leaves all states as they are. */
static int64_t going_on(const sequences *s, int64_t step) {
    int64_t rows = s->all;
    while (rows > 0 && (s->late ? s->begins[rows - 1] > step : s->ends[rows - 1] <= step)) rows--;
    for (int64_t r = 0; r < rows; r++)
        if (counts(s, r, place_of(s, step))) return rows;
    return 0;
}

/* Steps [from, to) of some samples that lie behind each other. */
typedef struct {
    int64_t from, to;
} run_of_steps;

/* The next run among steps [at, end) of all samples: those that count, and gaps between them so short that the zeros
 * there are taken with them. A run of no step has none behind it. */
static RARE run_of_steps next_run(const sequences *s, int64_t at, int64_t end) {
    if (!s->mask) return (run_of_steps){at, end};
    while (at < end && s->mask[at] == 0) at++;
    run_of_steps run = {at, at};
    for (; at < end && at - run.to <= SHORT_GAP; at++) {
        if (s->mask[at] == 0) continue;
        if (at > run.to && at / s->steps != (run.to - 1) / s->steps) break; /* zeros end with a sample's last step */
        run.to = at + 1;
    }
    return run;
}

/* Calls a piece of a row's work, piece(..., j, some), over its n numbers. */
#define OVER_ROW(n, piece, ...)                                                                                        \
    do {                                                                                                               \
        int64_t j_ = 0;                                                                                                \
        for (; j_ + LANES <= (n); j_ += LANES) piece(__VA_ARGS__, j_, LANES);                                          \
        if (j_ < (n)) piece(__VA_ARGS__, j_, (int)((n) - j_));                                                         \
    } while (0)

/* The same as one text for whole and for ragged vectors: of what few networks have. */
#define OVER_ROW_AS_ONE(n, piece, ...)                                                                                 \
    for (int64_t j_ = 0; j_ < (n); j_ += LANES) piece(__VA_ARGS__, j_, (int)at_most((n) - j_, LANES))

ALWAYS_INLINE void multiply_row(const real *a, const real *b, int64_t n, real *to) {
    for (int64_t j = 0; j < n; j += LANES) {
        const int some = (int)at_most(n - j, LANES);
        vec_store(to + j, vf_mul(vec_load(a + j, some), vec_load(b + j, some)), some);
    }
}

static void read_h(const sequences *s, int64_t r) {
    if (s->factors)
        multiply_row(s->h + r * s->h_row, s->factors + s->sample[r] * s->n, s->n, s->read + r * s->read_row);
}

#endif
