#define BORROWS fnn_avx2_f32
#define TILE_ROWS 12
#define TILE_VECS 2
#include "vec_avx512.h"
#include "isa.h"

const fnn_kernels fnn_avx512_f32 = FNN_KERNELS;
