/* Blocks of large products: their sizes, and what packing and multiplying them has in common. */
#ifndef FNN_GEMM_BLOCKS_H
#define FNN_GEMM_BLOCKS_H

#include "gemm_impl.h"
#include "prefetch.h"

/* A block of A stays in a second-level cache of 512 KB. Its k is long, because each block of k reads C and writes it
 * again; that a panel of B then comes from the second-level cache, too, costs less. */
#define BLOCK_K 800
#define BLOCK_M (TILE_ROWS * (480 / (TILE_ROWS * REAL_BYTES)))
#define BLOCK_N (6144 / REAL_BYTES)
#define FETCH_K 128           /* steps of a tile from which on it takes longer than to ask for C */
#define FETCH_ABOVE (1 << 18) /* bytes of C; less stays in the second-level cache */

/* Blocks are of about the same length: a short one would pay as much for C, or for B. */
static int64_t even_block(int64_t n, int64_t most) {
    const int64_t blocks = (n + most - 1) / most;
    return (n + blocks - 1) / blocks;
}

/* Rows of n numbers with whole vectors; what is written behind them is somebody's who comes later, or nobody's. */
ALWAYS_INLINE void copy_spilling(const real *from, int64_t n, real *to) {
    for (int64_t j = 0; j < n; j += LANES) vf_store(to + j, vec_load(from + j, (int)at_most(n - j, LANES)));
}

/* Asks memory for the tile of C that follows the one at (i, j) of a block (m, n): its first and last steps would wait
 * for it, since it is larger than what a core looks ahead. */
ALWAYS_INLINE void fetch_next(const product *g, const real *block, int64_t i, int64_t m, int64_t j, int64_t n) {
    const int64_t row = i + TILE_ROWS < m ? i + TILE_ROWS : 0, column = row ? j : j + TILE_WIDTH;
    if (column >= n) return;
    for (int64_t r = row; r < at_most(row + TILE_ROWS, m); r++)
        fnn_fetch_all(block + r * g->c_row + column, 0, TILE_WIDTH * REAL_BYTES);
}

#endif
