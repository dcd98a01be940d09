/* The walk of recurrent ops over the steps, forward and back; a part of recurrent.h. */
#ifndef FNN_OPS_RECURRENT_WALK_H
#define FNN_OPS_RECURRENT_WALK_H

#include "recurrent.h"

/* The state number i before the first step. */
static void start_state(const sequences *s, const fnn_block *block, int i, real *state, int64_t row) {
    const real *from = NULL;
    if (s->op->geometry[STARTED]) from = op_x(s->op, s->model, block, s->op->n_inputs - s->cell->states + i);
    for (int64_t r = 0; r < s->rows; r++) {
        if (from)
            copy_row(from + s->sample[r] * s->n, s->n, state + r * row);
        else
            memset(state + r * row, 0, (size_t)s->n * sizeof(real));
    }
}

/* What is read of the input at a step; samples that are not joined with the state stand in their order. */
static const real *x_at(const sequences *s, int64_t r, int64_t at) {
    return s->x + (s->sample[r] * s->steps + at) * s->n_in;
}

static product input_product(const sequences *s, int64_t at, const real *start, real *z) {
    return (product){.m = s->rows,
                     .a = s->joined ? s->both : x_at(s, 0, at),
                     .a_row = s->joined ? s->read_row : s->steps * s->n_in,
                     .start = start,
                     .c = z,
                     .c_row = s->columns};
}

/* Columns of z go on by the product of rows with the i-th kernel of the state. */
static void add_of_state(const sequences *s, int i, const real *rows, int64_t row, real *z) {
    multiply_panels(
        &s->of_state[i],
        (product){
            .m = s->rows, .a = rows, .a_row = row, .start = z, .start_row = s->columns, .c = z, .c_row = s->columns});
}

/* z: the gates before split, of the input and of the state; the input's part of the others. */
static void make_gates(const sequences *s, int64_t at) {
    const int64_t split = s->cell->split * s->n;
    const product p = input_product(s, at, s->start, s->z);
    lap_of_step(s, FNN_ACTIVATE);
    if (s->joined) {
        for (int64_t r = 0; r < s->rows; r++)
            memcpy(s->both + r * s->read_row, x_at(s, r, at), (size_t)s->n_in * sizeof(real));
        multiply_panels(&s->of_state[0], p);
    } else {
        multiply_panels(&s->of_x[0], p);
        add_of_state(s, 0, s->read, s->read_row, s->z);
    }
    multiply_panels(&s->of_x[1], input_product(s, at, s->b ? s->b + split : NULL, s->z + split));
    lap_of_step(s, FNN_FORWARD);
}

/* A sample's states before a step go into the room; NULL in prediction. */
static real *keep_states(const sequences *s, int64_t r, int64_t at) {
    if (!s->kept) return NULL;
    real *kept = kept_at(s, r, at), *to = kept + s->cell->kept * s->n;
    copy_row(s->h + r * s->h_row, s->n, to);
    if (s->cell->states > 1) copy_row(s->c + r * s->n, s->n, to + s->n);
    if (s->factors) copy_row(s->read + r * s->read_row, s->n, kept_read(s, kept));
    return kept;
}

static void give_output(const sequences *s, int64_t step, int64_t at) {
    for (int64_t r = 0; r < s->rows; r++) {
        const int counted = counts(s, r, at);
        real *y = y_of_step(s, r, step);
        if (counted) s->seen[r] = 1, read_h(s, r);
        if (!y) continue;
        if (counted || (s->seen[r] != 0 && !s->op->geometry[ZEROS]))
            copy_row(s->h + r * s->h_row, s->n, y);
        else
            memset(y, 0, (size_t)s->n * sizeof(real));
    }
}

static void walk_forward(sequences *s, const fnn_block *block) {
    start_state(s, block, 0, s->h, s->h_row);
    if (s->cell->states > 1) start_state(s, block, 1, s->c, s->n);
    for (int64_t r = 0; r < s->rows; r++) s->seen[r] = 0, read_h(s, r);
    for (int64_t step = 0; step < s->steps; step++) {
        const int64_t at = place_of(s, step);
        s->rows = going_on(s, step);
        if (s->rows > 0) s->cell->step(s, at);
        s->rows = s->all;
        give_output(s, step, at);
        lap_of_step(s, FNN_ACTIVATE);
    }
    for (int64_t r = 0; s->op->geometry[STATES] && r < s->rows; r++) {
        copy_row(s->h + r * s->h_row, s->n, y_of_state(s, r, 0));
        if (s->cell->states > 1) copy_row(s->c + r * s->n, s->n, y_of_state(s, r, 1));
    }
}

