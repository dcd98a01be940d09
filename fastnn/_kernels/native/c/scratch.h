/* Working memory of a thread: packed operands, images with what is around them. */
#ifndef FNN_SCRATCH_H
#define FNN_SCRATCH_H

#include <stddef.h>

/* At least `bytes` bytes, 64-byte aligned, that stay this thread's until its next call; NULL when there is no memory,
 * but never for as much as the thread has had before. */
void *fnn_scratch(size_t bytes);

#endif
