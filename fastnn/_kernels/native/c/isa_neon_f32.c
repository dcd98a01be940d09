#define TILE_ROWS 10
#define TILE_VECS 2
#include "vec_neon.h"
#include "isa.h"

const fnn_kernels fnn_neon_f32 = FNN_KERNELS;
