/* The walk over a plan's ops, by one thread or by a team of them.
 *
 * All threads of a team run the same code, each on its share of the outputs, and meet at barriers: rows of a block
 * going forward, in the loss and back, input features of dw, parameters of an update. What the loss's rows add to its
 * sums is added up by one thread, in the order of the rows (training.h). So the bits never depend on the number of
 * threads.
 *
 * Design: in C and not in Cython, so that sanitizers and an emulated machine run the very walk that Python calls. One
 * parallel region for a whole call; a region a batch (rejected) would pay for waking threads at each update. */
#include "walk.h"

#include <string.h>

#include "cpu.h"
#include "passes.h"

enum {
    PREDICT_ROWS = 96, /* pushed through all ops together, so that they stay in the first-level cache */
    LARGE_WEIGHTS =
        16384 /* parameters of an op that do not stay in the first-level cache: rows share a pass over them */
};
#define UPDATE_FLOP 10.0 /* of a parameter */
double fnn_flop_a_thread = 1e6;
int (*fnn_visit)(void *owner, const fnn_op *, const fnn_block *, int backward);

void fnn_prepare(fnn_network *network) {
    network->scratch = 0;
    for (int i = 0; i < network->model.header->n_ops; i++) {
        const fnn_op *op = &network->model.ops[i];
        const fnn_op_kernels *kernels = network->kernels->ops[op->kind];
        const size_t bytes = kernels->scratch ? kernels->scratch(op) : 0;
        if (bytes > network->scratch) network->scratch = bytes;
    }
    const fnn_header *header = network->model.header;
    const int plain = header->n_inputs == 1 && header->n_outputs == 1 && !header->has_own;
    network->few = plain ? at_most(FNN_FEW_ROWS, at_most(header->stage_rows, header->block_rows)) : 0;
}

static double flop_of_row(const fnn_network *network) {
    double flop = 0;
    for (int i = 0; i < network->model.header->n_ops; i++) {
        const fnn_op *op = &network->model.ops[i];
        flop += 2.0 * (double)op->weights * (double)op->repeat;
    }
    return flop;
}

/* Of the update of parameters that no row is multiplied with, as those of large tables; the others' is little beside
 * their products. */
static double flop_of_tables(const fnn_network *network) {
    int64_t left = network->model.header->n_params;
    for (int i = 0; i < network->model.header->n_ops; i++) left -= network->model.ops[i].weights;
    return left > 0 ? UPDATE_FLOP * (double)left : 0;
}

int fnn_threads_for(const fnn_network *network, int64_t rows, int passes, int limit) {
    const double update = passes == FNN_TRAINING_PASSES ? flop_of_tables(network) : 0;
    const double flop = flop_of_row(network) * passes * (double)rows + update;
    const double worth = flop * network->kernels->item_size / sizeof(float) / fnn_flop_a_thread;
    const int64_t shares = (rows + ROW_UNIT - 1) / ROW_UNIT;
    const int most = (int)at_most(limit, shares);
    return worth < 2 || most < 2 ? 1 : worth < most ? (int)worth : most;
}

typedef struct {
    const fnn_network *network;
    const fnn_block *block;
    fnn_exit exit;
} block_pass;

static void forward_task(void *argument, fnn_team *team, int thread) {
    block_pass *pass = argument;
    const walkers by = {&pass->exit, team, thread};
    if (!has_scratch(pass->network, by)) return;
    const uint64_t control = fnn_flush_denormals();
    forward_rows(pass->network, pass->block, share(pass->block->rows, ROW_UNIT, team, thread), by);
    fnn_restore(control);
}

int fnn_forward(const fnn_network *network, const fnn_block *block, int threads) {
    block_pass pass = {.network = network, .block = block};
    fnn_parallel(fnn_threads_for(network, block->rows, 1, threads), forward_task, &pass);
    return end_of(&pass.exit, pass.exit.answer);
}

static void backward_task(void *argument, fnn_team *team, int thread) {
    block_pass *pass = argument;
    const walkers by = {&pass->exit, team, thread};
    if (!has_scratch(pass->network, by)) return;
    const uint64_t control = fnn_flush_denormals();
    backward_rows(pass->network, pass->block, share(pass->block->rows, ROW_UNIT, team, thread), by);
    fnn_barrier(team);
    params_of_block(pass->network, pass->block, NULL, NULL, team, thread);
    fnn_restore(control);
}

