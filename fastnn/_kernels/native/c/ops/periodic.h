/* The periodic op: each number as waves of trained frequencies, h = cos(2 pi w1 x + b1), of which w2 h + b2 is the
 * output, with x behind it where it is handed on; and its way back (see _ops/periodic.py). */
#ifdef FNN_OP
FNN_LENT_OP(PERIODIC, periodic)
#elif !defined FNN_OPS_PERIODIC_H
#define FNN_OPS_PERIODIC_H

#include "columns_of_rows.h"
#include "scratch.h"

/* Names of op->geometry. */
enum { WAVE_UNITS, WAVE_FREQUENCIES, WAVE_HANDS_ON };

#define PER_RADIAN ((real)0.15915494309189535) /* turns, 1 / (2 pi) */

/* One column's parameters, and sizes. */
typedef struct {
    const real *w, *phase, *kernel, *bias;
    int64_t frequencies, units;
} wave_column;

static wave_column column_of(const fnn_op *op, const fnn_model *model, int64_t j) {
    const real *params = model->params;
    const int64_t frequencies = op->geometry[WAVE_FREQUENCIES], units = op->geometry[WAVE_UNITS];
    return (wave_column){.w = params + op->w + j * frequencies,
                         .phase = params + op->more[0] + j * frequencies,
                         .kernel = params + op->more[1] + j * units * frequencies,
                         .bias = params + op->b + j * units,
                         .frequencies = frequencies,
                         .units = units};
}

/* Numbers of the output for each of the input. */
static int64_t wave_width(const fnn_op *op) { return op->geometry[WAVE_UNITS] + op->geometry[WAVE_HANDS_ON]; }

/* Cosines and behind them sines of a number. */
static void wave(const wave_column *a, real x, real *cosine) {
    real *sine = cosine + a->frequencies;
    for (int64_t k = 0; k < a->frequencies; k += LANES) {
        const int some = (int)at_most(a->frequencies - k, LANES);
        const vf begin = vf_mul(vec_load(a->phase + k, some), vf_set1(PER_RADIAN));
        const vec_wave found = vec_sine_cosine(vf_fma(vec_load(a->w + k, some), vf_set1(x), begin));
        vec_store(cosine + k, found.cosine, some);
        vec_store(sine + k, found.sine, some);
    }
}

/* Rows of one column, or of two things, whose products are summed. */
typedef struct {
    const wave_column *column;
    const real *one, *other, *dy;
} wave_run;

INLINE vf wave_product(const void *context, int64_t k, int some) {
    const wave_run *run = context;
    return vf_mul(vec_load(run->one + k, some), vec_load(run->other + k, some));
}

/* The gradient of angles from k on, in radians. */
INLINE vf angle_slope(const wave_column *a, const real *sine, const real *dy, int64_t k, int some) {
    vf sum = vf_zero();
    for (int64_t u = 0; u < a->units; u++)
        sum = vf_fma(vf_set1(dy[u]), vec_load(a->kernel + u * a->frequencies + k, some), sum);
    return vf_neg(vf_mul(vec_load(sine + k, some), sum));
}

INLINE vf wave_slope(const void *context, int64_t k, int some) {
    const wave_run *run = context;
    const wave_column *a = run->column;
    return vf_mul(vec_load(a->w + k, some), angle_slope(a, run->one, run->dy, k, some));
}

static size_t periodic_scratch(const fnn_op *op) { return 2 * (size_t)op->geometry[WAVE_FREQUENCIES] * sizeof(real); }

/* What is kept of the number at this place of the block. */
static real *kept_waves(const fnn_op *op, const fnn_model *model, int64_t at) {
    return place(model, op->room) + at * 2 * op->geometry[WAVE_FREQUENCIES];
}

static RARE void periodic_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                  int64_t end) {
    const int64_t n = op->n_in, wide = wave_width(op), first = begin * op->repeat, last = end * op->repeat;
    const real *x = op_x(op, model, block, 0);
    real *y = op_y(op, model), *own = op->room < 0 ? fnn_scratch(periodic_scratch(op)) : NULL;
    for (int64_t i = first * n; i < last * n; i++) {
        const wave_column a = column_of(op, model, i % n);
        real *cosine = own ? own : kept_waves(op, model, i), *out = y + i * wide;
        wave(&a, x[i], cosine);
        for (int64_t u = 0; u < a.units; u++) {
            const wave_run run = {.one = cosine, .other = a.kernel + u * a.frequencies};
            out[u] = vec_row_sum(wave_product, &run, a.frequencies) + a.bias[u];
        }
        if (wide > a.units) out[a.units] = x[i];
    }
}

