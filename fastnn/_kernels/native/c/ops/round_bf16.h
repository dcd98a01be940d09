/* The round_bf16 op: y = x rounded to bf16. The gradient of y is that of x, one array for both. */
#ifdef FNN_OP
FNN_OP(ROUND_BF16, round_bf16)
#elif !defined FNN_OPS_ROUND_BF16_H
#define FNN_OPS_ROUND_BF16_H

#include "arrays.h"
#include "bf16.h"

static void round_bf16_forward(const fnn_op *op, const fnn_model *model, const fnn_block *block, int64_t begin,
                               int64_t end) {
    const int64_t at = begin * op->n_out;
    round_to_bf16(op_x(op, model, block, 0) + at, (end - begin) * op->n_out, op_y(op, model) + at);
}

static const fnn_op_kernels round_bf16_op = {.forward = round_bf16_forward};

#endif
