/* Which instruction sets this build has and this machine runs, and the control register for denormals.
 *
 * Design: one table of kernels for each ISA and dtype, chosen by name at run time. ifunc resolvers
 * (rejected) know no macOS and no way to force a lesser ISA for a test. */
#include "cpu.h"

#include <string.h>

#include "kernels.h"

typedef struct {
    const char *name;
    int (*runs)(const fnn_cpu *);
    const fnn_kernels *f32, *f64;
} isa;

#define TABLES(name) extern const fnn_kernels fnn_##name##_f32, fnn_##name##_f64
#define ROW(name, runs) {#name, runs, &fnn_##name##_f32, &fnn_##name##_f64}

TABLES(portable);

#if defined(__x86_64__)
#include <cpuid.h>
#include <xmmintrin.h>

TABLES(avx512);
TABLES(avx2);

enum { SSSE3 = 9, FMA = 12, CX16 = 13, SSE41 = 19, SSE42 = 20, POPCNT = 23, OSXSAVE = 27, AVX = 28 }; /* features */
enum { AVX2 = 5, AVX512F = 16, AVX512DQ = 17, AVX512CD = 28, AVX512BW = 30, AVX512VL = 31 };          /* extended */
enum { AVX512VNNI = 11 };                                                                             /* more */
enum { AVXVNNI = 4, AVX512BF16 = 5 };                                                                 /* later */
enum { XMM = 1, YMM = 2, OPMASK = 5, ZMM_HALVES = 6, ZMM_HIGH = 7 };                                  /* saved */
#define HAS(word, bit) ((word) >> (bit) & 1)

/* By CPUID and XGETBV themselves: __builtin_cpu_supports (rejected) asks a library of the compiler's, which some link
 * without, or in a form that says no to everything. */
fnn_cpu fnn_read_cpu(void) {
    fnn_cpu cpu = {0};
    uint32_t eax, ebx, ecx, edx, parts = 0;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx)) cpu.features = ecx;
    if (__get_cpuid_count(7, 0, &parts, &ebx, &ecx, &edx)) cpu.extended = ebx, cpu.more = ecx;
    if (parts && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx)) cpu.later = eax;
    if (HAS(cpu.features, OSXSAVE)) {
        __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
        cpu.saved = (uint64_t)edx << 32 | eax;
    }
    return cpu;
}

/* x86-64-v2 */
static int portable_runs(const fnn_cpu *cpu) {
    return HAS(cpu->features, SSSE3) && HAS(cpu->features, CX16) && HAS(cpu->features, SSE41) &&
           HAS(cpu->features, SSE42) && HAS(cpu->features, POPCNT);
}

/* An instruction set whose registers the system does not save is not there. */
static int avx2_runs(const fnn_cpu *cpu) {
    return portable_runs(cpu) && HAS(cpu->features, AVX) && HAS(cpu->features, FMA) && HAS(cpu->extended, AVX2) &&
           HAS(cpu->saved, XMM) && HAS(cpu->saved, YMM);
}

static int avx512_runs(const fnn_cpu *cpu) {
    int parts = HAS(cpu->extended, AVX512F) && HAS(cpu->extended, AVX512DQ) && HAS(cpu->extended, AVX512CD) &&
                HAS(cpu->extended, AVX512BW) && HAS(cpu->extended, AVX512VL);
#ifdef __APPLE__ /* saves these registers from their first use on, and says so from then on */
    return avx2_runs(cpu) && parts;
#else
    return avx2_runs(cpu) && parts && HAS(cpu->saved, OPMASK) && HAS(cpu->saved, ZMM_HALVES) &&
           HAS(cpu->saved, ZMM_HIGH);
#endif
}

unsigned fnn_extras_of(const fnn_cpu *cpu) {
    unsigned found = 0;
    if (avx512_runs(cpu) && HAS(cpu->later, AVX512BF16)) found |= FNN_AVX512_BF16;
    if (avx512_runs(cpu) && HAS(cpu->more, AVX512VNNI)) found |= FNN_AVX512_VNNI;
    if (avx2_runs(cpu) && HAS(cpu->later, AVXVNNI)) found |= FNN_AVX_VNNI;
    return found;
}

static const isa isas[] = {ROW(avx512, avx512_runs), ROW(avx2, avx2_runs), ROW(portable, portable_runs)};

enum { DENORMALS_ARE_ZERO = 1 << 6, FLUSH_TO_ZERO = 1 << 15 };
uint64_t fnn_flush_denormals(void) {
    uint32_t control = _mm_getcsr();
    _mm_setcsr(control | DENORMALS_ARE_ZERO | FLUSH_TO_ZERO);
    return control;
}
uint64_t fnn_allow_denormals(void) {
    uint32_t control = _mm_getcsr();
    _mm_setcsr(control & ~(uint32_t)(DENORMALS_ARE_ZERO | FLUSH_TO_ZERO));
    return control;
}
void fnn_restore(uint64_t control) { _mm_setcsr((uint32_t)control); }

#else
static int always_runs(const fnn_cpu *cpu) {
    (void)cpu;
    return 1;
}
fnn_cpu fnn_read_cpu(void) { return (fnn_cpu){0}; }
unsigned fnn_extras_of(const fnn_cpu *cpu) {
    (void)cpu;
    return 0;
}

#if defined(__aarch64__)
TABLES(neon);

static const isa isas[] = {ROW(neon, always_runs), ROW(portable, always_runs)};

static const uint64_t FLUSH_TO_ZERO = 1 << 24;
uint64_t fnn_flush_denormals(void) {
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    __asm__ volatile("msr fpcr, %0" : : "r"(control | FLUSH_TO_ZERO));
    return control;
}
uint64_t fnn_allow_denormals(void) {
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    __asm__ volatile("msr fpcr, %0" : : "r"(control & ~FLUSH_TO_ZERO));
    return control;
}
void fnn_restore(uint64_t control) { __asm__ volatile("msr fpcr, %0" : : "r"(control)); }

#else
static const isa isas[] = {ROW(portable, always_runs)};

uint64_t fnn_flush_denormals(void) { return 0; }
uint64_t fnn_allow_denormals(void) { return 0; }
void fnn_restore(uint64_t control) { (void)control; }
#endif
#endif

unsigned fnn_extras = 0;

int fnn_isa_count(void) { return sizeof isas / sizeof *isas; }
const char *fnn_isa_name(int i) { return isas[i].name; }
int fnn_isa_runs(int i, const fnn_cpu *cpu) { return isas[i].runs(cpu); }

const fnn_kernels *fnn_isa_kernels(int i, int item_size) { return item_size == 8 ? isas[i].f64 : isas[i].f32; }

int fnn_select(const char *wanted, const char **why) {
    fnn_cpu cpu = fnn_read_cpu();
    *why = "it is not in this build";
    for (int i = 0; i < fnn_isa_count(); i++) {
        if (wanted && *wanted && strcmp(wanted, isas[i].name)) continue;
        if (isas[i].runs(&cpu)) return i;
        *why = "this machine does not run it";
    }
    return -1;
}
