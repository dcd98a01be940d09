/* The merge op: several inputs become one, number by number. An input's row has as many numbers as the output's, or
 * a single one ("narrow"), which stands for all of them.
 *
 * Of a maximum's (minimum's) k inputs that equal it, the first two have 1 / 2**(k - 1) of the gradient each, and every
 * later one twice as much as the one before: what is left when two at a time share it by halves, from the last back. */
#ifdef FNN_OP
FNN_OP(MERGE, merge)
#elif !defined FNN_OPS_MERGE_H
#define FNN_OPS_MERGE_H

#include <string.h>

#include "activation.h"

/* The i-th input, from a row of the block on. */
typedef struct {
    const real *x;
    real *dx; /* NULL where nobody wants it */
    int narrow, adds;
} merge_input;

static merge_input merge_input_at(const fnn_op *op, const fnn_model *model, const fnn_block *block, int i,
                                  int64_t row) {
    const fnn_edge *edge = op_edge(op, model, i);
    const int narrow = model->values[edge->value].size != op->repeat * op->n_out;
    const int64_t at = narrow ? row : row * op->n_out;
    real *dx = op_dx(op, model, i);
    return (merge_input){
        .x = op_x(op, model, block, i) + at, .dx = dx ? dx + at : NULL, .narrow = narrow, .adds = edge->adds};
}

/* Numbers together with those of an input: a row of the output, or all rows when the input has as many. */
typedef struct {
    const real *x, *y;
    real *out, *dy, *seen;
    int narrow, adds;
    vf divisor;
} merge_run;

INLINE vf merge_x(const merge_run *run, int64_t j, int some) {
    return run->narrow ? vf_set1(run->x[0]) : vec_load(run->x + j, some);
}

/* NaN goes through, whichever input has it. */
INLINE vf larger(vf a, vf b) { return vf_select(vf_isnan(a), a, vf_max(a, b)); }
INLINE vf smaller(vf a, vf b) { return vf_select(vf_isnan(a), a, vf_min(a, b)); }

INLINE void merge_join(vf (*formula)(vf, vf), const merge_run *run, int64_t n) {
    int64_t j = 0;
    for (; j + LANES <= n; j += LANES) vf_store(run->out + j, formula(vf_load(run->out + j), merge_x(run, j, LANES)));
    if (j < n) {
        const int some = (int)(n - j);
        vf_store_n(run->out + j, formula(vf_load_n(run->out + j, some), merge_x(run, j, some)), some);
    }
}

/* out = formula(out, x), row by row where x has one number a row. */
INLINE void merge_rows(vf (*formula)(vf, vf), const merge_input *input, int64_t rows, int64_t n, real *out) {
    if (!input->narrow) {
        const merge_run run = {.x = input->x, .out = out};
        merge_join(formula, &run, rows * n);
        return;
    }
    for (int64_t i = 0; i < rows; i++) {
        const merge_run run = {.x = input->x + i, .out = out + i * n, .narrow = 1};
        merge_join(formula, &run, n);
    }
}

static void merge_with(int64_t join, const merge_input *input, int64_t rows, int64_t n, real *out) {
    switch (join) {
    case FNN_ADD:
    case FNN_AVERAGE: merge_rows(vf_add, input, rows, n, out); break;
    case FNN_SUBTRACT: merge_rows(vf_sub, input, rows, n, out); break;
    case FNN_MULTIPLY: merge_rows(vf_mul, input, rows, n, out); break;
    case FNN_MAXIMUM: merge_rows(larger, input, rows, n, out); break;
    case FNN_MINIMUM: merge_rows(smaller, input, rows, n, out); break;
    }
}

INLINE void divide_part(const void *context, int64_t j, int some) {
    const merge_run *run = context;
    vec_store(run->out + j, vf_div(vec_load(run->out + j, some), run->divisor), some);
}

