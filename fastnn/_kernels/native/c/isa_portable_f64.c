#define ONE_SET_OF_TILES
#define TILE_ROWS 4
#define TILE_VECS 2
#define FNN_F64
#include "vec_portable.h"
#include "isa.h"

const fnn_kernels fnn_portable_f64 = FNN_KERNELS;
