/* What the threads of a training share, and the loss of a block: by the first of them alone, or by all.
 *
 * A thread has the same rows all the way: it gathers them, takes them forward, makes the slopes of their loss and takes
 * those back. Nobody else reads what it writes there before dw, so that threads meet twice a block: before dw, which
 * reads all rows, and behind it, before the next rows take their places and the update reads dw.
 *
 * Design: sums of the loss add up in the order of the rows, so all threads keep what a row adds and one adds it up
 * beside dw, in turn from block to block. Where the update comes with dw each thread adds up for itself whether the
 * loss is finite, which is sooner than to wait. Ops of a user's own and penalties of what ops give have the first
 * thread do all: their plans wait once more before the way back, and go none of a loss that is not finite. */
#ifndef FNN_TRAINING_H
#define FNN_TRAINING_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "passes.h"

typedef struct {
    const fnn_network *network;
    const fnn_data *data;
    int32_t *order;
    fnn_run *run;
    fnn_rates rates;
    double *sums;
    int learns;    /* update with dw, without a pass over grads */
    int is_finite; /* the loss of the batch at hand; the thread that adds it up writes it, before all meet behind dw */
    int stalled;   /* the stop rule's word after an epoch; thread 0 writes it */
    double activity; /* penalty of what ops gave for the batch at hand; thread 0 alone reads and writes it */
    /* The call shall end, as all threads agree behind the barrier of the loss and that of dx. Two, so that thread 0
     * never writes one that others may still be reading. */
    int off_at_loss, off_at_dx;
    fnn_exit exit;
    double flop;    /* of a sample going forward */
    int is_long;    /* batches are */
    double *before; /* sums before a batch that may end in the middle; thread 0's */
    char *parts;    /* room_for_parts */
    void *terms;    /* of the rows of a block; NULL: thread 0 makes the loss */
    double so_far;  /* sums[0] before the block at hand, for all; thread 0 writes it before all meet before dw */
    /* Of the parameters before the update at hand: the team's last thread writes it before all meet before dw, thread 0
     * takes it over before they meet behind. */
    double penalty_made, penalty;
    struct apart *apart;  /* of each thread, where they take whole blocks, see apart.h; else NULL */
    int64_t turn;         /* the block whose sums are added next */
    const fnn_cuts *cuts; /* NULL: a batch is no shards */
    double *of_shards;    /* sums of those of the batch at hand */
} training;

/* Whether the call, which is at its end, was called off. */
static inline int is_called_off(const training *t) { return t->is_finite && (t->off_at_loss || t->off_at_dx); }

/* The shards of a batch, which is a block then. */
static inline fnn_cut cut_of(const training *t, int64_t n_rows) {
    if (!t->cuts) return (fnn_cut){0};
    return n_rows == t->network->model.header->batch_size ? t->cuts->full : t->cuts->last;
}

/* Losses of shards, each of which begins with zeros, added in their order. */
static void add_shards(const training *t, int64_t n_shards, double *sums) {
    const int64_t n = t->network->model.header->n_sums;
    for (int64_t s = 0; s < n_shards; s++)
        for (int64_t i = 0; i < n; i++) sums[i] += t->of_shards[s * n + i];
}

static double *zeroed_shards(training *t, int64_t n_shards) {
    return memset(t->of_shards, 0, (size_t)(n_shards * t->network->model.header->n_sums) * sizeof(double));
}

/* ---- the loss by thread 0 ---- */

static void block_loss(training *t, const fnn_block *block, const int32_t *rows, double factor, double *sums) {
    const fnn_network *network = t->network;
    const double before = sums[0];
    if (t->cuts) {
        const fnn_cut cut = cut_of(t, block->rows);
        double *of_shards = zeroed_shards(t, cut.n);
        fnn_loss_of_shards(network, t->data->answers, rows, cut, factor, of_shards, network->model.header->n_sums);
        add_shards(t, cut.n, sums);
    } else {
        network->kernels->losses->loss(&network->model, t->data->answers, rows, 0, block->rows, factor, sums);
    }
    if (network->model.header->has_activity) t->activity += network->kernels->activity(&network->model, block->rows);
    t->is_finite &= isfinite(sums[0] - before + t->activity) != 0;
}

