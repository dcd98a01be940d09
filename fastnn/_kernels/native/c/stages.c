/* The walk over ops whose numbers do not stay in the cache, as those of images do: runs of ops, the stages, through
 * which each thread pushes a few samples at a time.
 *
 * A stage ends before an op that measures the batch: there all threads meet. What the op has to know of the samples it
 * is told at the end of the stage that made them, while they are in the cache. Which rows pass together changes no bit,
 * since every number is made by one thread from its own row, and what is measured by one from its own part.
 *
 * Design: one sample at a time (rejected), so that it stays in the second-level cache until it is measured, costs the
 * convolutions before it as much as it saves. */
#include "passes.h"

static const fnn_op_kernels *kernels_of(const fnn_network *network, int i) {
    return network->kernels->ops[network->model.ops[i].kind];
}

static int measures(const fnn_network *network, const fnn_block *block, int i) {
    return block->training && !network->model.ops[i].inference && kernels_of(network, i)->measure;
}

/* All samples have told the op what it has to know of them. */
static void join(const fnn_network *network, const fnn_block *block, int i, int backward, walkers by) {
    const fnn_op *op = &network->model.ops[i];
    meet(by.team, block->clock);
    if (by.thread == 0) kernels_of(network, i)->join(op, &network->model, block, backward);
    fnn_lap_of_op(block, &network->model, op, FNN_STATISTICS);
    meet(by.team, block->clock);
}

static void tell(const fnn_network *network, const fnn_block *block, int i, int backward, range rows) {
    const fnn_op *op = &network->model.ops[i];
    if (backward) penalize_output(network, op, block, rows);
    kernels_of(network, i)->measure(op, &network->model, block, backward, rows.begin, rows.end);
    fnn_lap_of_op(block, &network->model, op, FNN_STATISTICS);
}

static double flop_of_stage(const fnn_network *network, int first, int last) {
    double flop = 0;
    for (int i = first; i < last; i++) flop += flop_of_op(&network->model.ops[i]);
    return flop;
}

/* Ops [first, last) of a stage for a few samples, back from the last. */
static void stage_back(const fnn_network *network, const fnn_block *block, int first, int last, range rows) {
    const fnn_model *model = &network->model;
    for (int i = last - 1; i >= first; i--) {
        if (!has_way_back(network, i)) continue;
        if (!measures(network, block, i)) penalize_output(network, &model->ops[i], block, rows);
        kernels_of(network, i)->backward_rows(&model->ops[i], model, block, rows.begin, rows.end);
        fnn_lap_of_op(block, model, &model->ops[i], FNN_BACK);
    }
}

static void stage_forward(const fnn_network *network, const fnn_block *block, int first, int last, range rows) {
    const fnn_model *model = &network->model;
    for (int i = first; i < last; i++) {
        kernels_of(network, i)->forward(&model->ops[i], model, block, rows.begin, rows.end);
        fnn_lap_of_op(block, model, &model->ops[i], FNN_FORWARD);
    }
}

/* Ops [first, last) of a thread's rows; then op `told`, where it measures, knows of them. */
static void run_stage(const fnn_network *network, const fnn_block *block, int first, int last, int backward, int told,
                      range rows, walkers by, int asks) {
    const int tells = told >= 0 && told < network->model.header->n_ops && measures(network, block, told) &&
                      (!backward || has_way_back(network, told));
    const int64_t step = (network->model.header->stage_rows + ROW_UNIT - 1) / ROW_UNIT * ROW_UNIT;
    const double flop = flop_of_stage(network, first, last) * (backward ? 2 : 1);
    for (int64_t begin = rows.begin; begin < rows.end && !leaves(by.exit); begin += step) {
        const range some = {begin, at_most(begin + step, rows.end)};
        if (backward)
            stage_back(network, block, first, last, some);
        else
            stage_forward(network, block, first, last, some);
        if (tells) tell(network, block, told, backward, some);
        if (asks && by.thread == 0) ask(by.exit, flop * (double)(some.end - some.begin));
    }
}

void fnn_forward_stages(const fnn_network *network, const fnn_block *block, range rows, walkers by, int asks) {
    const fnn_model *model = &network->model;
    int last;
    run_stage(network, block, 0, 0, 0, 0, rows, by, asks);
    for (int i = 0; i < model->header->n_ops; i = last) {
        last = i + 1;
        if (kernels_of(network, i)->whole) {
            do_whole(network, &model->ops[i], block, 0, by);
            run_stage(network, block, last, last, 0, last, rows, by, asks);
            continue;
        }
        if (measures(network, block, i)) join(network, block, i, 0, by);
        while (last < model->header->n_ops && !kernels_of(network, last)->whole && !measures(network, block, last))
            last++;
        run_stage(network, block, i, last, 0, last, rows, by, asks);
    }
}

void fnn_backward_stages(const fnn_network *network, const fnn_block *block, range rows, walkers by, int asks) {
    const fnn_model *model = &network->model;
    const int end = model->header->n_ops;
    int first;
    run_stage(network, block, end, end, 1, end - 1, rows, by, asks);
    for (int last = end; last > 0; last = first) {
        first = last - 1;
        if (kernels_of(network, first)->whole) {
            if (has_way_back(network, first)) {
                if (rows.begin < rows.end) penalize_output(network, &model->ops[first], block, rows);
                do_whole(network, &model->ops[first], block, 1, by);
            }
            run_stage(network, block, first, first, 1, first - 1, rows, by, asks);
            continue;
        }
        if (measures(network, block, first) && has_way_back(network, first)) join(network, block, first, 1, by);
        while (first > 0 && !kernels_of(network, first - 1)->whole && !measures(network, block, first - 1)) first--;
        run_stage(network, block, first, last, 1, first - 1, rows, by, asks);
    }
}
