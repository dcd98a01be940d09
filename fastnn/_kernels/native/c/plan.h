/* The plan as C sees it: twins of the enums of the definitions and of the records in records.py.
 * A test compares every value, offset and size with Python; change both together. */
#ifndef FNN_PLAN_H
#define FNN_PLAN_H

#include <stdint.h>

enum fnn_op_kind {
#define FNN_OP(NAME, name) FNN_##NAME,
#include "ops.def"
#undef FNN_OP
    FNN_N_OP_KINDS
};

enum fnn_join { FNN_ADD, FNN_SUBTRACT, FNN_MULTIPLY, FNN_AVERAGE, FNN_MAXIMUM, FNN_MINIMUM, FNN_N_JOINS };

enum fnn_activation_code {
    FNN_LINEAR,
    FNN_SIGMOID,
    FNN_TANH,
    FNN_RELU,
    FNN_LEAKY_RELU,
    FNN_ELU,
    FNN_SELU,
    FNN_GELU,
    FNN_SILU,
    FNN_SOFTPLUS,
    FNN_SOFTSIGN,
    FNN_HARD_SIGMOID,
    FNN_HARD_SWISH,
    FNN_EXPONENTIAL,
    FNN_SOFTMAX,
    FNN_LOG_SOFTMAX,
    FNN_RELU6,
    FNN_HARD_TANH,
    FNN_CELU,
    FNN_LOG_SIGMOID,
    FNN_GELU_TANH,
    FNN_MISH,
    FNN_TANH_SHRINK,
    FNN_HARD_SHRINK,
    FNN_SOFT_SHRINK,
    FNN_SPARSE_PLUS,
    FNN_SPARSE_SIGMOID,
    FNN_SQUAREPLUS,
    FNN_N_ACTIVATIONS
};

enum fnn_loss_code {
    FNN_BINARY_CROSSENTROPY,
    FNN_BINARY_CROSSENTROPY_LOGITS,
    FNN_CATEGORICAL_CROSSENTROPY,
    FNN_CATEGORICAL_CROSSENTROPY_LOGITS,
    FNN_SPARSE_CATEGORICAL_CROSSENTROPY,
    FNN_SPARSE_CATEGORICAL_CROSSENTROPY_LOGITS,
    FNN_MEAN_SQUARED_ERROR,
    FNN_MEAN_ABSOLUTE_ERROR,
    FNN_HUBER,
    FNN_LOG_COSH,
    FNN_POISSON,
    FNN_KL_DIVERGENCE,
    FNN_HINGE,
    FNN_PINBALL,
    FNN_POISSON_DEVIANCE,
    FNN_POISSON_DEVIANCE_LOGITS,
    FNN_BINARY_FOCAL_CROSSENTROPY,
    FNN_BINARY_FOCAL_CROSSENTROPY_LOGITS,
    FNN_CATEGORICAL_FOCAL_CROSSENTROPY,
    FNN_CATEGORICAL_FOCAL_CROSSENTROPY_LOGITS,
    FNN_SPARSE_CATEGORICAL_FOCAL_CROSSENTROPY,
    FNN_SPARSE_CATEGORICAL_FOCAL_CROSSENTROPY_LOGITS,
    FNN_MEAN_ABSOLUTE_PERCENTAGE_ERROR,
    FNN_MEAN_SQUARED_LOGARITHMIC_ERROR,
    FNN_SQUARED_HINGE,
    FNN_CATEGORICAL_HINGE,
    FNN_COSINE_SIMILARITY,
    FNN_INNER_PRODUCT,
    FNN_N_LOSSES
};

enum fnn_optimizer_code {
    FNN_SGD,
    FNN_MOMENTUM,
    FNN_NESTEROV,
    FNN_RMSPROP,
    FNN_RMSPROP_MOMENTUM,
    FNN_ADAGRAD,
    FNN_ADADELTA,
    FNN_ADAM,
    FNN_NADAM,
    FNN_ADAMAX,
    FNN_LION,
    FNN_AMSGRAD,
    FNN_FTRL,
    FNN_N_OPTIMIZERS
};

enum fnn_clip_code { FNN_CLIP_NONE, FNN_CLIP_VALUE, FNN_CLIP_NORM, FNN_CLIP_GLOBAL_NORM, FNN_N_CLIPS };

enum fnn_statistic_code {
    FNN_HITS,
    FNN_ARGMAX_HITS,
    FNN_TOP_K_HITS,
    FNN_SQUARED_ERROR,
    FNN_ABSOLUTE_ERROR,
    FNN_CONFUSION,
    FNN_ARGMAX_CONFUSION,
    FNN_MOMENTS,
    FNN_PREDICTIONS,
    FNN_NUMBER_HITS,
    FNN_N_STATISTICS
};

enum fnn_constraint_code { FNN_UNCONSTRAINED, FNN_NON_NEG, FNN_NORM, FNN_N_CONSTRAINTS };
enum fnn_divisor { FNN_BY_ROWS, FNN_BY_WEIGHT, FNN_BY_NOTHING, FNN_N_DIVISORS };