/* Between the ways forward and back, where nothing has been added to the sums of a short batch: later blocks go on to
 * its end. */
static inline void ask_before_loss(training *t, const fnn_block *block) {
    if (!t->is_long && block->first_row == 0) ask(&t->exit, 3 * t->flop * (double)block->rows);
}

/* All wait for the loss; whether the batch ends there. */
static int loss_by_one(training *t, const fnn_block *block, const int32_t *rows, double factor, double *sums,
                       walkers by) {
    meet(by.team, block->clock);
    if (by.thread == 0) {
        ask_before_loss(t, block);
        t->off_at_loss = leaves(&t->exit);
        if (!t->off_at_loss) block_loss(t, block, rows, factor, sums);
    }
    fnn_lap_of(block->clock, FNN_LOSS);
    meet(by.team, block->clock);
    return !t->is_finite || t->off_at_loss;
}

/* ---- the loss by all threads ---- */

/* Room for terms, where several threads will make them; NULL where the loss is better made by one. */
static void *room_for_terms(const fnn_network *network, int threads) {
    const fnn_header *header = network->model.header;
    int64_t rows = 0;
    if (threads < 2 || header->has_own || header->has_activity) return NULL;
    for (int i = 0; i < header->n_losses; i++) rows += header->block_rows * network->model.losses[i].repeat;
    return malloc((size_t)rows * (size_t)network->kernels->item_size);
}

/* Whether slopes of a row depend on which of all rows count. */
static int is_balanced(const fnn_model *model) {
    for (int i = 0; i < model->header->n_losses; i++)
        if (model->losses[i].balanced) return 1;
    return 0;
}

static void slopes_by_all(training *t, const fnn_block *block, const int32_t *rows, double factor, range own,
                          walkers by) {
    const fnn_network *network = t->network;
    const fnn_cut cut = cut_of(t, block->rows);
    if (by.thread == 0) ask_before_loss(t, block);
    if (is_balanced(&network->model)) meet(by.team, block->clock);
    for (int64_t s = 0, begin = 0, end; s < (t->cuts ? cut.n : 1) && !leaves(&t->exit); s++, begin = end) {
        end = t->cuts ? begin + cut.shards[s].rows : block->rows;
        const fnn_share share = {begin, end, begin > own.begin ? begin : own.begin, at_most(end, own.end)};
        if (share.first < share.last)
            network->kernels->losses->slopes(&network->model, t->data->answers, rows, &share, factor, t->terms);
    }
    fnn_lap_of(block->clock, FNN_LOSS);
}

/* sums of a block whose terms are there; of sums[0] alone whether it is finite. */
static int sums_of_terms(training *t, const fnn_block *block, const int32_t *rows, int only_first, double *sums) {
    const fnn_network *network = t->network;
    const double before = sums[0];
    const fnn_cut cut = cut_of(t, block->rows);
    double *of_shards = t->cuts && !only_first ? zeroed_shards(t, cut.n) : NULL;
    for (int64_t s = 0, begin = 0, end; s < (t->cuts ? cut.n : 1); s++, begin = end) {
        double first = 0, *to = !t->cuts ? sums : only_first ? &first : of_shards + s * network->model.header->n_sums;
        end = t->cuts ? begin + cut.shards[s].rows : block->rows;
        network->kernels->losses->sums(&network->model, t->data->answers, rows, begin, end, t->terms, only_first, to);
        if (t->cuts && only_first) sums[0] += first;
    }
    if (of_shards) add_shards(t, cut.n, sums);
    return isfinite(sums[0] - before) != 0;
}

/* Behind the barrier before dw: whether this thread may go on to it. */
static int sums_by_turns(training *t, const fnn_block *block, const int32_t *rows, double *sums, walkers by) {
    const int64_t turn = block->first_row / t->network->model.header->block_rows % by.team->size;
    double first = t->so_far;
    int is_finite = 1;
    if (by.thread == turn) {
        is_finite = sums_of_terms(t, block, rows, 0, sums);
        if (!is_finite) t->is_finite = 0;
    } else if (t->learns) {
        is_finite = sums_of_terms(t, block, rows, 1, &first);
    }
    fnn_lap_of(block->clock, FNN_LOSS);
    return is_finite || !t->learns;
}

#endif
