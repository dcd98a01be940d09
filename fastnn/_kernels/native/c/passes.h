/* A pass over one block, as the threads of a team see it: what walk.c and train.c share.
 *
 * Design: inline in both files; calls between them would be felt where a step has few numbers. */
#ifndef FNN_PASSES_H
#define FNN_PASSES_H

#include "platform/platform.h"
#include "pulse.h"
#include "scratch.h"
#include "threads.h"
#include "walk.h"

enum {
    ROW_UNIT = 8,    /* rows a thread takes are a multiple of this */
    DW_UNIT = 4,     /* rows of dw likewise */
    DW_COLUMNS = 8,  /* of dw that are made together, about */
    DB_UNITS = 6,    /* rows of dw that take as long as db, about */
    PARAM_UNIT = 16, /* parameters likewise: a cache line of float */
    PIECE_ROWS = 256 /* least rows of a piece, so that they share a pass over large weights */
};
enum {
    PARTS_BYTES = 1 << 20, /* of the parts of a dw that are made by samples: more do not stay in the cache */
    PARTS_GAP = 128        /* between those of two ops, and between two threads' memory at least */
};
enum {
    SHARED_ROWS = 32,       /* of a block, at most, whose products threads share by outputs ... */
    SHARED_BYTES = 2 << 20, /* of weights that are more than so many, which a second-level cache does not hold */
    SHARED_UNIT = 96        /* outputs that a thread takes are a multiple of this: whole tiles */
};
#define PIECE_FLOP 2e9 /* of an op between two questions whether the call shall end */

typedef struct {
    int64_t begin, end;
} range;

static inline int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

static inline range share(int64_t n, int64_t unit, const fnn_team *team, int thread) {
    const int64_t units = (n + unit - 1) / unit;
    return (range){at_most(units * thread / team->size * unit, n),
                   at_most(units * (thread + 1) / team->size * unit, n)};
}

static inline void *number_at(const fnn_network *network, void *arena, int64_t offset) {
    return (char *)arena + offset * network->kernels->item_size;
}

/* Whether rows lie one behind the other, so that ops read them where they are. */
static inline int lie_as_rows(const fnn_source *x) { return !x->starts && !x->pitch; }

static inline int are_compressed(const fnn_source *x) { return x->starts && !x->pitch; }

/* Writes rows out, dense; they may be NULL for the first n_rows. */
static inline void write_rows(const fnn_network *network, const fnn_source *x, const int32_t *rows, int64_t n_rows,
                              int64_t width, void *to) {
    (are_compressed(x) ? network->kernels->scatter : network->kernels->gather)(x, rows, n_rows, width, to);
}

/* What ends a call early. The first thread asks between pieces of work; the others see its answer and leave, too. */
typedef struct {
    fnn_pulse pulse;
    int answer;
    int no_memory; /* a thread had none to begin with */
} fnn_exit;

static inline int leaves(const fnn_exit *way) { return __atomic_load_n(&way->answer, __ATOMIC_RELAXED); }

static inline void leave(fnn_exit *way) { __atomic_store_n(&way->answer, 1, __ATOMIC_RELAXED); }

static inline void ask(fnn_exit *way, double flop) {
    if (fnn_beat(&way->pulse, flop)) leave(way);
}

/* The threads that walk a block together, and how they leave it. */
typedef struct {
    fnn_exit *exit;
    fnn_team *team;
    int thread;
} walkers;

static inline fnn_clock *clock_of(const fnn_network *network, int thread) {
    return network->clocks ? (fnn_clock *)(network->clocks + network->clock_size * (size_t)thread) : NULL;
}

/* A barrier; the time until all are there is told from that of the work before it. */
static inline void meet(fnn_team *team, fnn_clock *clock) {
    fnn_barrier(team);
    if (team->size > 1) fnn_lap_of(clock, FNN_WAITING);
}

/* Whether every thread of the team has the scratch memory that the plan's ops want; all say the same. */
static inline int has_scratch(const fnn_network *network, walkers by) {
    if (!network->scratch) return 1;
    if (!fnn_scratch(network->scratch)) __atomic_store_n(&by.exit->no_memory, 1, __ATOMIC_RELAXED);
    fnn_barrier(by.team);
    return !__atomic_load_n(&by.exit->no_memory, __ATOMIC_RELAXED);
}

/* How a call ended, see walk.h. */
static inline int end_of(const fnn_exit *way, int called_off) {
    return way->no_memory ? FNN_NO_MEMORY : called_off ? FNN_CALLED_OFF : FNN_DONE;
}

/* All ops of a block for a thread's rows, forward or back. With `asks` the call may end between two stages' pieces. */
void fnn_forward_stages(const fnn_network *, const fnn_block *, range rows, walkers by, int asks);
void fnn_backward_stages(const fnn_network *, const fnn_block *, range rows, walkers by, int asks);

