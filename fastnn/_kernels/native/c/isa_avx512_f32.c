#define BORROWS fnn_avx2_f32
#define TILE_ROWS 12
#define TILE_VECS 2
#define EVEN_ROWS 12           /* of tiles whose rows are the same distance apart; else 16 registers are too few */
#define STRIDED_ROWS TILE_ROWS /* there are 16 registers for where rows begin, as with AVX2 */
#define SCATTERED_WHOLE 12 /* loads are as many as products, and one more; that they wait for rows' places is less */
#include "vec_avx512.h"
#include "isa.h"

const fnn_kernels fnn_avx512_f32 = FNN_KERNELS;