enum { FNN_N_PARAMETERS = 32, FNN_N_HYPER = 8, FNN_N_SCALARS = 10, FNN_N_GEOMETRY = 16 };
enum { FNN_N_MORE = 2, FNN_N_NUMBERS = 8 };
enum { FNN_MOST_INPUTS = 256, FNN_MOST_GROUPS = 256 };
enum { FNN_MANY = 256 }; /* sums of means of more numbers keep what rounding has lost: MANY of _ops/pool.py */
enum { FNN_NOT_POOLED, FNN_POOLED_NEXT, FNN_POOLED_BEFORE };

/* The array of all rows of a block between two ops. */
typedef struct {
    int64_t offset, grad, size;
} fnn_value;

/* One input of an op. */
typedef struct {
    int32_t value, adds;
} fnn_edge;

typedef struct {
    int32_t kind, activation, stream, first_edge, n_inputs, output, adds_params, inference, pooled, bfloat16;
    uint64_t seed;
    int64_t n_in, n_out, repeat;
    int64_t w, b, dw, db, more[FNN_N_MORE], dmore[FNN_N_MORE], z, scratch, room, weights, units;
    double parameter, rate, activity_l1, activity_l2, numbers[FNN_N_NUMBERS];
    int64_t geometry[FNN_N_GEOMETRY];
} fnn_op;

typedef struct {
    int32_t code, fused, sparse, n_parameters;
    int64_t n_out, repeat;
    int32_t output, place, mask, balanced;
    double factor, parameters[FNN_N_PARAMETERS];
} fnn_loss;

typedef struct {
    int32_t code, clip, n_slots, unused;
    double clip_at, weight_decay, hyper[FNN_N_HYPER];
} fnn_optimizer;

typedef struct {
    int32_t statistic, weighted, loss, unused;
    int64_t first, n_sums;
    double parameter;
} fnn_metric;

typedef struct {
    int64_t offset, size;
    double l1, l2;
    int32_t constraint, by_row;
    int64_t columns;
    double least, most, rate;
} fnn_segment;

/* Parameters [first, last) that are trained; groups have the same factors of the learning rate and of the decay. */
typedef struct {
    int64_t first, last, group;
    double rate, decay;
} fnn_span;

typedef struct {
    int32_t n_ops, n_values, n_inputs, n_outputs, n_segments, n_losses, n_metrics, has_penalty;
    int64_t batch_size, block_rows, n_params, n_spans, shares_params, n_sums;
    uint64_t seed;
    int32_t has_activity, has_constraint;
    double loss_scale, loss_reported;
    int32_t divisor, divides_penalties, has_own, measures, settles, unused;
    int64_t stage_rows;
} fnn_header;

typedef struct {
    int64_t n_samples, first_epoch, last_epoch, max_steps, epoch, batch, step, patience, wait;
    double tol, best;
    int32_t shuffle, status;
} fnn_run;

/* Rows of one input: x, one behind the other; or in compressed form: row i has the numbers values[j] in columns[j] for
 * j from starts[i] to starts[i + 1]; or windows of x, which have a pitch: row i begins at number pitch * starts[i] or,
 * without starts, at pitch * i. */
typedef struct {
    const void *x, *values;
    const int32_t *columns;
    const int64_t *starts;
    int64_t pitch; /* 0 where rows are no windows */
} fnn_source;

/* What one output is compared with; weight may be NULL. */
typedef struct {
    const void *target, *weight;
} fnn_answer;

/* All tables of a plan and its memory; pointers only, owned by Python. */
typedef struct {
    const fnn_header *header;
    const fnn_value *values;
    const fnn_edge *edges;
    const fnn_op *ops;
    const fnn_loss *losses;
    const fnn_optimizer *optimizer;
    const fnn_metric *metrics;
    const fnn_segment *segments;
    const fnn_span *spans;
    void *params, *slots, *states, *grads, *workspace; /* of the dtype of the kernels in use */
    size_t workspace_bytes;
    void *owner; /* whom fnn_visit asks for ops of a user's own */
} fnn_model;

/* A shard of a block: its rows follow those of the shard before. Its gradients of parameters are made from zero and
 * laid on a stack; then so many times the two on top become their sum, the lower one first. One is left in the end. */
typedef struct {
    int64_t rows, adds;
} fnn_shard;

/* See clock.h. */
typedef struct fnn_clock fnn_clock;

/* A block of rows on its way through the ops. */
typedef struct {
    const void *const *inputs; /* each (rows, numbers a sample) */
    int64_t rows;              /* samples in the block */
    int64_t first_row;         /* place of the first in its batch: dropout masks are drawn for that place */
    int64_t step;              /* updates done so far */
    double dropping;           /* what the rates of dropout are multiplied by */
    int training;
    int accumulate;          /* gradients of parameters are added to those of the blocks before */
    double activity_scale;   /* what gradients of activity penalties are multiplied by: 1 over the rows of the batch */
    const fnn_shard *shards; /* of all its rows, for ops that sum by shards; NULL: none are told apart */
    int64_t n_shards;
    const void *parts; /* of the dw of the op at hand, which threads have made before (kernels.h); NULL: none */
    fnn_clock *clock;  /* of the thread at hand; NULL: nobody asks where time goes */
} fnn_block;

#endif