/* The factors of dropout of samples [begin, end). */
static void draw_of_samples(const sequences *s, const fnn_block *block, int64_t begin, int64_t end) {
    const int64_t count = (end - begin) * s->n;
    real *factors = s->factors + begin * s->n;
    if (block->training)
        draw_factors(s->op, s->op->rate, (uint64_t)block->step, (block->first_row + begin) * s->n, count, factors);
    else
        for (int64_t i = 0; i < count; i++) factors[i] = 1;
}

/* Kernels and arrays of a call in scratch memory. */
static void set_forward(sequences *s, int64_t most, real *room) {
    const real *w = (const real *)s->model->params + s->op->w, *u = (const real *)s->model->params + s->op->more[0];
    const int64_t split = s->cell->split * s->n, rest = s->columns - split;
    s->joined = in_panels(s->op, most);
    s->of_x[0] = (kernel_panels){w, s->n_in, split, s->columns, split};
    s->of_state[0] = s->joined ? stacked_panels(w, s->n_in, u, s->n, split, s->columns, &room)
                               : (kernel_panels){u, s->n, split, s->columns, split};
    s->of_x[1] = panels_of(w + split, s->n_in, rest, s->columns, s->joined, &room);
    s->of_state[1] = panels_of(u + split, s->n, rest, s->columns, s->joined, &room);
    s->z = take_room(&room, most * s->columns), s->part = take_room(&room, most * s->columns);
    s->read_row = s->joined ? s->n_in + s->n : s->n;
    s->both = take_room(&room, most * s->read_row);
    s->read = s->both + s->read_row - s->n;
    s->h = s->factors ? take_room(&room, most * s->n) : s->read, s->h_row = s->factors ? s->n : s->read_row;
    s->c = take_room(&room, most * s->n), s->seen = take_room(&room, most);
    s->start = s->b;
    if (!s->b || !s->op->geometry[VARIANT]) return;
    real *start = take_room(&room, split);
    copy_row(s->b, split, start), add_row(s->b + s->columns, split, start);
    s->start = start;
}

static void recurrent_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, const cell *cell,
                              int64_t begin, int64_t end) {
    sequences s = sequences_of(op, model, block, cell);
    set_forward(&s, at_most(end - begin, TOGETHER), fnn_scratch(recurrent_scratch(op, cell)));
    s.y = op_y(op, model);
    if (s.factors) draw_of_samples(&s, block, begin, end);
    lap_of_step(&s, FNN_FORWARD);
    int64_t sample[TOGETHER], begins[TOGETHER], ends[TOGETHER];
    s.sample = sample, s.begins = begins, s.ends = ends;
    for (int64_t first = begin; first < end; first += TOGETHER) {
        form_group(&s, first, at_most(end - first, TOGETHER), s.joined);
        walk_forward(&s, block);
    }
}

/* A sample's dh after a step: of the steps behind it, and of the outputs that show it. One that does not go on has
 * those alone. */
