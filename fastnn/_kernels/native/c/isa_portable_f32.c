#define ONE_SET_OF_TILES
#define TILE_ROWS 4
#define TILE_VECS 2
#include "vec_portable.h"
#include "isa.h"

const fnn_kernels fnn_portable_f32 = FNN_KERNELS;
