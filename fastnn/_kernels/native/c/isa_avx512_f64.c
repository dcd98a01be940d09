#define BORROWS fnn_avx2_f64
#define TILE_ROWS 12
#define TILE_VECS 2
#define FNN_F64
#include "vec_avx512.h"
#include "isa.h"

const fnn_kernels fnn_avx512_f64 = FNN_KERNELS;