/* An op that wants the whole block: the first thread does it while the others wait. */
static inline void do_whole(const fnn_network *network, const fnn_op *op, const fnn_block *block, int backward,
                            walkers by) {
    meet(by.team, block->clock);
    if (by.thread == 0 && !leaves(by.exit) &&
        network->kernels->ops[op->kind]->whole(op, &network->model, block, backward))
        leave(by.exit);
    fnn_lap_of_op(block, &network->model, op, backward ? FNN_BACK : FNN_FORWARD);
    meet(by.team, block->clock);
}

/* Whether threads share an op by its outputs: of so few rows that to read the weights takes longer than to multiply by
 * them, so that no thread should read those of others. */
static inline int is_shared(const fnn_network *network, const fnn_op *op, const fnn_block *block, walkers by) {
    return by.team->size > 1 && block->training && network->kernels->ops[op->kind]->multiply &&
           block->rows * op->repeat <= SHARED_ROWS && op->weights * network->kernels->item_size > SHARED_BYTES;
}

/* Such an op, of which the thread has these rows before and behind. */
static inline void do_shared(const fnn_network *network, const fnn_op *op, const fnn_block *block, int backward,
                             range rows, walkers by) {
    const fnn_op_kernels *kernels = network->kernels->ops[op->kind];
    const range own = share(backward ? op->n_in : op->n_out, SHARED_UNIT, by.team, by.thread);
    if (backward) {
        kernels->activate(op, &network->model, 1, rows.begin, rows.end);
        fnn_lap_of_op(block, &network->model, op, FNN_ACTIVATE_BACK);
    }
    meet(by.team, block->clock);
    if (own.begin < own.end) kernels->multiply(op, &network->model, block, backward, own.begin, own.end);
    fnn_lap_of_op(block, &network->model, op, backward ? FNN_BACK : FNN_FORWARD);
    meet(by.team, block->clock);
    if (backward) return;
    kernels->activate(op, &network->model, 0, rows.begin, rows.end);
    fnn_lap_of_op(block, &network->model, op, FNN_ACTIVATE);
}

/* An op that is not done by each thread for its rows; false for others. */
static inline int do_together(const fnn_network *network, const fnn_op *op, const fnn_block *block, int backward,
                              range rows, walkers by) {
    if (network->kernels->ops[op->kind]->whole)
        do_whole(network, op, block, backward, by);
    else if (is_shared(network, op, block, by))
        do_shared(network, op, block, backward, rows, by);
    else
        return 0;
    return 1;
}

/* Whether rows pass through the ops a few at a time, or meet at ops that measure the batch: see stages.c. */
static inline int in_stages(const fnn_network *network, const fnn_block *block) {
    const fnn_header *header = network->model.header;
    return header->stage_rows < block->rows || (header->measures && block->training);
}

static inline void forward_rows(const fnn_network *network, const fnn_block *block, range rows, walkers by) {
    const fnn_model *model = &network->model;
    if (in_stages(network, block)) {
        fnn_forward_stages(network, block, rows, by, 0);
        return;
    }
    for (int i = 0; i < model->header->n_ops; i++) {
        const fnn_op *op = &model->ops[i];
        const fnn_op_kernels *kernels = network->kernels->ops[op->kind];
        if (!do_together(network, op, block, 0, rows, by) && rows.begin < rows.end)
            kernels->forward(op, model, block, rows.begin, rows.end);
        fnn_lap_of_op(block, model, op, FNN_FORWARD);
    }
}

/* The gradient of an op's own penalty, where it has one. */
static inline void penalize_output(const fnn_network *network, const fnn_op *op, const fnn_block *block, range rows) {
    if (op->activity_l1 != 0 || op->activity_l2 != 0)
        network->kernels->activity_back(op, &network->model, block, rows.begin, rows.end);
}

/* Whether the i-th op's output has a gradient that the op hands on. */
static inline int has_way_back(const fnn_network *network, int i) {
    const fnn_op *op = &network->model.ops[i];
    const fnn_op_kernels *kernels = network->kernels->ops[op->kind];
    return network->model.values[op->output].grad >= 0 && (kernels->backward_rows || kernels->whole);
}

