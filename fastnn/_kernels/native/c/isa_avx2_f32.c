#define LENDS fnn_avx2_f32
#define TILE_ROWS 6
#define TILE_VECS 2
#define EVEN_ROWS 12 /* of tiles whose rows are the same distance apart; else 16 registers are too few */
#include "vec_avx2.h"
#include "isa.h"

const fnn_kernels fnn_avx2_f32 = FNN_KERNELS;
