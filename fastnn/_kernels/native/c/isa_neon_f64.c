#define TILE_ROWS 10
#define TILE_VECS 2
#define FNN_F64
#include "vec_neon.h"
#include "isa.h"

const fnn_kernels fnn_neon_f64 = FNN_KERNELS;