static inline void backward_rows(const fnn_network *network, const fnn_block *block, range rows, walkers by) {
    const fnn_model *model = &network->model;
    if (in_stages(network, block)) {
        fnn_backward_stages(network, block, rows, by, 0);
        return;
    }
    for (int i = model->header->n_ops - 1; i >= 0; i--) {
        const fnn_op *op = &model->ops[i];
        const fnn_op_kernels *kernels = network->kernels->ops[op->kind];
        if (!has_way_back(network, i)) continue;
        if (rows.begin < rows.end) penalize_output(network, op, block, rows);
        if (!do_together(network, op, block, 1, rows, by) && rows.begin < rows.end)
            kernels->backward_rows(op, model, block, rows.begin, rows.end);
        fnn_lap_of_op(block, model, op, FNN_BACK);
    }
}

/* Floating-point operations of a sample going forward, about. */
static inline double flop_of_op(const fnn_op *op) {
    return (2.0 * (double)op->weights + 32 * (double)op->n_out) * (double)op->repeat;
}

static inline double flop_of_sample(const fnn_network *network) {
    double flop = 0;
    for (int i = 0; i < network->model.header->n_ops; i++) flop += flop_of_op(&network->model.ops[i]);
    return flop;
}

typedef void (*fnn_rows_kernel)(const fnn_op *, const fnn_model *, const fnn_block *, int64_t begin, int64_t end);

/* Rows of one of the equal pieces of an op's rows: each reads, and maybe packs, all weights. */
static inline int64_t rows_of_piece(int64_t rows, double flop) {
    const int64_t wanted = (int64_t)(PIECE_FLOP / (flop + 1)), least = wanted > PIECE_ROWS ? wanted : PIECE_ROWS;
    const int64_t pieces = (rows + least / 2) / least;
    return pieces > 1 ? ((rows + pieces - 1) / pieces + ROW_UNIT - 1) / ROW_UNIT * ROW_UNIT : rows;
}

/* An op's kernel on rows, in pieces; it stops between two when the call shall end. */
static inline void run_pieces(fnn_rows_kernel kernel, const fnn_op *op, const fnn_model *model, const fnn_block *block,
                              range rows, enum fnn_part part, walkers by) {
    const double flop = flop_of_op(op);
    const int64_t piece = rows_of_piece(rows.end - rows.begin, flop);
    for (int64_t begin = rows.begin; begin < rows.end && !leaves(by.exit); begin += piece) {
        const int64_t end = at_most(begin + piece, rows.end);
        kernel(op, model, block, begin, end);
        fnn_lap_of_op(block, model, op, part);
        if (by.thread == 0) ask(by.exit, flop * (double)(end - begin));
    }
}

/* forward_rows and backward_rows of long work; what they leave when the call shall end is of no use. */
static inline void forward_pieces(const fnn_network *network, const fnn_block *block, range rows, walkers by) {
    const fnn_model *model = &network->model;
    if (in_stages(network, block)) {
        fnn_forward_stages(network, block, rows, by, 1);
        return;
    }
    for (int i = 0; i < model->header->n_ops; i++) {
        const fnn_op *op = &model->ops[i];
        const fnn_op_kernels *kernels = network->kernels->ops[op->kind];
        if (!do_together(network, op, block, 0, rows, by))
            run_pieces(kernels->forward, op, model, block, rows, FNN_FORWARD, by);
    }
}

static inline void backward_pieces(const fnn_network *network, const fnn_block *block, range rows, walkers by) {
    const fnn_model *model = &network->model;
    if (in_stages(network, block)) {
        fnn_backward_stages(network, block, rows, by, 1);
        return;
    }
    for (int i = model->header->n_ops - 1; i >= 0; i--) {
        const fnn_op *op = &model->ops[i];
        const fnn_op_kernels *kernels = network->kernels->ops[op->kind];
        if (!has_way_back(network, i)) continue;
        penalize_output(network, op, block, rows);
        if (!do_together(network, op, block, 1, rows, by))
            run_pieces(kernels->backward_rows, op, model, block, rows, FNN_BACK, by);
    }
}

/* An update: c as fnn_scalars gives it, and what penalties are multiplied by. */
typedef struct {
    double c[FNN_MOST_GROUPS * FNN_N_SCALARS], penalty_scale;
} update_scalars;

/* Bytes of the parts of an op's dw in the largest block; 0 where it has none, or where they do not stay in the cache.
 */
static inline size_t parts_size(const fnn_network *network, int i) {
    const int64_t rows = at_most(network->model.header->batch_size, network->model.header->block_rows);
    const fnn_op *op = &network->model.ops[i];
    const fnn_op_kernels *kernels = network->kernels->ops[op->kind];
    if (!kernels->part || op->dw < 0) return 0;
    const size_t bytes = (size_t)((rows + kernels->part_samples - 1) / kernels->part_samples) * kernels->part(op);
    return bytes > PARTS_BYTES ? 0 : (bytes + PARTS_GAP) / PARTS_GAP * PARTS_GAP;
}

/* Room for all of them, where several threads will make them; NULL where they had better share units, and where
 * there is no memory. */
