/* What the walk needs from the processor beside kernels.h. */
#ifndef FNN_CPU_H
#define FNN_CPU_H

#include <stdint.h>

/* Makes this thread treat denormals as zero; returns the control register's value, for fnn_restore. */
uint64_t fnn_flush_denormals(void);
void fnn_restore(uint64_t control);

#endif
