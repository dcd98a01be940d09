/* Training: epochs of updates, and the gradient over all rows, by one thread or by a team of them (see walk.c). */
#include <stddef.h>

#include "apart.h"
#include "cpu.h"

enum { LEARN_BYTES = 131072 }; /* gradients beyond this do not stay in the cache until the update */
#define LONG_FLOP 1e8          /* of a batch; in longer ones the call may be called off between blocks and ops */

/* May updates be made op by op? Not when something needs all gradients first. */
static int learns_at_once(const fnn_network *network) {
    const fnn_header *header = network->model.header;
    return !network->model.optimizer->clip && !header->shares_params && !header->has_own &&
           header->batch_size <= header->block_rows && header->n_params * network->kernels->item_size > LEARN_BYTES;
}

/* What divides the loss of a batch: its rows, the weight of all of them added in their order, or nothing. */
static double total_of(const training *t, const int32_t *rows, int64_t n_rows) {
    const void *weight = t->data->answers[0].weight;
    const int32_t divisor = t->network->model.header->divisor;
    if (divisor == FNN_BY_NOTHING) return 1;
    if (divisor == FNN_BY_ROWS || !weight) return (double)n_rows;
    double total = 0;
    for (int64_t i = 0; i < n_rows; i++)
        total += t->network->kernels->item_size == 8 ? ((const double *)weight)[rows[i]]
                                                     : (double)((const float *)weight)[rows[i]];
    return total;
}

/* number / total, 0 where the total is 0. */
static double over(double number, double total) { return total != 0 ? number / total : 0; }

/* The loss of a batch as it is reported; sums[0] was `before` without it. */
static void report(const training *t, double *sums, double before, int64_t n_rows, double total) {
    const fnn_header *header = t->network->model.header;
    if (header->divisor != FNN_BY_ROWS || header->loss_reported != 1)
        sums[0] = before + (sums[0] - before) * over(header->loss_reported * (double)n_rows, total);
}

/* The way forward, the loss and the way back of a thread's own rows; whether the batch ends there. */
static int walk_rows(training *t, const fnn_block *block, const int32_t *rows, double factor, double *sums, range own,
                     walkers by) {
    const int is_last = by.thread == by.team->size - 1, together = by.team->size > 1 && t->terms;
    if (t->is_long)
        forward_pieces(t->network, block, own, by);
    else
        forward_rows(t->network, block, own, by);
    if (is_last && block->first_row == 0 && t->network->model.header->has_penalty)
        t->penalty_made = t->network->kernels->penalty(&t->network->model);
    if (by.thread == 0) t->so_far = sums[0];
    if (together)
        slopes_by_all(t, block, rows, factor, own, by);
    else if (loss_by_one(t, block, rows, factor, sums, by))
        return 1;
    if (t->is_long)
        backward_pieces(t->network, block, own, by);
    else
        backward_rows(t->network, block, own, by);
    if (by.thread == 0) t->off_at_dx = leaves(&t->exit);
    meet(by.team, block->clock);
    if (by.thread == 0) t->penalty = t->penalty_made;
    return t->off_at_dx || (together && !sums_by_turns(t, block, rows, sums, by));
}

/* factor is of the loss's gradients; scalars are given when the block's parameters are to be updated at once. Whether
 * the batch ends before its update: all threads say the same. */
static int train_block(training *t, fnn_block *block, const int32_t *rows, double factor, const update_scalars *scalars,
                       double *sums, fnn_team *team, int thread) {
    const range own = share(block->rows, ROW_UNIT, team, thread);
    const given_rows given = {t->network, t->data, t->order, t->run->n_samples};
    const void *inputs[FNN_MOST_INPUTS];
    gather_inputs(&given, block, rows, own, inputs);
    if (walk_rows(t, block, rows, factor, sums, own, (walkers){&t->exit, team, thread})) return 1;
    params_of_block(t->network, block, scalars, team->size > 1 ? t->parts : NULL, team, thread);
    meet(team, block->clock);
    return !t->is_finite;
}

/* Clipping needs all gradients, with those of the penalties; else both go along with the update. */
static void update_params(training *t, const update_scalars *scalars, fnn_team *team, int thread) {
    const fnn_model *model = &t->network->model;
    const fnn_kernels *kernels = t->network->kernels;
    const range own = share(model->header->n_params, PARAM_UNIT, team, thread);
    double scale = scalars->penalty_scale;
    fnn_clock *clock = clock_of(t->network, thread);
    if (model->optimizer->clip) {
        kernels->penalize(model, scale, own.begin, own.end);
        fnn_lap_of(clock, FNN_UPDATE);
        meet(team, clock);
        if (thread == 0) kernels->clip(model);
        fnn_lap_of(clock, FNN_UPDATE);
        meet(team, clock);
        scale = 0;
    }
    kernels->update(model, scalars->c, scale, own.begin, own.end);
    fnn_lap_of(clock, FNN_UPDATE);
    meet(team, clock);
}

