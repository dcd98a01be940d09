#define LENDS fnn_avx2_f64
#define TILE_ROWS 6
#define TILE_VECS 2
#define EVEN_ROWS 12 /* of tiles whose rows are the same distance apart; else 16 registers are too few */
#define FNN_F64
#include "vec_avx2.h"
#include "isa.h"

const fnn_kernels fnn_avx2_f64 = FNN_KERNELS;
