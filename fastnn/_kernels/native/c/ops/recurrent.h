/* What the recurrent ops share: the walk over the steps of sequences, forward and back (see _ops/recurrent.py).
 *
 * Some samples go through all steps together, so that kernels and states stay in the cache. Numbers of a step: the
 * input's part of the gates, on which the product with the state goes on, then the gates in registers. What the way
 * back wants of a step stands in the op's room, sample by sample, at the step's place in the input: the cell's numbers,
 * which their gradients replace, the states before the step and, with dropout, what was read of h. So dx, dw and the
 * state's dw are each one product over all steps.
 *
 * Design: kernels are copied into panels once a call, which pays from the second step on. Gates wait in scratch memory
 * and not in the room, whose rows may lie multiples of a page apart. */
#ifndef FNN_OPS_RECURRENT_H
#define FNN_OPS_RECURRENT_H

#include <string.h>

#include "activations.h"
#include "dropout.h"
#include "gemm_packed.h"
#include "optimizers.h"

#define TOGETHER 48        /* samples; whole tiles of any ISA */
#define RECURRENT_SHARD 16 /* samples whose parts of the parameters' gradients are one sum, see _ops/recurrent.py */

enum { READS_BACK, WRITES_BACK, SEQUENCES, STATES, MASKED, ZEROS, STARTED, GATE, VARIANT };

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
    const cell *cell;
    int64_t first, rows;                     /* the samples */
    int64_t steps, n_in, n, columns, stride; /* n_out, gates * n_out, numbers of a step in the room */
    int usual;                               /* the activations are tanh and sigmoid */
    const real *x, *mask, *b;
    real *kept, *factors; /* NULL in prediction, and without dropout */
    real *y;              /* of all samples, or its gradient */
    int64_t y_size;       /* numbers of a sample */
    kernel_panels of_x, of_state[2];
    /* Scratch arrays, (rows, n_out) unless said otherwise. */
    real *z, *part;      /* (rows, columns) */
    real *h, *c, *read;  /* read is h without dropout */
    real *dh, *dc, *out; /* gradients of the states, and of outputs that masked steps repeat */
    real *dread;
    real *seen; /* (rows,) whether some step has counted */
};

static int64_t panel_size(int64_t k, int64_t n) { return k * rounded_up(n, TILE_WIDTH); }

/* Numbers of scratch memory that kernels take, and the arrays of so many samples, each with a gap behind it. */
static int64_t kernels_size(const fnn_op *op, const cell *cell) {
    const int64_t n = op->n_out, columns = cell->gates * n, split = cell->split * n;
    const int64_t there = panel_size(op->n_in, columns) + panel_size(n, split) + panel_size(n, columns - split);
    const int64_t back = panel_size(columns, n);
    return there > back ? there : back;
}

