/* The vector vocabulary: the part that is the same on every instruction set.
 *
 * A translation unit is one ISA and one dtype. It defines FNN_F64 or not and includes vec_<isa>.h, which
 * sets VEC_BYTES and includes this file. From then on `real` is float or double, `vf` a vector of
 * LANES reals, `vi` of LANES integers of the same width, `vm` a mask of LANES truths. Functions on reals
 * begin with vf_, on integers with vi_, on masks with vm_.
 *
 * Rules that hold on every ISA, so that all but portable give the same bits:
 * - vf_max(a, b) is a > b ? a : b and vf_min(a, b) is a < b ? a : b: when either is NaN they give b.
 *   Write vf_max(constant, x) to let a NaN in x through.
 * - vf_fma rounds once, except on portable, which multiplies and then adds.
 * - comparisons with NaN are false.
 *
 * Design: GCC's vector types with operators carry what compilers already do well; intrinsics only where
 * they do not (fma, masks, select, round). Loops left to the auto-vectorizer (rejected) give other
 * code, and other bits, with each compiler. */
#ifndef FNN_VEC_H
#define FNN_VEC_H

#include <stdint.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#ifdef __OPTIMIZE_SIZE__
#define INLINE static inline /* by the compiler's choice: what takes the time of most networks is ALWAYS_INLINE */
#else
#define INLINE ALWAYS_INLINE
#endif
#define RARE __attribute__((noinline, cold)) /* compiled for size */
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#define ONCE _Pragma("nounroll")
#else
#define UNROLL _Pragma("GCC unroll 32")
#define ONCE _Pragma("GCC unroll 1")
#endif

/* What stands behind it is done when the vector x is there, and not mixed with what stands before. */
#if defined __x86_64__
#define IN_TURN(x) __asm__ volatile("" : "+v"(x))
#elif defined __aarch64__
#define IN_TURN(x) __asm__ volatile("" : "+w"(x))
#else
#define IN_TURN(x) (void)(x)
#endif

#ifdef FNN_F64
typedef double real;
typedef int64_t integer;
typedef uint64_t natural;
#define REAL_BYTES 8
#else
typedef float real;
typedef int32_t integer;
typedef uint32_t natural;
#define REAL_BYTES 4
#endif

#define LANES (VEC_BYTES / REAL_BYTES)
#define LOGICAL_LANES 16 /* sums run over so many lanes on every ISA */
#define GROUPS (LOGICAL_LANES / LANES)

typedef real vf __attribute__((vector_size(VEC_BYTES)));
typedef integer vi __attribute__((vector_size(VEC_BYTES)));
typedef natural vi_unsigned __attribute__((vector_size(VEC_BYTES)));
typedef integer integer_anywhere __attribute__((may_alias));
typedef real vf_anywhere __attribute__((vector_size(VEC_BYTES), aligned(REAL_BYTES), may_alias));

static inline vf vf_load(const real *p) { return *(const vf_anywhere *)p; }
static inline void vf_store(real *p, vf a) { *(vf_anywhere *)p = a; }
static inline vf vf_zero(void) { return (vf){0}; }
/* a - 0 keeps the sign of a zero, which 0 + a would lose. */
static inline vf vf_set1(real a) { return a - vf_zero(); }

static inline vf vf_add(vf a, vf b) { return a + b; }
static inline vf vf_sub(vf a, vf b) { return a - b; }
static inline vf vf_mul(vf a, vf b) { return a * b; }
static inline vf vf_div(vf a, vf b) { return a / b; }

/* Whole numbers of 64 bits. Instruction sets have vl_times(a, b): the lower halves of a, times b. */
typedef uint64_t vl __attribute__((vector_size(VEC_BYTES)));
#define LONG_LANES (VEC_BYTES / 8)
static inline vl vl_set1(uint64_t a) { return a - (vl){0}; }
/* The lower halves of two, one behind the other in memory. */
static inline vl vl_pair(vl first, vl second) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return first << 32 | (second & vl_set1(UINT32_MAX));
#else
    return (first & vl_set1(UINT32_MAX)) | second << 32;
#endif
}

static inline vi vi_set1(integer a) { return a - (vi){0}; }
static inline vi vi_add(vi a, vi b) { return (vi)((vi_unsigned)a + (vi_unsigned)b); }
static inline vi vi_sub(vi a, vi b) { return (vi)((vi_unsigned)a - (vi_unsigned)b); }
static inline vi vi_and(vi a, vi b) { return a & b; }
static inline vi vi_or(vi a, vi b) { return a | b; }
static inline vi vi_shl(vi a, int n) { return (vi)((vi_unsigned)a << n); }
/* Fills with zeros. */
static inline vi vi_shr(vi a, int n) { return (vi)((vi_unsigned)a >> n); }

static inline vi vi_bits(vf a) { return (vi)a; }
static inline vf vf_bits(vi a) { return (vf)a; }

#ifdef FNN_F64
#define MANTISSA 52
#define SIGN_BIT INT64_MIN
#define MAGIC 0x1.8p52
#else
#define MANTISSA 23
#define SIGN_BIT INT32_MIN
#define MAGIC 0x1.8p23f
#endif

/* Whole numbers below 2**(MANTISSA - 2) cross over by adding MAGIC, which puts them into the low bits. */
static inline vi vi_of_vf(vf a) { return vi_sub(vi_bits(vf_add(a, vf_set1(MAGIC))), vi_bits(vf_set1(MAGIC))); }
static inline vf vf_of_vi(vi a) { return vf_sub(vf_bits(vi_add(a, vi_bits(vf_set1(MAGIC)))), vf_set1(MAGIC)); }

static inline vf vf_abs(vf a) { return vf_bits(vi_and(vi_bits(a), vi_set1(~SIGN_BIT))); }
static inline vf vf_neg(vf a) { return -a; }
static inline vf vf_copysign(vf a, vf sign) {
    return vf_bits(vi_or(vi_bits(vf_abs(a)), vi_and(vi_bits(sign), vi_set1(SIGN_BIT))));
}

#ifndef VEC_OWN_MASKS
typedef vi vm; /* all bits of a lane are set or none */

static inline vm vf_lt(vf a, vf b) { return a < b; }
static inline vm vf_le(vf a, vf b) { return a <= b; }
static inline vm vf_gt(vf a, vf b) { return a > b; }
static inline vm vf_ge(vf a, vf b) { return a >= b; }
static inline vm vf_eq(vf a, vf b) { return a == b; }
static inline vm vf_isnan(vf a) { return a != a; }
static inline vm vm_and(vm a, vm b) { return a & b; }
static inline vm vm_or(vm a, vm b) { return a | b; }
static inline vm vm_not(vm a) { return ~a; }
#endif

#endif
