/* Which instruction sets this build has and this machine runs, and the control register for denormals.
 *
 * Design: one table of kernels for each ISA and dtype, chosen by name at run time. ifunc resolvers
 * (rejected) know no macOS and no way to force a lesser ISA for a test. */
#include "cpu.h"

#include <string.h>

#include "kernels.h"

typedef struct {
    const char *name;
    int (*runs)(void);
    const fnn_kernels *f32, *f64;
} isa;

#define TABLES(name) extern const fnn_kernels fnn_##name##_f32, fnn_##name##_f64
#define ROW(name, runs) {#name, runs, &fnn_##name##_f32, &fnn_##name##_f64}

TABLES(portable);

#if defined(__x86_64__)
#include <xmmintrin.h>
TABLES(avx512);
TABLES(avx2);

/* __builtin_cpu_supports asks XGETBV too: an ISA whose registers the system does not save is not there. */
static int avx512_runs(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("fma");
}
static int avx2_runs(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
static int portable_runs(void) {
    return __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
}

static const isa isas[] = {ROW(avx512, avx512_runs), ROW(avx2, avx2_runs), ROW(portable, portable_runs)};

uint64_t fnn_flush_denormals(void) {
    enum { DENORMALS_ARE_ZERO = 1 << 6, FLUSH_TO_ZERO = 1 << 15 };
    uint32_t control = _mm_getcsr();
    _mm_setcsr(control | DENORMALS_ARE_ZERO | FLUSH_TO_ZERO);
    return control;
}
void fnn_restore(uint64_t control) { _mm_setcsr((uint32_t)control); }

#else
static int always_runs(void) { return 1; }

#if defined(__aarch64__)
TABLES(neon);

static const isa isas[] = {ROW(neon, always_runs), ROW(portable, always_runs)};

uint64_t fnn_flush_denormals(void) {
    uint64_t control;
    const uint64_t flush_to_zero = 1 << 24;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    __asm__ volatile("msr fpcr, %0" : : "r"(control | flush_to_zero));
    return control;
}
void fnn_restore(uint64_t control) { __asm__ volatile("msr fpcr, %0" : : "r"(control)); }

#else
static const isa isas[] = {ROW(portable, always_runs)};

uint64_t fnn_flush_denormals(void) { return 0; }
void fnn_restore(uint64_t control) { (void)control; }
#endif
#endif

int fnn_isa_count(void) { return sizeof isas / sizeof *isas; }
const char *fnn_isa_name(int i) { return isas[i].name; }
int fnn_isa_runs(int i) { return isas[i].runs(); }

const fnn_kernels *fnn_select(const char *wanted, int item_size, const char **why) {
    *why = "it is not in this build";
    for (int i = 0; i < fnn_isa_count(); i++) {
        if (wanted && *wanted && strcmp(wanted, isas[i].name)) continue;
        if (isas[i].runs()) return item_size == 8 ? isas[i].f64 : isas[i].f32;
        *why = "this machine does not run it";
    }
    return NULL;
}