int fnn_backward(const fnn_network *network, const fnn_block *block, int threads) {
    block_pass pass = {.network = network, .block = block};
    fnn_parallel(fnn_threads_for(network, block->rows, 2, threads), backward_task, &pass);
    return end_of(&pass.exit, pass.exit.answer);
}

void fnn_loss_of_shards(const fnn_network *network, const fnn_answer *answers, const int32_t *rows, fnn_cut cut,
                        double scale, double *sums, int64_t n_sums) {
    int64_t row = 0;
    for (int64_t s = 0; s < cut.n; s++, sums += n_sums) {
        network->kernels->losses->loss(&network->model, answers, rows, row, row + cut.shards[s].rows, scale, sums);
        row += cut.shards[s].rows;
    }
}

double fnn_update(const fnn_network *network, int64_t step, double learning_rate, double penalty_scale, double decay) {
    const fnn_model *model = &network->model;
    const int64_t n = model->header->n_params;
    double c[FNN_MOST_GROUPS * FNN_N_SCALARS];
    const uint64_t control = fnn_flush_denormals();
    const double penalty = penalty_scale * network->kernels->penalty(model);
    if (model->optimizer->clip) {
        network->kernels->penalize(model, penalty_scale, 0, n);
        network->kernels->clip(model);
        penalty_scale = 0;
    }
    fnn_scalars(model, step, learning_rate, decay, c);
    network->kernels->update(model, c, penalty_scale, 0, n);
    if (model->header->has_constraint) network->kernels->constrain(model, 0, 1);
    fnn_restore(control);
    return penalty;
}

/* Prediction. */

typedef struct {
    const fnn_network *network;
    const fnn_source *sources;
    void *const *rooms; /* for blocks of rows that are written out */
    void *const *outputs;
    int64_t n_rows;
    double flop; /* of a row, where there are many */
    fnn_exit exit;
    int ended; /* where threads wait for each other: what all of them take the exit to say */
} prediction;

/* Rows a thread pushes through all ops at a time. */
static int64_t predict_rows(const fnn_network *network, const fnn_team *team) {
    int64_t most = PREDICT_ROWS;
    for (int i = 0; i < network->model.header->n_ops; i++)
        if (network->model.ops[i].weights > LARGE_WEIGHTS) most = INT64_MAX;
    return at_most(most, network->model.header->block_rows / team->size);
}

/* An input's block of rows from `first` on: where they are, or written into the room, each thread its own. */
static const void *rows_to_predict(const prediction *p, int input, int64_t first, range own) {
    const fnn_source *source = &p->sources[input];
    const int64_t width = p->network->model.values[input].size, row_bytes = width * p->network->kernels->item_size;
    if (lie_as_rows(source)) return (const char *)source->x + first * row_bytes;
    char *room = p->rooms[input];
    fnn_source rows = *source;
    if (rows.starts)
        rows.starts += first + own.begin;
    else
        rows.x = (const char *)rows.x + (first + own.begin) * rows.pitch * p->network->kernels->item_size;
    write_rows(p->network, &rows, NULL, own.end - own.begin, width, room + own.begin * row_bytes);
    return room;
}

static void keep_outputs(const prediction *p, int64_t first, range own) {
    const fnn_model *model = &p->network->model;
    const int n_outputs = model->header->n_outputs;
    const fnn_value *outputs = model->values + model->header->n_values - n_outputs;
    for (int i = 0; i < n_outputs; i++) {
        const int64_t row_bytes = outputs[i].size * p->network->kernels->item_size;
        const char *y = number_at(p->network, model->workspace, outputs[i].offset);
        memcpy((char *)p->outputs[i] + (first + own.begin) * row_bytes, y + own.begin * row_bytes,
               (size_t)((own.end - own.begin) * row_bytes));
    }
}