static int64_t arrays_size(const fnn_op *op, const cell *cell, int64_t rows) {
    return rows * ((2 * cell->gates + 7) * op->n_out + 1) + 16 * LOGICAL_LANES;
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
    const int64_t n = op->n_out, per_step = (cell->kept + cell->states + (op->rate > 0)) * n;
    sequences s = {.op = op, .model = model, .cell = cell, .steps = op->repeat, .n_in = op->n_in, .n = n};
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

static real *kept_at(const sequences *s, int64_t r, int64_t at) {
    return s->kept + ((s->first + r) * s->steps + at) * s->stride;
}

/* What was read of h at a step. */
static real *kept_read(const sequences *s, real *kept) {
    return kept + (s->cell->kept + (s->factors ? s->cell->states : 0)) * s->n;
}

INLINE vf cell_value(const sequences *s, vf z, const int usual) {
    return usual ? vf_tanh(z) : activate_vector(s->op->activation, s->op->parameter, z);
}

INLINE vf cell_slope(const sequences *s, vf y, const int usual) {
    return usual ? d_tanh(y, y, y) : slope_vector(s->op->activation, s->op->parameter, y);
}

INLINE vf gate_value(const sequences *s, vf z, const int usual) {
    return usual ? vf_sigmoid(z) : activate_vector((int)s->op->geometry[GATE], s->op->numbers[0], z);
}

INLINE vf gate_slope(const sequences *s, vf y, const int usual) {
    return usual ? d_sigmoid(y, y, y) : slope_vector((int)s->op->geometry[GATE], s->op->numbers[0], y);
}

static int counts(const sequences *s, int64_t r, int64_t at) {
    return !s->mask || s->mask[(s->first + r) * s->steps + at] != 0;
}

/* The numbers of an output, or of its gradient, that belong to a step; NULL where it has none. */
static real *y_of_step(const sequences *s, int64_t r, int64_t step) {
    const int64_t *flags = s->op->geometry;
    if (!flags[SEQUENCES] && step != s->steps - 1) return NULL;
    const int64_t at = flags[SEQUENCES] ? (flags[WRITES_BACK] ? s->steps - 1 - step : step) : 0;
    return s->y + (s->first + r) * s->y_size + at * s->n;
}

/* The last states behind the outputs. */
static real *y_of_state(const sequences *s, int64_t r, int state) {
    return s->y + (s->first + r) * s->y_size + ((s->op->geometry[SEQUENCES] ? s->steps : 1) + state) * s->n;
}

static int64_t place_of(const sequences *s, int64_t step) {
    return s->op->geometry[READS_BACK] ? s->steps - 1 - step : step;
}

INLINE void multiply_row(const real *a, const real *b, int64_t n, real *to) {
    for (int64_t j = 0; j < n; j += LANES) {
        const int some = (int)at_most(n - j, LANES);
        vec_store(to + j, vf_mul(vec_load(a + j, some), vec_load(b + j, some)), some);
    }
}

static void read_h(const sequences *s, int64_t r) {
    if (s->factors) multiply_row(s->h + r * s->n, s->factors + (s->first + r) * s->n, s->n, s->read + r * s->n);
}

/* The state number i before the first step. */
static void start_state(const sequences *s, const fnn_block *block, int i, real *state) {
    const size_t size = (size_t)(s->rows * s->n) * sizeof(real);
    if (!s->op->geometry[STARTED])
        memset(state, 0, size);
    else
        memcpy(state, op_x(s->op, s->model, block, s->op->n_inputs - s->cell->states + i) + s->first * s->n, size);
}

/* z = the input's part of the gates. */
static void read_input(const sequences *s, int64_t at) {
    multiply_panels(&s->of_x, (product){.m = s->rows,
                                        .a = s->x + (s->first * s->steps + at) * s->n_in,
                                        .a_row = s->steps * s->n_in,
                                        .start = s->b,
                                        .c = s->z,
                                        .c_row = s->columns});
}

/* Columns of z go on by the product of rows with the i-th kernel of the state. */
static void add_of_state(const sequences *s, int i, const real *rows, real *z) {
    multiply_panels(
        &s->of_state[i],
        (product){
            .m = s->rows, .a = rows, .a_row = s->n, .start = z, .start_row = s->columns, .c = z, .c_row = s->columns});
}

static void keep_states(const sequences *s, int64_t at) {
    for (int64_t r = 0; s->kept && r < s->rows; r++) {
        real *to = kept_at(s, r, at) + s->cell->kept * s->n;
        copy_row(s->h + r * s->n, s->n, to);
        if (s->cell->states > 1) copy_row(s->c + r * s->n, s->n, to + s->n);
        if (s->factors) copy_row(s->read + r * s->n, s->n, kept_read(s, kept_at(s, r, at)));
    }
}

static void give_output(const sequences *s, int64_t step, int64_t at) {
    for (int64_t r = 0; r < s->rows; r++) {
        const int counted = counts(s, r, at);
        real *y = y_of_step(s, r, step);
        if (counted) s->seen[r] = 1, read_h(s, r);
        if (!y) continue;
        if (counted || (s->seen[r] != 0 && !s->op->geometry[ZEROS]))
            copy_row(s->h + r * s->n, s->n, y);
        else
            memset(y, 0, (size_t)s->n * sizeof(real));
    }
}

static void walk_forward(const sequences *s, const fnn_block *block) {
    start_state(s, block, 0, s->h);
    if (s->cell->states > 1) start_state(s, block, 1, s->c);
    for (int64_t r = 0; r < s->rows; r++) s->seen[r] = 0, read_h(s, r);
    for (int64_t step = 0; step < s->steps; step++) {
        const int64_t at = place_of(s, step);
        keep_states(s, at);
        s->cell->step(s, at);
        give_output(s, step, at);
    }
    for (int64_t r = 0; s->op->geometry[STATES] && r < s->rows; r++) {
        copy_row(s->h + r * s->n, s->n, y_of_state(s, r, 0));
        if (s->cell->states > 1) copy_row(s->c + r * s->n, s->n, y_of_state(s, r, 1));
    }
}

/* The factors of dropout of samples [begin, end). */
static void draw_of_samples(const sequences *s, const fnn_block *block, int64_t begin, int64_t end) {
    const int64_t count = (end - begin) * s->n;
    real *factors = s->factors + begin * s->n;
    if (block->training)
        draw_factors(s->model->header->seed, s->op, (uint64_t)block->step, (block->first_row + begin) * s->n, count,
                     factors);
    else
        for (int64_t i = 0; i < count; i++) factors[i] = 1;
}

static void recurrent_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, const cell *cell,
                              int64_t begin, int64_t end) {
    sequences s = sequences_of(op, model, block, cell);
    const real *w = (const real *)model->params + op->w, *u = (const real *)model->params + op->more[0];
    const int64_t split = cell->split * s.n, most = at_most(end - begin, TOGETHER);
    const int copies = in_panels(op, most);
    real *room = fnn_scratch(recurrent_scratch(op, cell));
    s.of_x = panels_of(w, s.n_in, s.columns, s.columns, copies, &room);
    s.of_state[0] = panels_of(u, s.n, split, s.columns, copies, &room);
    s.of_state[1] = panels_of(u + split, s.n, s.columns - split, s.columns, copies, &room);
    s.z = take_room(&room, most * s.columns), s.part = take_room(&room, most * s.columns);
    s.h = take_room(&room, most * s.n), s.c = take_room(&room, most * s.n);
    s.read = s.factors ? take_room(&room, most * s.n) : s.h;
    s.seen = take_room(&room, most);
    s.y = op_y(op, model);
    if (s.factors) draw_of_samples(&s, block, begin, end);
    for (s.first = begin; s.first < end; s.first += TOGETHER) {
        s.rows = at_most(end - s.first, TOGETHER);
        walk_forward(&s, block);
    }
}

