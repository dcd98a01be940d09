/* Working memory of a thread for packed operands. */
#ifndef FNN_SCRATCH_H
#define FNN_SCRATCH_H

#include <stddef.h>

/* At least `bytes` bytes, 64-byte aligned, that stay this thread's until its next call; NULL when there is no
 * memory. */
void *fnn_scratch(size_t bytes);

#endif
