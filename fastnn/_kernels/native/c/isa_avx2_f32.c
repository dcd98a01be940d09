#define LENDS fnn_avx2_f32
#define TILE_ROWS 6
#define TILE_VECS 2
#include "vec_avx2.h"
#include "isa.h"

const fnn_kernels fnn_avx2_f32 = FNN_KERNELS;
