/* The table of kernels, one for each instruction set and dtype.
 *
 * Design: the walk over the plan is the same for every op kind. Kernels work on a range (rows of the block, or rows of
 * dw), so that threads split outputs and never sums: forward and backward_rows are cut by samples, backward_params
 * and learn by the op's units, update by parameters. */
#ifndef FNN_KERNELS_H
#define FNN_KERNELS_H

#include <stddef.h>

#include "clock.h"
#include "plan.h"

/* One op kind. A kernel finds its arrays by the op's record and the plan's values.
 *
 * Threads do not meet between the ways forward and back: what backward_rows reads of the way forward is of its own
 * samples, and what it writes no other thread reads before all have met. */
typedef struct {
    /* y (and z) of samples [begin, end) of the block. */
    void (*forward)(const fnn_op *, const fnn_model *, const fnn_block *, int64_t begin, int64_t end);
    /* dz in place of dy, then the gradients of the inputs that have one, for samples [begin, end). NULL for kinds that
     * hand on none. */
    void (*backward_rows)(const fnn_op *, const fnn_model *, const fnn_block *, int64_t begin, int64_t end);
    /* dw of units [begin, end), and db with the first of them, from x and dz of the whole block: set, or added to when
     * accumulate. A block's own sum starts from zero and is added once. NULL for kinds without parameters. */
    void (*backward_params)(const fnn_op *, const fnn_model *, const fnn_block *, int accumulate, int64_t begin,
                            int64_t end);
    /* Bytes of scratch memory (scratch.h) that a thread wants at a time: they are had before a call begins, so that no
     * kernel has to ask whether there are any. NULL for kinds that want none or can do without. */
    size_t (*scratch)(const fnn_op *);
    /* For kinds that measure a batch, NULL for others. What forward or backward_rows need to know of samples
     * [begin, end), of which the first is a multiple of ROW_UNIT; then, by one thread when all have, of the batch. */
    void (*measure)(const fnn_op *, const fnn_model *, const fnn_block *, int backward, int64_t begin, int64_t end);
    void (*join)(const fnn_op *, const fnn_model *, const fnn_block *, int backward);
    /* For kinds that multiply all rows by the same weights, NULL for others: z of the whole block and outputs [begin,
     * end), or dx of inputs [begin, end) from dz; and the rest of the way for samples [begin, end), which is the
     * activation behind the product, or its way back before it. */
    void (*multiply)(const fnn_op *, const fnn_model *, const fnn_block *, int backward, int64_t begin, int64_t end);
    void (*activate)(const fnn_op *, const fnn_model *, int backward, int64_t begin, int64_t end);
    /* Moves what is kept of all batches, or keeps what the next one begins with, by one thread after the update. */
    void (*settle)(const fnn_op *, const fnn_model *);
    /* In place of all: the whole block at once, by one thread, forward or back with the gradients of parameters; 1 when
     * it failed and the call shall end. */
    int (*whole)(const fnn_op *, const fnn_model *, const fnn_block *, int backward);
    /* Of kinds whose dw is a sum of parts, one of each so many samples: bytes of a part, and parts [first, last) of a
     * block. Where they are small, threads make those of their own samples, and backward_params and learn add them up,
     * each its own units: nobody does twice what is done once for a sample. */
    int64_t part_samples;
    size_t (*part)(const fnn_op *);
    void (*make_parts)(const fnn_op *, const fnn_model *, const fnn_block *, int64_t first, int64_t last, void *parts);
    /* backward_params and update at once, for the only block of a batch: what stays in grads is of no use. c is as in
     * update. */
    void (*learn)(const fnn_op *, const fnn_model *, const fnn_block *, const double *c, double scale, int64_t begin,
                  int64_t end);
} fnn_op_kernels;

/* Samples [first, last) of those of a block or of a shard, [begin, end). */
typedef struct {
    int64_t begin, end, first, last;
} fnn_share;

/* Losses of the outputs and their metrics. */
typedef struct {
    /* contract.loss for samples [begin, end) of the block. rows[i] is the sample's row in targets and
     * weights, which may be NULL. A target is int32 when its loss is sparse, else of the dtype. */
    void (*loss)(const fnn_model *, const fnn_answer *, const int32_t *rows, int64_t begin, int64_t end, double scale,
                 double *sums);
    /* The same in two steps, for threads: what it leaves of the samples of a share but for sums, and in terms what each
     * of their rows adds to them: block_rows * repeat numbers a loss. Then, when all samples have, sums of [begin,
     * end), with the bits of loss; or the first of them alone. */
    void (*slopes)(const fnn_model *, const fnn_answer *, const int32_t *rows, const fnn_share *, double scale,
                   void *terms);
    void (*sums)(const fnn_model *, const fnn_answer *, const int32_t *rows, int64_t begin, int64_t end, void *terms,
                 int only_first, double *sums);
} fnn_loss_kernels;