/* A thread's rows of a block of `together` rows. */
static void predict_block(prediction *p, int64_t first, int64_t together, int64_t step, walkers by) {
    const fnn_header *header = p->network->model.header;
    const void *inputs[FNN_MOST_INPUTS];
    const fnn_block block = {.inputs = inputs, .rows = at_most(together, p->n_rows - first)};
    const range own = {at_most(step * by.thread, block.rows), at_most(step * (by.thread + 1), block.rows)};
    for (int i = 0; i < header->n_inputs; i++) inputs[i] = rows_to_predict(p, i, first, own);
    if (p->flop * (double)step < FNN_LOOK_FLOP) {
        forward_rows(p->network, &block, own, by);
        if (by.thread == 0) ask(&p->exit, p->flop * (double)step);
    } else {
        forward_pieces(p->network, &block, own, by);
    }
    keep_outputs(p, first, own);
}

/* Each thread has its own rows of the workspace, so that none waits for another. */
static void predict_apart(prediction *p, fnn_team *team, int thread) {
    const int64_t step = predict_rows(p->network, team), together = step * team->size;
    for (int64_t first = 0; first < p->n_rows && !leaves(&p->exit); first += together)
        predict_block(p, first, together, step, (walkers){&p->exit, team, thread});
}

/* With ops that want whole blocks, which are then those of every backend; the first thread says when all leave. */
static void predict_in_step(prediction *p, fnn_team *team, int thread) {
    const int64_t together = p->network->model.header->block_rows, step = (together + team->size - 1) / team->size;
    for (int64_t first = 0; first < p->n_rows && !p->ended; first += together) {
        predict_block(p, first, together, step, (walkers){&p->exit, team, thread});
        fnn_barrier(team);
        if (thread == 0) p->ended = leaves(&p->exit);
        fnn_barrier(team);
    }
}

static void predict_task(void *argument, fnn_team *team, int thread) {
    prediction *p = argument;
    if (!has_scratch(p->network, (walkers){&p->exit, team, thread})) return;
    const uint64_t control = fnn_flush_denormals();
    if (p->network->model.header->has_own)
        predict_in_step(p, team, thread);
    else
        predict_apart(p, team, thread);
    fnn_restore(control);
}

/* A few rows of one input, all at once and in this thread. */
static int predict_few(const fnn_network *network, const void *x, int64_t n_rows, void *y) {
    if (network->scratch && !fnn_scratch(network->scratch)) return FNN_NO_MEMORY;
    const fnn_model *model = &network->model;
    const fnn_block block = {.inputs = &x, .rows = n_rows};
    const uint64_t control = fnn_flush_denormals();
    for (int i = 0; i < model->header->n_ops; i++) {
        const fnn_op *op = &model->ops[i];
        network->kernels->ops[op->kind]->forward(op, model, &block, 0, n_rows);
    }
    const fnn_value *output = &model->values[model->header->n_values - 1];
    memcpy(y, number_at(network, model->workspace, output->offset),
           (size_t)(n_rows * output->size * network->kernels->item_size));
    fnn_restore(control);
    return FNN_DONE;
}

/* One row is done before anybody could ask. */
static double flop_to_watch(const fnn_network *network, int64_t n_rows) {
    return n_rows > ROW_UNIT ? flop_of_sample(network) : 0;
}

int fnn_predict(const fnn_network *network, const fnn_source *sources, int64_t n_rows, void *const *rooms,
                void *const *outputs, int threads) {
    if (n_rows <= network->few && lie_as_rows(sources)) return predict_few(network, sources->x, n_rows, outputs[0]);
    prediction p = {.network = network,
                    .sources = sources,
                    .rooms = rooms,
                    .outputs = outputs,
                    .n_rows = n_rows,
                    .flop = flop_to_watch(network, n_rows)};
    fnn_parallel(fnn_threads_for(network, n_rows, 1, threads), predict_task, &p);
    return end_of(&p.exit, p.exit.answer);
}

int fnn_predict_alone(const void *alone, const void *x, void *y, int64_t n_rows) {
    const fnn_network *network = alone;
    if (n_rows <= network->few) return predict_few(network, x, n_rows, y);
    const fnn_source source = {.x = x};
    void *const rooms[] = {NULL}, *const outputs[] = {y};
    prediction p = {.network = network, .sources = &source, .rooms = rooms, .outputs = outputs, .n_rows = n_rows};
    fnn_parallel(1, predict_task, &p);
    return end_of(&p.exit, p.exit.answer);
}