static void divide(real *numbers, int64_t n, int divisor) {
    const merge_run run = {.out = numbers, .divisor = vf_set1((real)divisor)};
    vec_each(divide_part, &run, n);
}

/* Rows of n, each of one number. */
static void fill_rows(const real *x, int64_t rows, int64_t n, real *y) {
    for (int64_t i = 0; i < rows * n; i++) y[i] = x[i / n];
}

static void merge_rows_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t first,
                               int64_t rows) {
    const int64_t n = op->n_out, has_z = op->z >= 0 && op->activation != FNN_LINEAR;
    real *y = op_y(op, model) + first * n, *z = has_z ? place(model, op->z) + first * n : y;
    for (int i = 0; i < op->n_inputs; i++) {
        const merge_input input = merge_input_at(op, model, block, i, first);
        if (i == 0 && input.narrow)
            fill_rows(input.x, rows, n, z);
        else if (i == 0 && input.x != z)
            copy_row(input.x, rows * n, z);
        else if (i == 0)
            continue; /* one array for both */
        else
            merge_with(op->geometry[0], &input, rows, n, z);
    }
    if (op->geometry[0] == FNN_AVERAGE) divide(z, rows * n, op->n_inputs);
    fnn_activate(op->activation, op->parameter, rows, n, z, y);
}

static void merge_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                          int64_t end) {
    const int64_t last = end * op->repeat;
    for (int64_t i = begin * op->repeat; i < last; i += rows_together(op))
        merge_rows_forward(op, model, block, i, at_most(rows_together(op), last - i));
}

/* Halves what is left for each input that equals the output behind the first: seen is 1 where one was met. */
INLINE void count_part(const void *context, int64_t j, int some) {
    const merge_run *run = context;
    const vf dy = vec_load(run->dy + j, some), seen = vec_load(run->seen + j, some);
    const vm equal = vf_eq(merge_x(run, j, some), vec_load(run->y + j, some));
    const vf half = vf_mul(dy, vf_sub(vf_set1(1), vf_mul(vf_set1((real)0.5), seen)));
    vec_store(run->dy + j, vf_select(equal, half, dy), some);
    vec_store(run->seen + j, vf_select(equal, vf_set1(1), seen), some);
}

/* What the input takes; the next one that equals the output takes twice dy when this is not the first. */
INLINE vf share_term(const void *context, int64_t j, int some) {
    const merge_run *run = context;
    const vf dy = vec_load(run->dy + j, some), seen = vec_load(run->seen + j, some);
    const vm equal = vf_eq(merge_x(run, j, some), vec_load(run->y + j, some));
    vec_store(run->dy + j, vf_select(equal, vf_mul(dy, seen), dy), some);
    vec_store(run->seen + j, vf_select(equal, vf_set1(2), seen), some);
    return vf_select(equal, dy, vf_zero());
}

INLINE vf whole_term(const void *context, int64_t j, int some) {
    const merge_run *run = context;
    return vec_load(run->dy + j, some);
}

typedef vf (*merge_term)(const void *, int64_t, int);

INLINE void give_part(merge_term term, const merge_run *run, int64_t j, int some) {
    vf gradient = term(run, j, some);
    if (!run->out) return;
    if (run->adds) gradient = vf_add(vec_load(run->out + j, some), gradient);
    vec_store(run->out + j, gradient, some);
}

/* Gives an input its gradient, where it wants one: of one number a row, the sum over the row. */
INLINE void give(merge_term term, const merge_input *input, const real *y, real *dy, real *seen, int64_t rows,
                 int64_t n) {
    if (!input->narrow) {
        const merge_run run = {.x = input->x, .y = y, .out = input->dx, .dy = dy, .seen = seen, .adds = input->adds};
        int64_t j = 0;
        for (; j + LANES <= rows * n; j += LANES) give_part(term, &run, j, LANES);
        if (j < rows * n) give_part(term, &run, j, (int)(rows * n - j));
        return;
    }
    for (int64_t i = 0; i < rows; i++) {
        const merge_run run = {.x = input->x + i, .y = y + i * n, .dy = dy + i * n, .seen = seen + i * n, .narrow = 1};
        const real sum = vec_row_sum_called(term, &run, n);
        if (input->dx) input->dx[i] = input->adds ? input->dx[i] + sum : sum;
    }
}