/* A sample's dh after a step: of the steps behind it, and of the outputs that show it. */
static void gather_dh(const sequences *s, int64_t r, int64_t step, int64_t at) {
    real *dh = s->dh + r * s->n, *dread = s->dread + r * s->n, *out = s->out + r * s->n;
    const real *dy = y_of_step(s, r, step);
    if (s->factors) multiply_row(dread, s->factors + (s->first + r) * s->n, s->n, dread);
    add_row(dread, s->n, dh);
    if (!s->mask) {
        if (dy) add_row(dy, s->n, dh);
        return;
    }
    if (dy) add_row(dy, s->n, out);
    const int counted = counts(s, r, at);
    if (counted) add_row(out, s->n, dh);
    if (counted || s->op->geometry[ZEROS]) memset(out, 0, (size_t)s->n * sizeof(real));
}

/* Nothing of a masked step goes to the parameters or the input. */
static void clear_row(const sequences *s, int64_t r, int64_t at) {
    memset(kept_at(s, r, at), 0, (size_t)(s->cell->kept * s->n) * sizeof(real));
    memset(s->z + r * s->columns, 0, (size_t)s->columns * sizeof(real));
}

/* dread = the i-th columns of dz through the turned kernel, from start on. */
static void hand_to_state(const sequences *s, int i, const real *start, real *to) {
    const int64_t split = s->cell->split * s->n;
    multiply_panels(&s->of_state[i], (product){.m = s->rows,
                                               .a = s->z + i * split,
                                               .a_row = s->columns,
                                               .start = start,
                                               .start_row = s->n,
                                               .c = to,
                                               .c_row = s->n});
}

