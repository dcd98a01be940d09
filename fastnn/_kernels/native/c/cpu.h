/* What the walk needs from the processor beside kernels.h. */
#ifndef FNN_CPU_H
#define FNN_CPU_H

#include <stdint.h>

/* What an x86 processor says of itself: ECX of CPUID's leaf 1, EBX and ECX of its leaf 7, EAX of that leaf's second
 * part, XCR0. All zero elsewhere. */
typedef struct {
    uint32_t features, extended, more, later;
    uint64_t saved;
} fnn_cpu;

fnn_cpu fnn_read_cpu(void);
int fnn_isa_runs(int i, const fnn_cpu *cpu);
/* Of enum fnn_extra, those that are there. */
unsigned fnn_extras_of(const fnn_cpu *cpu);

/* Makes this thread treat denormals as zero; returns the control register's value, for fnn_restore. */
uint64_t fnn_flush_denormals(void);
/* The other way round, for Python's code within a native call. */
uint64_t fnn_allow_denormals(void);
void fnn_restore(uint64_t control);

#endif