static void gather_dh(const sequences *s, int64_t r, int64_t step, int64_t at, int goes_on) {
    real *dh = s->dh + r * s->n, *dread = s->dread + r * s->n, *out = s->out + r * s->n;
    const real *dy = y_of_step(s, r, step);
    if (!goes_on) {
        if (dy && !s->op->geometry[ZEROS]) add_row(dy, s->n, out);
        return;
    }
    if (s->factors) multiply_row(dread, s->factors + s->sample[r] * s->n, s->n, dread);
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

/* Zeros in the room for a step that does not count: between some that do they go into sums (next_run), elsewhere nobody
 * reads them. Other samples may have stood beside this one going forward, so that nothing is there yet. */
static void keep_nothing(const sequences *s, int64_t r, int64_t step) {
    if (s->begins[r] <= step && step < s->ends[r])
        memset(kept_at(s, r, place_of(s, step)), 0, (size_t)s->stride * sizeof(real));
}

/* Nothing of a masked step goes to the parameters or the input. */
static void clear_row(const sequences *s, int64_t r, int64_t at) {
    keep_nothing(s, r, place_of(s, at));
    memset(s->z + r * s->columns, 0, (size_t)s->columns * sizeof(real));
}

/* dread = the i-th columns of dz through the turned kernel, from start on. */
static void hand_to_state(const sequences *s, int i, const real *start, real *to) {
    const int64_t split = s->cell->split * s->n;
    lap_of_step(s, FNN_ACTIVATE_BACK);
    multiply_panels(&s->of_state[i], (product){.m = s->rows,
                                               .a = s->z + i * split,
                                               .a_row = s->columns,
                                               .start = start,
                                               .start_row = s->n,
                                               .c = to,
                                               .c_row = s->n});
    lap_of_step(s, FNN_BACK);
}

static void walk_back(sequences *s) {
    const fnn_op *op = s->op;
    const size_t size = (size_t)(s->rows * s->n) * sizeof(real);
    real *ends[] = {s->dh, s->dc};
    memset(s->dread, 0, size), memset(s->out, 0, size);
    for (int i = 0; i < 2; i++) {
        memset(ends[i], 0, size);
        for (int64_t r = 0; op->geometry[STATES] && i < s->cell->states && r < s->rows; r++)
            copy_row(y_of_state(s, r, i), s->n, ends[i] + r * s->n);
    }
    s->rows = 0; /* those that have a dread of the step behind */
    for (int64_t step = s->steps - 1; step >= 0; step--) {
        const int64_t at = place_of(s, step), rows = going_on(s, step), known = at_least(rows, s->rows);
        for (int64_t r = 0; r < s->all; r++) gather_dh(s, r, step, at, r < known);
        memset(s->dread + rows * s->n, 0, (size_t)((known - rows) * s->n) * sizeof(real));
        s->rows = rows;
        for (int64_t r = 0; rows == 0 && r < s->all; r++) keep_nothing(s, r, step);
        if (rows > 0) s->cell->step_back(s, at);
    }
    s->rows = s->all;
    if (!op->geometry[STARTED]) return;
    for (int64_t r = 0; r < s->rows; r++) {
        if (s->factors) multiply_row(s->dread + r * s->n, s->factors + s->sample[r] * s->n, s->n, s->dread + r * s->n);
        add_row(s->dread + r * s->n, s->n, s->dh + r * s->n);
    }
    for (int i = 0; i < s->cell->states; i++)
        for (int64_t r = 0; r < s->rows; r++)
            hand_on(op, s->model, op->n_inputs - s->cell->states + i, ends[i] + r * s->n, s->sample[r] * s->n, s->n);
}

/* With a mask dx is made of each run of steps that count; the kernel is turned once for all. */
static RARE void masked_dx(const sequences *s, int64_t begin, int64_t end, const kernel_panels *turned) {
    const int add = op_edge(s->op, s->model, 0)->adds;
    real *dx = op_dx(s->op, s->model, 0);
    int64_t done = begin * s->steps;
    for (const int64_t last = end * s->steps; done < last;) {
        const run_of_steps run = next_run(s, done, last);
        if (!add) memset(dx + done * s->n_in, 0, (size_t)((run.from - done) * s->n_in) * sizeof(real));
        if (run.from < run.to)
            multiply_panels(turned, (product){.m = run.to - run.from,
                                              .a = s->kept + run.from * s->stride,
                                              .a_row = s->stride,
                                              .c = dx + run.from * s->n_in,
                                              .c_row = s->n_in,
                                              .add = add});
        done = run.to;
    }
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
    real *scratch = fnn_scratch(recurrent_scratch(op, cell)), *room = scratch;
    s.of_state[0] = turned_panels(u, split, s.n, s.columns, copies, &room);
    s.of_state[1] = turned_panels(u + split, s.columns - split, s.n, s.columns, copies, &room);
    s.z = take_room(&room, most * s.columns), s.part = take_room(&room, most * s.columns);
    s.dh = take_room(&room, most * s.n), s.dc = take_room(&room, most * s.n);
    s.dread = take_room(&room, most * s.n), s.out = take_room(&room, most * s.n);
    s.y = op_dy(op, model);
    lap_of_step(&s, FNN_BACK);
    int64_t sample[TOGETHER], begins[TOGETHER], ends[TOGETHER];
    s.sample = sample, s.begins = begins, s.ends = ends;
    for (int64_t first = begin; first < end; first += TOGETHER) {
        form_group(&s, first, at_most(end - first, TOGETHER), 1);
        walk_back(&s);
        lap_of_step(&s, FNN_ACTIVATE_BACK);
    }
    if (!op_dx(op, model, 0)) return;
    if (s.mask) {
        const real *w = (const real *)model->params + op->w;
        const kernel_panels turned = turned_panels(w, s.columns, s.n_in, s.columns, copies, &scratch);
        masked_dx(&s, begin, end, &turned);
    } else {
        recurrent_dx(&s, begin, end);
    }
}

#endif