INLINE void count_equals(const merge_input *input, const real *y, real *dy, real *seen, int64_t rows, int64_t n) {
    const int64_t together = input->narrow ? n : rows * n;
    for (int64_t i = 0; i < rows * n; i += together) {
        const real *x = input->x + i / n;
        const merge_run run = {.x = x, .y = y + i, .dy = dy + i, .seen = seen + i, .narrow = input->narrow};
        vec_each(count_part, &run, together);
    }
}

static RARE void merge_largest_back(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t first,
                                    int64_t rows) {
    const int64_t n = op->n_out, at = first * n;
    const real *y = op_y(op, model) + at;
    real *dy = op_dy(op, model) + at, *seen = place(model, op->z) + at;
    memset(seen, 0, (size_t)(rows * n) * sizeof(real));
    for (int i = 0; i < op->n_inputs; i++) {
        const merge_input input = merge_input_at(op, model, block, i, first);
        count_equals(&input, y, dy, seen, rows, n);
    }
    for (int i = 0; i < op->n_inputs; i++) {
        const merge_input input = merge_input_at(op, model, block, i, first);
        give(share_term, &input, y, dy, seen, rows, n);
    }
}

static void merge_product_back(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t first,
                               int64_t rows) {
    const int64_t n = op->n_out, at = first * n;
    real *gradient = place(model, op->z) + at;
    for (int i = 0; i < op->n_inputs; i++) {
        const merge_input input = merge_input_at(op, model, block, i, first);
        if (!input.dx) continue;
        copy_row(op_dy(op, model) + at, rows * n, gradient);
        for (int j = 0; j < op->n_inputs; j++) {
            const merge_input other = merge_input_at(op, model, block, j, first);
            if (j != i) merge_with(FNN_MULTIPLY, &other, rows, n, gradient);
        }
        give(whole_term, &input, gradient, gradient, gradient, rows, n);
    }
}

INLINE void negate_part(const void *context, int64_t j, int some) {
    real *numbers = ((const merge_run *)context)->out;
    vec_store(numbers + j, vf_neg(vec_load(numbers + j, some)), some);
}

static void merge_sum_back(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t first,
                           int64_t rows) {
    const int64_t n = op->n_out;
    real *dy = op_dy(op, model) + first * n;
    const merge_run run = {.out = dy};
    if (op->geometry[0] == FNN_AVERAGE) divide(dy, rows * n, op->n_inputs);
    for (int i = 0; i < op->n_inputs; i++) {
        const merge_input input = merge_input_at(op, model, block, i, first);
        if (op->geometry[0] == FNN_SUBTRACT && i == 1) vec_each(negate_part, &run, rows * n);
        if (input.dx && input.dx != dy) give(whole_term, &input, dy, dy, dy, rows, n);
    }
}

static void merge_rows_back(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t first,
                            int64_t rows) {
    const int64_t join = op->geometry[0];
    activation_rows_back(op, model, first, rows);
    if (join == FNN_MAXIMUM || join == FNN_MINIMUM)
        merge_largest_back(op, model, block, first, rows);
    else if (join == FNN_MULTIPLY)
        merge_product_back(op, model, block, first, rows);
    else
        merge_sum_back(op, model, block, first, rows);
}

static void merge_backward_rows(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                                int64_t end) {
    const int64_t last = end * op->repeat;
    for (int64_t i = begin * op->repeat; i < last; i += rows_together(op))
        merge_rows_back(op, model, block, i, at_most(rows_together(op), last - i));
}

static const fnn_op_kernels merge_op = {.forward = merge_forward, .backward_rows = merge_backward_rows};

#endif
