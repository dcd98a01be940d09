/* Kinds of ops whose kernels one instruction set lends to another that gives the same bits: AVX2 to AVX-512.
 *
 * Products, activations, losses and whatever most networks pass their time in gain by wider vectors. Ops that move
 * numbers, draw some, or are of few networks gain little, and would be a fifth of AVX-512's code. Such a file gives
 * FNN_LENT_OP(NAME, name) in place of FNN_OP and its kernels as LENT_KERNELS(name).
 *
 * In float64, which few networks are trained in, AVX-512 has kernels of its own for what multiplies matrices in most of
 * them and what goes with it: dense layers, convolutions, attention, activations, optimizers. Kinds that it borrows
 * there alone give FNN_DOUBLE_LENT_OP and DOUBLE_LENT_KERNELS; isa.h lends the losses.
 *
 * A kind is lent whole, forward and back, so that memory that its kernels share may lie as AVX2 wants it. Values and
 * parameters lie in the same way for all. */
#ifndef FNN_LENT_H
#define FNN_LENT_H

#include "kernels.h"

#define LENT_OF(set, name) LENT_OF_SET(set, name)
#define LENT_OF_SET(set, name) set##_##name##_op

#if defined LENDS /* the name of the table of kernels whose ops are lent */
#define LENT_OP(name) LENT_OF(LENDS, name)
#define LENT_KERNELS(name)                                                                                             \
    extern const fnn_op_kernels LENT_OP(name);                                                                         \
    const fnn_op_kernels LENT_OP(name)
#elif defined BORROWS /* likewise; compilers leave out what is static and not used */
#define LENT_OP(name) LENT_OF(BORROWS, name)
#define LENT_KERNELS(name)                                                                                             \
    extern const fnn_op_kernels LENT_OP(name);                                                                         \
    static const fnn_op_kernels name##_op
#else
#define LENT_OP(name) name##_op
#define LENT_KERNELS(name) static const fnn_op_kernels name##_op
#endif

#ifdef FNN_F64
#define DOUBLE_LENT_OP(name) LENT_OP(name)
#define DOUBLE_LENT_KERNELS(name) LENT_KERNELS(name)
#else
#define DOUBLE_LENT_OP(name) name##_op
#define DOUBLE_LENT_KERNELS(name) static const fnn_op_kernels name##_op
#endif

#endif