/* Set by who calls: an op of a user's own, that is asked for there; 1 when it failed. */
extern int (*fnn_visit)(void *owner, const fnn_op *, const fnn_block *, int backward);

typedef struct {
    const char *isa; /* "portable", "avx2", "avx512", "neon" */
    int item_size;   /* 4 or 8 */
    int lanes;       /* numbers in a vector register */

    const fnn_op_kernels *const *ops; /* by fnn_op_kind */
    const fnn_loss_kernels *losses;
    /* The l1 and l2 penalties of all parameters. */
    double (*penalty)(const fnn_model *);
    /* Adds scale times the penalties' gradients of parameters [begin, end) to grads. */
    void (*penalize)(const fnn_model *, double scale, int64_t begin, int64_t end);
    void (*clip)(const fnn_model *);
    /* The penalties of all ops' outputs of a block's rows, not divided. */
    double (*activity)(const fnn_model *, int64_t rows);
    /* Adds the gradient of an op's own penalty to dy, for samples [begin, end). */
    void (*activity_back)(const fnn_op *, const fnn_model *, const fnn_block *, int64_t begin, int64_t end);
    /* Projects parameters after an update: a thread's share of them. */
    void (*constrain)(const fnn_model *, int thread, int threads);
    /* Update of parameters [begin, end) from grads and scale times the penalties, with c as fnn_scalars gives it. */
    void (*update)(const fnn_model *, const double *c, double scale, int64_t begin, int64_t end);
    /* Copies dense rows or windows to out, (n_rows, width); rows may be NULL for the first n_rows. */
    void (*gather)(const fnn_source *x, const int32_t *rows, int64_t n_rows, int64_t width, void *out);
    /* The same of rows in compressed form. */
    void (*scatter)(const fnn_source *x, const int32_t *rows, int64_t n_rows, int64_t width, void *out);

    /* Philox words [4 * first, 4 * first + n) of a stream, as fnn_philox gives them. */
    void (*draw)(uint64_t seed, uint32_t stream, uint64_t position, uint64_t first, int64_t n, uint32_t *words);

    /* For tests and benches: one piece at a time. */
    /* c (m, n) += or = a (m, k) @ b (k, n); a has any strides (in elements), rows of b and c are dense. */
    void (*gemm)(int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row, int64_t a_column, const void *b,
                 int64_t b_row, void *c, int64_t c_row, int accumulate);
    void (*activate)(int code, double parameter, int64_t rows, int64_t n, const void *z, void *y);
    /* dz from dy in place; z may be NULL where the activation does not keep it. */
    void (*activate_back)(int code, double parameter, int64_t rows, int64_t n, const void *z, const void *y, void *dy);
    void (*math)(int function, int64_t n, const void *x, void *y); /* enum fnn_math */
    double (*peak)(int numbers, int64_t n, double *sum);           /* peak.h */
} fnn_kernels;

enum fnn_peak { FNN_REAL_PEAK, FNN_BF16_PEAK, FNN_INT8_PEAK }; /* numbers that are multiplied */

/* Instructions that some processors have beyond those of their instruction set, and kernels use where they are there:
 * the bits of what they make are the same. */
enum fnn_extra { FNN_AVX512_BF16 = 1, FNN_AVX512_VNNI = 2, FNN_AVX_VNNI = 4 };
extern unsigned fnn_extras; /* those in use: set when the module is loaded, and by tests */

enum fnn_math {
    FNN_EXP,
    FNN_LOG,
    FNN_MATH_TANH,
    FNN_MATH_SIGMOID,
    FNN_ERF,
    FNN_MATH_SOFTPLUS,
    FNN_EXPM1,
    FNN_LOG1P,
    FNN_N_MATH
};

/* c of optimizers.py for a step (from 1), in double; the twin of Optimizer.all_scalars. Of each group of spans, one
 * behind the other; the weight decay is multiplied by `decay`. */
void fnn_scalars(const fnn_model *, int64_t step, double learning_rate, double decay,
                 double c[FNN_MOST_GROUPS * FNN_N_SCALARS]);

/* Order of rows of an epoch (random.py, fill_order) and Philox words, the same on every ISA. */
void fnn_fill_order(const fnn_kernels *, int32_t *order, int64_t n, uint64_t seed, int64_t epoch);
void fnn_philox(uint64_t seed, const uint32_t counter[4], uint32_t words[4]);

/* The ISA wanted ("" or NULL: the best this machine has) among those of this build, or -1 with *why set. */
int fnn_select(const char *isa, const char **why);
/* ISAs compiled into this build, best first; cpu.h has which of them run. */
const char *fnn_isa_name(int i);
int fnn_isa_count(void);
const fnn_kernels *fnn_isa_kernels(int i, int item_size);

#endif
