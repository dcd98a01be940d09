/* Batches of many small blocks: each thread takes whole blocks, in memory of its own, and what they add to the sums of
 * the loss and to the gradients it adds in its turn, in the order of the blocks.
 *
 * The bits are those of one block after another by one thread, for a block's own sum of dw starts from zero and is
 * added once. Threads that share each block (training.h) read each other's rows in dw and meet twice a block; here
 * they hand on a number of each parameter and wait for nobody but the one whose block comes before.
 *
 * Design: dense layers and what has no parameters alone. Kinds that add to dw piece by piece would need memory for
 * pieces, and they are of images and sequences, whose blocks are few and long. */
#ifndef FNN_APART_H
#define FNN_APART_H

#include "rows_of.h"
#include "training.h"

enum { BLOCKS_APART = 4 }; /* of a batch and a thread at least: with fewer some have one block more than others */

/* What a thread works in: the network with memory of its own for activations and gradients. A block sets all gradients
 * that it makes, and what no op makes stays zero: so they are cleared once, by the thread that will use them, near
 * which memory then lies. */
struct apart {
    fnn_network network;
    void *terms;
    int is_cleared;
};

static int adds_once(const fnn_op *op) { return op->kind == FNN_DENSE || (op->dw < 0 && op->db < 0); }

/* Whether blocks of a batch of so many rows may be taken by threads apart. */
static int may_be_apart(const fnn_network *network, int64_t n_rows, int threads) {
    const fnn_header *header = network->model.header;
    const int64_t blocks = (n_rows + header->block_rows - 1) / header->block_rows;
    if (threads < 2 || blocks < (int64_t)BLOCKS_APART * threads || header->stage_rows < header->block_rows) return 0;
    if (header->has_own || header->has_activity || header->measures || header->settles || header->shares_params)
        return 0;
    for (int i = 0; i < header->n_ops; i++)
        if (!adds_once(&network->model.ops[i])) return 0;
    return !is_balanced(&network->model);
}

static void free_apart(struct apart *apart, int threads) {
    for (int i = 0; apart && i < threads; i++) {
        fnn_aligned_free(apart[i].network.model.workspace);
        fnn_aligned_free(apart[i].network.model.grads);
        free(apart[i].terms);
    }
    free(apart);
}

/* For a batch of so many rows, with the threads that it is worth. NULL where blocks are better shared, and where there
 * is no memory: threads are as they were. */
static struct apart *room_apart(const fnn_network *network, int64_t n_rows, int *limit) {
    const size_t size = (size_t)network->kernels->item_size;
    const int threads = fnn_threads_for(network, n_rows, FNN_TRAINING_PASSES, *limit);
    struct apart *apart = may_be_apart(network, n_rows, threads) ? calloc((size_t)threads, sizeof *apart) : NULL;
    int all = apart != NULL;
    for (int i = 0; apart && i < threads; i++) {
        apart[i].network = *network;
        fnn_model *own = &apart[i].network.model;
        own->workspace = fnn_aligned_alloc(own->workspace_bytes);
        own->grads = fnn_aligned_alloc((size_t)own->header->n_params * size);
        apart[i].terms = room_for_terms(network, threads);
        all &= own->workspace && own->grads && apart[i].terms;
    }
    if (all) {
        *limit = threads;
        return apart;
    }
    free_apart(apart, threads);
    return NULL;
}

/* Forward, loss and back of a block, its gradients in the thread's own memory. */
static void walk_apart(training *t, fnn_block *block, const int32_t *rows, double factor, walkers alone) {
    struct apart *own = &t->apart[alone.thread];
    const fnn_network *network = &own->network;
    const range all = {0, block->rows};
    const given_rows given = {network, t->data, t->order, t->run->n_samples};
    const void *inputs[FNN_MOST_INPUTS];
    const fnn_share share = {0, block->rows, 0, block->rows};
    gather_inputs(&given, block, rows, all, inputs);
    forward_rows(network, block, all, alone);
    network->kernels->losses->slopes(&network->model, t->data->answers, rows, &share, factor, own->terms);
    fnn_lap_of(block->clock, FNN_LOSS);
    backward_rows(network, block, all, alone);
    params_of_block(network, block, NULL, NULL, alone.team, 0);
}

