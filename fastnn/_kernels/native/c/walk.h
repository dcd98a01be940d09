/* The walk over a plan's ops: what contract.py's functions do, in the order of reference.py. */
#ifndef FNN_WALK_H
#define FNN_WALK_H

#include "kernels.h"

/* A model with the kernels for its dtype. */
typedef struct {
    const fnn_kernels *kernels;
    fnn_model model;
    size_t scratch; /* bytes that a thread wants for the plan's ops */
    int64_t few;    /* most rows that are predicted as a few, see walk.c */
    char *clocks;   /* a clock of each thread, so many bytes apart, for as many threads as a call may have; or NULL */
    size_t clock_size;
} fnn_network;

/* Settles what follows from all else in a network; to be called once, before any other function here. */
void fnn_prepare(fnn_network *);

/* The rows of a fit: one source for each input and one answer for each loss. */
typedef struct {
    const fnn_source *sources;
    const fnn_answer *answers;
} fnn_data;

/* Of an update: its learning rate, what the weight decay is multiplied by, and what the rates of dropout are. */
typedef struct {
    double learning_rate, decay, dropping;
} fnn_rate;

/* Those of a call: one for each update, or one for all. */
typedef struct {
    const fnn_rate *rates;
    int one;
} fnn_rates;

/* The shards of a batch. */
typedef struct {
    const fnn_shard *shards;
    int64_t n;
} fnn_cut;

/* Those of a batch of header.batch_size rows, and of the last one of an epoch where it has fewer. */
typedef struct {
    fnn_cut full, last;
} fnn_cuts;

/* So many are predicted in less time than threads, Python's lock and whatever many rows want would take. */
enum { FNN_FEW_ROWS = 4 };

enum fnn_end { FNN_DONE, FNN_CALLED_OFF, FNN_NO_MEMORY };

/* Each takes an upper bound on threads and uses fewer when the work is small. All flush denormals to zero. Those that
 * return an int say how they ended. Called off (pulse.h): an update that was begun has not changed parameters, and a
 * run stands where it began; rows of a prediction are missing. No memory: nothing was begun. */
int fnn_forward(const fnn_network *, const fnn_block *, int threads);
int fnn_backward(const fnn_network *, const fnn_block *, int threads);
double fnn_update(const fnn_network *, int64_t step, double learning_rate, double penalty_scale, double decay);
/* contract.gradient of rows[0], rows[1], ..., which are 0, 1, ... */
int fnn_gradient(const fnn_network *, const fnn_data *, int32_t *rows, int64_t n_rows, int64_t step, double dropping,
                 double *sums, int threads);
/* contract.train, or with cuts contract.train_of_shards; they may be NULL. */
int fnn_train(const fnn_network *, const fnn_data *, int32_t *order, fnn_run *, fnn_rates, const fnn_cuts *,
              double *sums, int threads);
/* contract.loss_of_shards of rows[0], rows[1], ... of the answers; each shard has a row of n_sums numbers of sums. */
void fnn_loss_of_shards(const fnn_network *, const fnn_answer *, const int32_t *rows, fnn_cut, double scale,
                        double *sums, int64_t n_sums);
/* outputs[i] takes the i-th output's rows. rooms[i] is for header.block_rows dense rows of the i-th input, NULL where
 * its rows lie one behind the other. */
int fnn_predict(const fnn_network *, const fnn_source *, int64_t n_rows, void *const *rooms, void *const *outputs,
                int threads);
/* The same for an fnn_network of one input and one output, in this thread, which asks nobody: no Python is called. */
int fnn_predict_alone(const void *network, const void *x, void *y, int64_t n_rows);

enum { FNN_TRAINING_PASSES = 3 }; /* forward, and back by rows and by parameters; an update follows */

/* Threads worth using for so many passes over this many rows at a time, of at most `limit`. */
int fnn_threads_for(const fnn_network *, int64_t rows, int passes, int limit);

/* Floating-point operations of float32 in a block that are worth a thread, of float64 half as many, which take as long;
 * less is done sooner alone. Only tests change it. */
extern double fnn_flop_a_thread;

#endif
