/* What every isa_<isa>_<dtype>.c compiles: all kernels, and FNN_KERNELS, the table's contents.
 *
 * Before it, such a file sets TILE_ROWS (2 to 12) and TILE_VECS (2), maybe STRIDED_ROWS and SCATTERED_WHOLE
 * (gemm_tile.h), FNN_F64, LENDS or BORROWS (lent.h), and includes vec_<isa>.h. All here is static, so that no linker
 * can put a function of one instruction set into the table of another, but for what lent.h lends by name. */
#ifndef FNN_ISA_H
#define FNN_ISA_H

#include "lent.h"
#include "constraints.h"
#include "ops.def"
#include "optimizers.h"
#include "peak.h"
#include "random_words.h"

/* In float64 they are lent, too: see lent.h. */
#if defined FNN_F64 && (defined LENDS || defined BORROWS)
#define LENT_LOSSES
#endif
#if defined LENT_LOSSES && defined BORROWS
#define LOSSES LENT_OF(BORROWS, losses)
extern const fnn_loss_kernels LOSSES;
#else
#include "losses.h"
#ifdef LENT_LOSSES
#define LOSSES LENT_OF(LENDS, losses)
extern const fnn_loss_kernels LOSSES;
#else
#define LOSSES loss_kernels
static
#endif
const fnn_loss_kernels LOSSES = {.loss = loss_kernel, .slopes = slopes_kernel, .sums = sums_kernel};
#endif

enum { ROWS_AHEAD = 4 };

/* Long rows are asked for whole, a few ahead of the one that is copied: the processor sees where they go on, but takes
 * each for a stretch of its own and begins it too late. Of shorter ones see rows_of.h. */
static void gather(const fnn_source *x, const int32_t *rows, int64_t n_rows, int64_t width, void *out) {
    const real *from = x->x;
    const int64_t *starts = x->starts, pitch = x->pitch ? x->pitch : width;
    const int64_t bytes = width * REAL_BYTES, fetched = rows && bytes > FNN_FETCHED_BYTES ? n_rows - ROWS_AHEAD : 0;
    real *to = out;
    for (int64_t i = 0; i < n_rows; i++) {
        const int64_t row = rows ? rows[i] : i;
        if (i < fetched) {
            const int64_t next = rows[i + ROWS_AHEAD];
            fnn_fetch_all(from + (starts ? starts[next] : next) * pitch, 0, bytes);
        }
        copy_row(from + (starts ? starts[row] : row) * pitch, width, to + i * width);
    }
}

static void scatter(const fnn_source *x, const int32_t *rows, int64_t n_rows, int64_t width, void *out) {
    const real *values = x->values;
    for (int64_t i = 0; i < n_rows; i++) {
        const int64_t row = rows ? rows[i] : i;
        real *to = (real *)out + i * width;
        memset(to, 0, (size_t)width * sizeof(real));
        for (int64_t j = x->starts[row]; j < x->starts[row + 1]; j++) to[x->columns[j]] += values[j];
    }
}

static void gemm(int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row, int64_t a_column, const void *b,
                 int64_t b_row, void *c, int64_t c_row, int accumulate) {
    const product g = {.m = m,
                       .n = n,
                       .k = k,
                       .a = a,
                       .a_row = a_row,
                       .a_column = a_column,
                       .b = b,
                       .b_row = b_row,
                       .c = c,
                       .c_row = c_row,
                       .add = accumulate};
    multiply(&g);
}

static const fnn_op_kernels *const op_kernels[FNN_N_OP_KINDS] = {
#define FNN_OP(NAME, name) &name##_op,
#define FNN_LENT_OP(NAME, name) &LENT_OP(name),
#define FNN_DOUBLE_LENT_OP(NAME, name) &DOUBLE_LENT_OP(name),
#include "ops.def"
#undef FNN_OP
};

#define FNN_KERNELS                                                                                                    \
    {.isa = ISA_NAME,                                                                                                  \
     .item_size = REAL_BYTES,                                                                                          \
     .lanes = LANES,                                                                                                   \
     .ops = op_kernels,                                                                                                \
     .losses = &LOSSES,                                                                                                \
     .penalty = fnn_penalty,                                                                                           \
     .penalize = fnn_penalize,                                                                                         \
     .clip = fnn_clip,                                                                                                 \
     .activity = fnn_activity,                                                                                         \
     .activity_back = fnn_activity_back,                                                                               \
     .constrain = fnn_constrain,                                                                                       \
     .update = fnn_update_kernel,                                                                                      \
     .gather = gather,                                                                                                 \
     .scatter = scatter,                                                                                               \
     .draw = draw_some,                                                                                                \
     .gemm = gemm,                                                                                                     \
     .activate = fnn_activate,                                                                                         \
     .activate_back = fnn_activate_back,                                                                               \
     .math = fnn_apply_math,                                                                                           \
     .peak = peak}

#endif