/* Whether the turn of the i-th block comes; no, when the batch ends before it. */
static int await_turn(training *t, int64_t i, fnn_clock *clock) {
    int spins = 0;
    while (__atomic_load_n(&t->turn, __ATOMIC_ACQUIRE) != i) {
        if (!__atomic_load_n(&t->is_finite, __ATOMIC_RELAXED) || leaves(&t->exit)) return 0;
        fnn_spin(&spins);
    }
    fnn_lap_of(clock, FNN_WAITING);
    return 1;
}

/* grads = or += a block's. */
static void add_gradients(const fnn_network *network, const void *of_block, int add) {
    void *grads = network->model.grads;
    const int64_t n = network->model.header->n_params;
    if (!add)
        memcpy(grads, of_block, (size_t)(n * network->kernels->item_size));
    else if (network->kernels->item_size == (int)sizeof(double))
        for (int64_t i = 0; i < n; i++) ((double *)grads)[i] += ((const double *)of_block)[i];
    else
        for (int64_t i = 0; i < n; i++) ((float *)grads)[i] += ((const float *)of_block)[i];
}

/* In the block's turn; whether the batch goes on. */
static int add_block(training *t, const fnn_block *block, const int32_t *rows, double *sums, int thread) {
    const struct apart *own = &t->apart[thread];
    const fnn_model *model = &own->network.model;
    const double before = sums[0];
    t->network->kernels->losses->sums(model, t->data->answers, rows, 0, block->rows, own->terms, 0, sums);
    fnn_lap_of(block->clock, FNN_LOSS);
    if (!isfinite(sums[0] - before)) {
        __atomic_store_n(&t->is_finite, 0, __ATOMIC_RELAXED);
        return 0;
    }
    add_gradients(t->network, model->grads, block->first_row > 0);
    fnn_lap_of(block->clock, FNN_UPDATE);
    return 1;
}

static void clear_once(struct apart *own) {
    const fnn_model *model = &own->network.model;
    if (!own->is_cleared) memset(model->grads, 0, (size_t)(model->header->n_params * own->network.kernels->item_size));
    own->is_cleared = 1;
}

/* All blocks of a batch; whether it ends before its update, of which all threads say the same. */
static int train_apart(training *t, const fnn_block *like, const int32_t *rows, int64_t n_rows, double factor,
                       double *sums, fnn_team *team, int thread) {
    const fnn_header *header = t->network->model.header;
    fnn_team one = {1, 0, 0};
    clear_once(&t->apart[thread]);
    if (thread == team->size - 1 && header->has_penalty)
        t->penalty_made = t->network->kernels->penalty(&t->network->model);
    for (int64_t i = thread; i * header->block_rows < n_rows && !leaves(&t->exit); i += team->size) {
        fnn_block block = *like;
        block.first_row = i * header->block_rows;
        block.rows = at_most(header->block_rows, n_rows - block.first_row);
        walk_apart(t, &block, rows + block.first_row, factor, (walkers){&t->exit, &one, thread});
        if (!await_turn(t, i, block.clock) || !add_block(t, &block, rows + block.first_row, sums, thread)) break;
        __atomic_store_n(&t->turn, i + 1, __ATOMIC_RELEASE);
        if (t->is_long && thread == 0) ask(&t->exit, 3 * t->flop * (double)block.rows);
    }
    meet(team, like->clock);
    if (thread == 0) t->turn = 0, t->penalty = t->penalty_made, t->off_at_dx = leaves(&t->exit);
    return !t->is_finite || leaves(&t->exit);
}

#endif