static void constrain_params(const training *t, fnn_team *team, int thread) {
    if (!t->network->model.header->has_constraint) return;
    t->network->kernels->constrain(&t->network->model, thread, team->size);
    fnn_lap_of(clock_of(t->network, thread), FNN_UPDATE);
    meet(team, clock_of(t->network, thread));
}

/* What ops keep of all batches follows this one, and what the next one begins with is remembered. */
static void settle_ops(const training *t, fnn_team *team, int thread) {
    const fnn_model *model = &t->network->model;
    fnn_clock *clock = clock_of(t->network, thread);
    for (int i = 0; thread == 0 && i < model->header->n_ops; i++) {
        const fnn_op *op = &model->ops[i];
        const fnn_op_kernels *kernels = t->network->kernels->ops[op->kind];
        if (kernels->settle && !op->inference) kernels->settle(op, model);
        fnn_lap_of_op(&(fnn_block){.clock = clock}, model, op, FNN_STATISTICS);
    }
    meet(team, clock);
}

/* contract.train_step; whether something ended it before its update, of which all threads say the same. */
static int train_batch(training *t, const int32_t *rows, int64_t n_rows, int64_t step, fnn_rate rate, double *sums,
                       fnn_team *team, int thread) {
    const fnn_header *header = t->network->model.header;
    const int64_t block_rows = header->block_rows;
    const double before = thread ? 0 : sums[0]; /* thread 0 alone reads and writes sums */
    if (thread == 0 && t->before) memcpy(t->before, sums, (size_t)header->n_sums * sizeof(double));
    const double total = total_of(t, rows, n_rows);
    update_scalars scalars; /* no initialiser: it would write all groups */
    scalars.penalty_scale = header->divides_penalties ? over(1, total) : 1;
    fnn_scalars(&t->network->model, step + 1, rate.learning_rate, rate.decay, scalars.c);
    if (thread == 0) t->activity = 0;
    const fnn_cut cut = cut_of(t, n_rows);
    fnn_lap_of(clock_of(t->network, thread), FNN_BETWEEN);
    int ended = 0;
    const double factor = over(header->loss_scale, total);
    for (int64_t first = 0; first < n_rows && !ended; first += t->apart ? n_rows : block_rows) {
        fnn_block block = {.rows = at_most(block_rows, n_rows - first),
                           .first_row = first,
                           .step = step,
                           .dropping = rate.dropping,
                           .training = 1,
                           .accumulate = first > 0,
                           .activity_scale = 1 / (double)n_rows,
                           .shards = cut.n > 1 ? cut.shards : NULL, /* products of a single one are those of all rows */
                           .n_shards = cut.n,
                           .clock = clock_of(t->network, thread)};
        ended = t->apart
                    ? train_apart(t, &block, rows, n_rows, factor, sums, team, thread)
                    : train_block(t, &block, rows + first, factor, t->learns ? &scalars : NULL, sums, team, thread);
    }
    if (ended) {
        if (thread == 0 && t->before && t->is_finite) memcpy(sums, t->before, (size_t)header->n_sums * sizeof(double));
        return 1;
    }
    if (!t->learns) update_params(t, &scalars, team, thread);
    constrain_params(t, team, thread);
    if (header->settles) settle_ops(t, team, thread);
    if (thread != 0) return 0;
    report(t, sums, before, n_rows, total);
    sums[0] += (double)n_rows * scalars.penalty_scale * t->penalty + t->activity;
    return 0;
}

/* The stop rule. Thread 0 alone has the sums; the barrier is for its word, which it says again an epoch later. */
static void end_epoch(training *t, fnn_run *run, const double *sums, fnn_team *team, int thread) {
    if (thread == 0) {
        const double loss = sums[0] / (double)run->n_samples;
        run->wait = loss > run->best - run->tol ? run->wait + 1 : 0;
        if (loss < run->best) run->best = loss;
        if (run->patience >= 0) t->stalled = run->wait > run->patience;
    }
    if (run->patience >= 0) fnn_barrier(team);
}

static void advance(fnn_run *run, int64_t batch_size) {
    run->step++;
    run->batch++;
    if (run->batch * batch_size < run->n_samples) return;
    run->batch = 0;
    run->epoch++;
}

/* Room for the sums before a batch that is so long that it may be called off, or in which an op may fail. */
static void prepare_exit(training *t, int64_t n_rows) {
    const fnn_header *header = t->network->model.header;
    t->flop = flop_of_sample(t->network);
    const int is_long = 3 * t->flop * (double)n_rows >= LONG_FLOP;
    if (!is_long && !header->has_own) return;
    t->before = malloc((size_t)header->n_sums * sizeof(double));
    t->is_long = is_long && t->before;
}

