#define LENDS fnn_avx2_f64
#define TILE_ROWS 6
#define TILE_VECS 2
#define FNN_F64
#include "vec_avx2.h"
#include "isa.h"

const fnn_kernels fnn_avx2_f64 = FNN_KERNELS;