static inline void *room_for_parts(const fnn_network *network, int threads) {
    size_t bytes = 0;
    for (int i = 0; threads > 1 && i < network->model.header->n_ops; i++) bytes += parts_size(network, i);
    return bytes ? fnn_aligned_alloc(bytes) : NULL;
}

/* The k-th op whose parameters are taken: with several ops of the same parameters the last one sets their gradient and
 * the others add to it, else the first is the one whose numbers were in use last. */
static inline int op_in_turn(const fnn_network *network, int k) {
    const fnn_header *header = network->model.header;
    return header->shares_params ? header->n_ops - 1 - k : k;
}

/* Where the units of a thread begin. `owed` is what the threads before it have got less than their due from the ops
 * before, in columns of dw, which this one makes up for within half a thread's share, so that no cut is before the last
 * one. Columns are made in whole vectors, and db comes with the first units. */
static inline int64_t cut_of_units(const fnn_op *op, int threads, int thread, double *owed) {
    const int64_t n = op->units, least = n * (2 * thread - 1) / (2 * threads),
                  most = n * (2 * thread + 1) / (2 * threads);
    const double each = (double)((op->weights / n + DW_COLUMNS - 1) / DW_COLUMNS * DW_COLUMNS);
    const double of_db = op->db < 0 ? 0 : DB_UNITS * each, others = of_db * (threads - thread) / threads;
    if (thread == 0 || thread == threads) return thread ? n : 0;
    const double due = (double)n * thread / threads, wanted = due + (*owed - others) / each;
    int64_t cut = wanted<(double)least ? least : wanted>(double) most ? most : (int64_t)wanted;
    cut = at_most((cut + DW_UNIT / 2) / DW_UNIT * DW_UNIT, n);
    *owed += (due - (double)cut) * each + (cut ? 0 : of_db) - others;
    return cut;
}

/* Units of an op for a thread. Those without products, and those whose parameters others have too, are cut evenly, the
 * latter at the same places. */
static inline range share_of_units(const fnn_network *network, const fnn_op *op, const fnn_team *team, int thread,
                                   double owed[2]) {
    if (team->size == 1 || !op->weights || network->model.header->shares_params)
        return share(op->units, ROW_UNIT, team, thread);
    const int64_t begin = cut_of_units(op, team->size, thread, &owed[0]);
    return (range){begin, cut_of_units(op, team->size, thread + 1, &owed[1])};
}

/* The parts of all ops' dw that are made by samples, one behind the other: each thread those of its own. */
static inline void make_parts(const fnn_network *network, const fnn_block *block, char *room, fnn_team *team,
                              int thread) {
    char *at = room;
    for (int k = 0; k < network->model.header->n_ops; k++) {
        const int i = op_in_turn(network, k);
        const size_t bytes = parts_size(network, i);
        if (!bytes) continue;
        const fnn_op *op = &network->model.ops[i];
        const fnn_op_kernels *kernels = network->kernels->ops[op->kind];
        const range own = share((block->rows + kernels->part_samples - 1) / kernels->part_samples, 1, team, thread);
        kernels->make_parts(op, &network->model, block, own.begin, own.end, at);
        fnn_lap_of_op(block, &network->model, op, FNN_DW);
        at += bytes;
    }
    if (at != room) meet(team, block->clock);
}

/* dw and db, or with scalars the update of these parameters at once. With room several threads make parts first. */
static inline void params_of_block(const fnn_network *network, const fnn_block *block, const update_scalars *scalars,
                                   char *room, fnn_team *team, int thread) {
    const fnn_model *model = &network->model;
    fnn_block with_parts;
    const fnn_block *told = block;
    double owed[2] = {0, 0};
    if (room) {
        make_parts(network, block, room, team, thread);
        with_parts = *block, told = &with_parts;
    }
    for (int k = 0; k < model->header->n_ops; k++) {
        const int i = op_in_turn(network, k);
        const fnn_op *op = &model->ops[i];
        const fnn_op_kernels *kernels = network->kernels->ops[op->kind];
        if (room) {
            const size_t parts = parts_size(network, i);
            with_parts.parts = parts ? room : NULL;
            room += parts;
        }
        if (op->dw < 0 && op->db < 0) continue;
        const range units = share_of_units(network, op, team, thread, owed);
        if (units.begin == units.end) continue;
        if (scalars)
            kernels->learn(op, model, told, scalars->c, scalars->penalty_scale, units.begin, units.end);
        else
            kernels->backward_params(op, model, told, block->accumulate || op->adds_params, units.begin, units.end);
        fnn_lap_of_op(block, model, op, scalars ? FNN_LEARN : FNN_DW);
    }
}

#endif