/* Every thread keeps count in a run of its own; thread 0 writes the shared one back. */
static void train_task(void *argument, fnn_team *team, int thread) {
    training *t = argument;
    const fnn_header *header = t->network->model.header;
    fnn_clock *clock = clock_of(t->network, thread);
    fnn_run run = *t->run;
    if (!has_scratch(t->network, (walkers){&t->exit, team, thread})) return;
    const uint64_t control = fnn_flush_denormals();
    fnn_start_clock(clock);
    for (int64_t done = 0; done < run.max_steps && run.epoch < run.last_epoch; done++) {
        if (run.batch == 0 && run.shuffle) {
            if (thread == 0) fnn_fill_order(t->network->kernels, t->order, run.n_samples, header->seed, run.epoch);
            fnn_lap_of(clock, FNN_BETWEEN);
            meet(team, clock);
        }
        const int64_t first = run.batch * header->batch_size;
        double *sums = t->sums + (run.epoch - run.first_epoch) * header->n_sums;
        if (train_batch(t, t->order + first, at_most(header->batch_size, run.n_samples - first), run.step,
                        t->rates.rates[t->rates.one ? 0 : done], sums, team, thread))
            break;
        advance(&run, header->batch_size);
        if (run.batch == 0) end_epoch(t, &run, sums, team, thread);
        if (t->stalled) break;
    }
    fnn_lap_of(clock, FNN_BETWEEN);
    fnn_restore(control);
    fnn_barrier(team);
    run.status = !t->is_finite ? 1 : t->stalled ? 2 : 0;
    if (thread == 0) *t->run = run;
}

int fnn_train(const fnn_network *network, const fnn_data *data, int32_t *order, fnn_run *run, fnn_rates rates,
              const fnn_cuts *cuts, double *sums, int threads) {
    const fnn_header *header = network->model.header;
    const int64_t batch_rows = at_most(header->batch_size, run->n_samples);
    training t = {.network = network, .data = data, .order = order, .run = run, .rates = rates, .sums = sums};
    if (cuts) {
        const int64_t most = cuts->full.n > cuts->last.n ? cuts->full.n : cuts->last.n;
        t.of_shards = malloc((size_t)(most * header->n_sums) * sizeof(double));
        if (!t.of_shards) return FNN_NO_MEMORY;
    }
    t.cuts = cuts;
    t.learns = learns_at_once(network);
    t.is_finite = 1;
    prepare_exit(&t, batch_rows);
    if (!cuts) t.apart = room_apart(network, batch_rows, &threads);
    if (!t.apart) {
        threads = fnn_threads_for(network, at_most(batch_rows, header->block_rows), FNN_TRAINING_PASSES, threads);
        t.parts = room_for_parts(network, threads);
        t.terms = room_for_terms(network, threads);
    }
    fnn_parallel(threads, train_task, &t);
    free_apart(t.apart, threads);
    fnn_aligned_free(t.parts);
    free(t.terms);
    free(t.before);
    free(t.of_shards);
    return end_of(&t.exit, is_called_off(&t));
}

static void gradient_task(void *argument, fnn_team *team, int thread) {
    training *t = argument;
    const fnn_header *header = t->network->model.header;
    const int64_t n_rows = t->run->n_samples;
    const double before = thread ? 0 : t->sums[0], total = total_of(t, t->order, n_rows);
    if (!has_scratch(t->network, (walkers){&t->exit, team, thread})) return;
    const uint64_t control = fnn_flush_denormals();
    const double factor = over(header->loss_scale, total);
    for (int64_t first = 0, ended = 0; first < n_rows && !ended; first += t->apart ? n_rows : header->block_rows) {
        fnn_block block = {.rows = at_most(header->block_rows, n_rows - first),
                           .first_row = first,
                           .step = t->run->step,
                           .dropping = t->rates.rates->dropping,
                           .training = 1,
                           .accumulate = first > 0,
                           .activity_scale = 1 / (double)n_rows,
                           /* And the rest, which compilers else clear by an instruction that takes its time. */
                           .inputs = NULL,
                           .shards = NULL,
                           .n_shards = 0,
                           .parts = NULL,
                           .clock = NULL};
        ended = t->apart ? train_apart(t, &block, t->order, n_rows, factor, t->sums, team, thread)
                         : train_block(t, &block, t->order + first, factor, NULL, t->sums, team, thread);
    }
    fnn_restore(control);
    if (thread != 0) return;
    report(t, t->sums, before, n_rows, total);
    t->sums[0] += t->activity;
}

int fnn_gradient(const fnn_network *network, const fnn_data *data, int32_t *rows, int64_t n_rows, int64_t step,
                 double dropping, double *sums, int threads) {
    fnn_run run = {.n_samples = n_rows, .step = step};
    const fnn_rate rate = {.dropping = dropping};
    training t = {.network = network,
                  .data = data,
                  .order = rows,
                  .run = &run,
                  .rates = {.rates = &rate, .one = 1},
                  .sums = sums,
                  .is_finite = 1};
    const int64_t together = at_most(network->model.header->block_rows, n_rows);
    t.flop = flop_of_sample(network);
    t.is_long = 3 * t.flop * (double)n_rows >= LONG_FLOP;
    t.apart = room_apart(network, n_rows, &threads);
    if (!t.apart) {
        threads = fnn_threads_for(network, together, FNN_TRAINING_PASSES, threads);
        t.terms = room_for_terms(network, threads);
    }
    fnn_parallel(threads, gradient_task, &t);
    free_apart(t.apart, threads);
    free(t.terms);
    return end_of(&t.exit, is_called_off(&t));
}
