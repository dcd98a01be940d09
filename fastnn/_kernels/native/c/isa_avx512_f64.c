#define BORROWS fnn_avx2_f64
#define TILE_ROWS 12
#define TILE_VECS 2
#define STRIDED_ROWS TILE_ROWS /* there are 16 registers for where rows begin, as with AVX2 */
#define FNN_F64
#include "vec_avx512.h"
#include "isa.h"

const fnn_kernels fnn_avx512_f64 = FNN_KERNELS;