static void walk_back(const sequences *s) {
    const fnn_op *op = s->op;
    const size_t size = (size_t)(s->rows * s->n) * sizeof(real);
    real *ends[] = {s->dh, s->dc};
    memset(s->dread, 0, size), memset(s->out, 0, size);
    for (int i = 0; i < 2; i++) {
        memset(ends[i], 0, size);
        for (int64_t r = 0; op->geometry[STATES] && i < s->cell->states && r < s->rows; r++)
            copy_row(y_of_state(s, r, i), s->n, ends[i] + r * s->n);
    }
    for (int64_t step = s->steps - 1; step >= 0; step--) {
        const int64_t at = place_of(s, step);
        for (int64_t r = 0; r < s->rows; r++) gather_dh(s, r, step, at);
        s->cell->step_back(s, at);
    }
    if (!op->geometry[STARTED]) return;
    for (int64_t r = 0; r < s->rows; r++) {
        if (s->factors)
            multiply_row(s->dread + r * s->n, s->factors + (s->first + r) * s->n, s->n, s->dread + r * s->n);
        add_row(s->dread + r * s->n, s->n, s->dh + r * s->n);
    }
    for (int i = 0; i < s->cell->states; i++)
        hand_on(op, s->model, op->n_inputs - s->cell->states + i, ends[i], s->first * s->n, s->rows * s->n);
}

static void recurrent_dx(const sequences *s, int64_t begin, int64_t end) {
    const product p = {.m = (end - begin) * s->steps,
                       .n = s->n_in,
                       .k = s->columns,
                       .a = s->kept + begin * s->steps * s->stride,
                       .a_row = s->stride,
                       .a_column = 1,
                       .b = (const real *)s->model->params + s->op->w,
                       .b_row = s->columns,
                       .b_transposed = 1,
                       .c = op_dx(s->op, s->model, 0) + begin * s->steps * s->n_in,
                       .c_row = s->n_in,
                       .add = op_edge(s->op, s->model, 0)->adds};
    multiply(&p);
}

static void recurrent_back(const fnn_op *op, const fnn_model *model, const fnn_block *block, const cell *cell,
                           int64_t begin, int64_t end) {
    sequences s = sequences_of(op, model, block, cell);
    const real *u = (const real *)model->params + op->more[0];
    const int64_t split = cell->split * s.n, most = at_most(end - begin, TOGETHER);
    const int copies = in_panels(op, most);
    real *room = fnn_scratch(recurrent_scratch(op, cell));
    s.of_state[0] = turned_panels(u, split, s.n, s.columns, copies, &room);
    s.of_state[1] = turned_panels(u + split, s.columns - split, s.n, s.columns, copies, &room);
    s.z = take_room(&room, most * s.columns), s.part = take_room(&room, most * s.columns);
    s.dh = take_room(&room, most * s.n), s.dc = take_room(&room, most * s.n);
    s.dread = take_room(&room, most * s.n), s.out = take_room(&room, most * s.n);
    s.y = op_dy(op, model);
    for (s.first = begin; s.first < end; s.first += TOGETHER) {
        s.rows = at_most(end - s.first, TOGETHER);
        walk_back(&s);
    }
    if (op_dx(op, model, 0)) recurrent_dx(&s, begin, end);
}

#endif