static RARE void periodic_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                        int64_t end) {
    const int64_t n = op->n_in, wide = wave_width(op), first = begin * op->repeat, last = end * op->repeat;
    const real *dy = op_dy(op, model);
    real *dx = op_dx(op, model, 0);
    (void)block;
    if (!dx) return;
    const int adds = op_edge(op, model, 0)->adds;
    for (int64_t i = first * n; i < last * n; i++) {
        const wave_column a = column_of(op, model, i % n);
        const real *sine = kept_waves(op, model, i) + a.frequencies, *of_this = dy + i * wide;
        const wave_run run = {.column = &a, .one = sine, .dy = of_this};
        real gradient = TURN * vec_row_sum(wave_slope, &run, a.frequencies);
        if (wide > a.units) gradient += of_this[a.units];
        dx[i] = adds ? dx[i] + gradient : gradient;
    }
}

/* Gradients of `some` frequencies and phases of a column from k on: over the rows in order. */
static void learn_waves(const fnn_op *op, const fnn_model *model, const fnn_block *block, int accumulate, int64_t j,
                        int64_t k, int some) {
    const wave_column a = column_of(op, model, j);
    const int64_t wide = wave_width(op), rows = block->rows * op->repeat;
    const real *x = op_x(op, model, block, 0), *dy = op_dy(op, model);
    real *grads = (real *)model->grads + j * a.frequencies + k;
    vf of_w = vf_zero(), of_phase = vf_zero();
    for (int64_t i = j; i < rows * op->n_in; i += op->n_in) {
        const vf slope = angle_slope(&a, kept_waves(op, model, i) + a.frequencies, dy + i * wide, k, some);
        of_w = vf_fma(vf_set1(x[i]), slope, of_w);
        of_phase = vf_add(of_phase, slope);
    }
    take_sum(grads + op->dw, vf_mul(vf_set1(TURN), of_w), accumulate, some);
    take_sum(grads + op->dmore[0], of_phase, accumulate, some);
}

/* Gradients of a column's row of the kernel and its bias, likewise. */
static void learn_unit(const fnn_op *op, const fnn_model *model, const fnn_block *block, int accumulate, int64_t j,
                       int64_t u) {
    const int64_t frequencies = op->geometry[WAVE_FREQUENCIES], at = j * op->geometry[WAVE_UNITS] + u;
    const int64_t wide = wave_width(op), n = op->n_in, rows = block->rows * op->repeat;
    const real *dy = op_dy(op, model) + u;
    real *grads = model->grads, *db = grads + op->db + at, total = 0;
    for (int64_t k = 0; k < frequencies; k += LANES) {
        const int some = (int)at_most(frequencies - k, LANES);
        vf sum = vf_zero();
        for (int64_t i = j; i < rows * n; i += n)
            sum = vf_fma(vf_set1(dy[i * wide]), vec_load(kept_waves(op, model, i) + k, some), sum);
        take_sum(grads + op->dmore[1] + at * frequencies + k, sum, accumulate, some);
    }
    for (int64_t i = j; i < rows * n; i += n) total += dy[i * wide];
    *db = accumulate ? *db + total : total;
}

static RARE void periodic_backward_params(const fnn_op *op, const fnn_model *model, const fnn_block *block,
                                          int accumulate, int64_t begin, int64_t end) {
    const int64_t frequencies = op->geometry[WAVE_FREQUENCIES];
    for (int64_t j = begin; j < end; j++) {
        for (int64_t k = 0; k < frequencies; k += LANES)
            learn_waves(op, model, block, accumulate, j, k, (int)at_most(frequencies - k, LANES));
        for (int64_t u = 0; u < op->geometry[WAVE_UNITS]; u++) learn_unit(op, model, block, accumulate, j, u);
    }
}

static void periodic_learn(const fnn_op *op, const fnn_model *model, const fnn_block *block, const double *c,
                           double scale, int64_t begin, int64_t end) {
    const int64_t frequencies = op->geometry[WAVE_FREQUENCIES], units = op->geometry[WAVE_UNITS];
    const int64_t each = units * frequencies;
    periodic_backward_params(op, model, block, 0, begin, end);
    fnn_lap_of_op(block, model, op, FNN_DW);
    fnn_update_kernel(model, c, scale, op->w + begin * frequencies, op->w + end * frequencies);
    fnn_update_kernel(model, c, scale, op->more[0] + begin * frequencies, op->more[0] + end * frequencies);
    fnn_update_kernel(model, c, scale, op->more[1] + begin * each, op->more[1] + end * each);
    fnn_update_kernel(model, c, scale, op->b + begin * units, op->b + end * units);
}

LENT_KERNELS(periodic) = {.forward = periodic_forward,
                          .backward_rows = periodic_backward_rows,
                          .backward_params = periodic_backward_params,
                          .scratch = periodic_scratch,
                          .learn = periodic_learn};

#endif
