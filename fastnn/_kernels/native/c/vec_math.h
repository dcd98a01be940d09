/* exp, expm1, log, log1p, tanh, sigmoid, erf and softplus in the vocabulary, without branches or tables.
 *
 * Largest errors seen: in single precision, over every 101st bit pattern, 2.3 ULP (sigmoid; the others 1.6);
 * in double, against 200-bit arithmetic at 84000 numbers a function over all exponents, 1.9 ULP (tanh;
 * sigmoid 1.8, the others 1.5).
 * NaN comes through, infinities give the limits. The coefficients are weighted minimax polynomials
 * (Remez exchange at 60 digits), rounded to the dtype; the weight is named with each.
 *
 * Design: one text for both dtypes, with polynomials of other lengths. Selects instead of branches,
 * because a register full of numbers takes both sides nearly always. */
#ifndef FNN_VEC_MATH_H
#define FNN_VEC_MATH_H

#ifdef FNN_F64
#define BIAS 1023
#define REAL_INFINITY __builtin_inf()
#define REAL_NAN __builtin_nan("")
#define SMALLEST_NORMAL 0x1p-1022
#define OUT_OF_DENORMAL 54 /* a denormal times 2 to this is normal */
#define EXP_LOWEST -746.0
#define EXP_HIGHEST 710.0
#define EXPM1_LOWEST -40.0 /* -1 to the last bit */
#define TANH_HIGHEST 22.0  /* 1 to the last bit */
#define ERF_HIGHEST 6.0    /* 1 to the last bit */
#define TINY 0x1p-54       /* expm1(x) is x below */
/* ln 2 in two parts; the first has so many trailing zeros that its product with an exponent is exact. */
#define LN2_HIGH 0x1.62e42fefa4p-1
#define LN2_LOW -0x1.8432a1b0e2634p-43
/* (exp(r) - 1 - r) / r**2 for |r| <= ln(2) / 2, weight |r|. */
static const real EXP_TERMS[] = {
    0x1.0000000000005p-1,  0x1.555555555555cp-3,  0x1.55555555520f4p-5,  0x1.111111110e6e1p-7,  0x1.6c16c17f375f7p-10,
    0x1.a01a01b5d3874p-13, 0x1.a019a6860d414p-16, 0x1.71ddea1031f8ep-19, 0x1.28a2ab4ae7108p-22, 0x1.af769a8eaff46p-26};
/* (log((1 + s) / (1 - s)) - 2 s) / s**3 in s**2 for |s| <= 0.1716, weight s**2. */
static const real LOG_TERMS[] = {0x1.5555555555570p-1, 0x1.9999999988978p-2, 0x1.2492493b898dcp-2, 0x1.c71c568cb2d91p-3,
                                 0x1.74656b694f316p-3, 0x1.39b520202ad30p-3, 0x1.2e510867b507bp-3};
/* erf(x) / x - 1 in x**2 for |x| <= 1, weight 1. */
static const real ERF_TERMS[] = {0x1.06eba8214db68p-3,   -0x1.812746b0379c2p-2,  0x1.ce2f21a041017p-4,
                                 -0x1.b82ce3120627dp-6,  0x1.565bccfa9a0c7p-8,   -0x1.c02db072e437fp-11,
                                 0x1.f9a2bf72a4dbcp-14,  -0x1.f4ca9487bcb78p-17, 0x1.b9827a85992d1p-20,
                                 -0x1.5c16e011863a7p-23, 0x1.d78481f5495fdp-27,  -0x1.acdfcdbab9ebbp-31};
/* log(erfc(x)) in x - 1 for 1 <= x <= ERF_HIGHEST, weight erfc(x), at least 1e-6. */
static const real ERFC_TERMS[] = {
    -0x1.d97fbf27aa2a1p+0,  -0x1.51c9b0006c235p+1,  -0x1.afabc11a29676p-1,  -0x1.5477f09c06d05p-5,
    0x1.48c9d3eebc557p-7,   -0x1.033f66709058bp-9,  0x1.f1b3dc5194fbdp-13,  0x1.b8d38e9e6dc84p-16,
    -0x1.c787b0bb170b8p-16, 0x1.41eaa33f1f54fp-17,  -0x1.117a4bd142440p-19, 0x1.fd5b35d3f8f5ap-24,
    0x1.f85827c9755f8p-24,  -0x1.140c711dceeadp-24, 0x1.6134057e92ce6p-26,  -0x1.49f65d063f880p-28,
    0x1.d544d319bb0d1p-31,  -0x1.f9e43f99f4358p-34, 0x1.915b2367f4719p-37,  -0x1.ba20ba8b36f7dp-41,
    0x1.2dcc7438a62b1p-45,  -0x1.8030971c29538p-51};
#define TURN_REST 0x1.1a62633145c07p-52
/* (sin(2 pi r) / r - 2 pi) / r**2 and (cos(2 pi r) - 1) / r**2 in r**2 for |r| <= 1/8: Taylor's, as in turns.h. */
static const real SINE_TERMS[] = {-41.34170224039976, 81.60524927607506, -76.70585975306139,  42.058693944897655,
                                  -15.09464257682299, 3.819952584848282, -0.7181223017785006, 0.10422916220813984};
static const real COSINE_TERMS[] = {-19.739208802178716, 64.9393940226683,  -85.45681720669373, 60.24464137187666,
                                    -26.4262567833744,   7.903536371318469, -1.714390711088672, 0.28200596845579123};
#else
#define BIAS 127
#define REAL_INFINITY __builtin_inff()
#define REAL_NAN __builtin_nanf("")
#define SMALLEST_NORMAL 0x1p-126f
#define OUT_OF_DENORMAL 24
#define EXP_LOWEST -104.0f
#define EXP_HIGHEST 89.0f
#define EXPM1_LOWEST -20.0f
#define TANH_HIGHEST 10.0f
#define TANH_CUT 0.7f
#define ERF_HIGHEST 5.5f
#define TINY 0x1p-25f
#define LN2_HIGH 0x1.62e4p-1f
#define LN2_LOW 0x1.7f7d1cp-20f
static const real EXP_TERMS[] = {0x1.000000p-1f, 0x1.5554b0p-3f, 0x1.555486p-5f, 0x1.1227fep-7f, 0x1.6d9904p-10f};
/* (tanh(x) / x - 1) / x**2 in x**2 for |x| < TANH_CUT, weight x**3 / tanh(x). */
static const real TANH_TERMS[] = {-0x1.5554f6p-2f, 0x1.10faeep-3f, -0x1.b6c112p-5f, 0x1.492fd6p-6f, -0x1.50c474p-8f};
static const real LOG_TERMS[] = {0x1.55557ap-1f, 0x1.995eb4p-2f, 0x1.31e3aap-2f};
static const real ERF_TERMS[] = {0x1.06eba8p-3f, -0x1.81273ep-2f,  0x1.ce2d20p-4f, -0x1.b7fbb4p-6f,
                                 0x1.5419f6p-8f, -0x1.a485f0p-11f, 0x1.4ae4d8p-14f};
static const real ERFC_TERMS[] = {-0x1.d97fc0p+0f, -0x1.51c9b2p+1f, -0x1.afab60p-1f, -0x1.549e6ep-5f,
                                  0x1.4a9cf4p-7f,  -0x1.0f812ep-9f, 0x1.5d5d82p-12f, -0x1.4057c8p-15f,
                                  0x1.6babcep-19f, -0x1.79be30p-24f};
#define TURN_REST -0x1.777a5cp-23f
static const real SINE_TERMS[] = {-0x1.4abbcep+5f, 0x1.466bc2p+6f, -0x1.32ce1ep+6f, 0x1.4cb762p+5f};
static const real COSINE_TERMS[] = {-0x1.3bd3ccp+4f, 0x1.03c1eap+6f, -0x1.55cb98p+6f, 0x1.db6492p+5f};
#endif

#define LOG2_E ((real)0x1.71547652b82fep+0)
#define SQRT_HALF ((real)0x1.6a09e667f3bcdp-1)
#define TURN ((real)0x1.921fb54442d18p+2) /* 2 pi; TURN_REST is what it lacks */
#define POLYNOMIAL(x, terms) vec_polynomial(x, terms, sizeof(terms) / sizeof(real))

/* terms[0] + x terms[1] + ... by Horner's rule; n is a constant where this is inlined. */
static inline vf vec_polynomial(vf x, const real *terms, int n) {
    vf sum = vf_set1(terms[n - 1]);
    UNROLL for (int i = n - 2; i >= 0; i--)
        sum = vf_fma(sum, x, vf_set1(terms[i]));
    return sum;
}

/* A function that few networks pass their time in. In float64, which few are trained in, it is called: written into
 * every loop, such functions were a tenth of the kernels. */
#ifdef FNN_F64
#define ONE_COPY static __attribute__((noinline))
#else
#define ONE_COPY static inline
#endif

/* x = exponent * ln 2 + r + tail: r exact and at most ln(2) / 2, tail its rest. */
typedef struct {
    vi exponent;
    vf r, tail;
} vec_reduced;

static inline vec_reduced vec_reduce(vf x) {
    vf shifted = vf_fma(x, vf_set1(LOG2_E), vf_set1(MAGIC));
    vf k = vf_sub(shifted, vf_set1(MAGIC));
    vec_reduced out;
    out.exponent = vi_sub(vi_bits(shifted), vi_bits(vf_set1(MAGIC)));
    out.r = vf_fnma(k, vf_set1(LN2_HIGH), x);
    out.tail = vf_mul(k, vf_set1(-LN2_LOW));
    return out;
}

/* 1 + r + rest. In double the error of 1 + r is carried along: sigmoid has no ULP to spare. */
static inline vf vec_exp_sum(vf r, vf rest) {
#ifdef FNN_F64
    vf sum = vf_add(r, vf_set1(1));
    vf lost = vf_sub(r, vf_sub(sum, vf_set1(1)));
    return vf_add(sum, vf_add(rest, lost));
#else
    return vf_add(vf_add(r, rest), vf_set1(1));
#endif
}

/* exp(x) for EXP_LOWEST <= x <= EXP_HIGHEST. The power of two is applied in two steps, since 2**n alone can
 * be out of range, up or down, while the result is in it. */
static inline vf vec_exp_in_range(vf x) {
    vec_reduced a = vec_reduce(x);
    vf r = vf_add(a.r, a.tail);
    vf rest = vf_fma(vf_mul(r, r), POLYNOMIAL(r, EXP_TERMS), a.tail);
    vf fraction = vec_exp_sum(a.r, rest);
    vi twice_biased = vi_add(a.exponent, vi_set1(2 * BIAS));
    vi half = vi_shr(twice_biased, 1);
    vf first = vf_bits(vi_shl(half, MANTISSA)), second = vf_bits(vi_shl(vi_sub(twice_biased, half), MANTISSA));
    return vf_mul(vf_mul(fraction, first), second);
}

static inline vf vf_exp(vf x) { return vec_exp_in_range(vf_max(vf_set1(EXP_LOWEST), vf_min(vf_set1(EXP_HIGHEST), x))); }

/* With s = 2**n: (s - 1) + s (exp(r) - 1), all halved so that s stays in range, and the rounding error
 * of the leading sum carried along, because the two parts cancel for n = 1. */
static inline vf vec_expm1(vf x) {
    vec_reduced a = vec_reduce(vf_max(vf_set1(EXPM1_LOWEST), vf_min(vf_set1(EXP_HIGHEST), x)));
    vf r = vf_add(a.r, a.tail);
    vf rest = vf_fma(vf_mul(r, r), POLYNOMIAL(r, EXP_TERMS), a.tail);
    vf s = vf_bits(vi_shl(vi_add(a.exponent, vi_set1(BIAS - 1)), MANTISSA));
    vf big = vf_sub(s, vf_set1((real)0.5)), small = vf_mul(s, a.r);
    vf sum = vf_add(big, small);
    vf lost = vf_sub(small, vf_sub(sum, big));
    vf half = vf_add(sum, vf_fma(s, rest, lost));
    return vf_select(vf_lt(vf_abs(x), vf_set1(TINY)), x, vf_add(half, half));
}

ONE_COPY vf vf_expm1(vf x) { return vec_expm1(x); }

/* u = 2**k m with m in [sqrt(1/2), sqrt(2)), for positive normal u. */
static inline vf vec_split(vf u, vf *k) {
    vi offset = vi_bits(vf_set1(SQRT_HALF));
    vi above = vi_sub(vi_bits(u), offset);
    vi biased = vi_shr(vi_add(above, vi_set1((integer)BIAS << MANTISSA)), MANTISSA);
    *k = vf_sub(vf_of_vi(biased), vf_set1(BIAS));
    return vf_bits(vi_add(vi_and(above, vi_set1(((integer)1 << MANTISSA) - 1)), offset));
}

/* k ln 2 + log(1 + f) + low for small low. With s = f / (2 + f): log(1 + f) = f - f**2 / 2 + s (f**2 / 2 + R). */
static inline vf vec_log_sum(vf k, vf f, vf low) {
    vf s = vf_div(f, vf_add(f, vf_set1(2)));
    vf z = vf_mul(s, s), half_square = vf_mul(vf_mul(f, f), vf_set1((real)0.5));
    vf rest = vf_fma(z, POLYNOMIAL(z, LOG_TERMS), half_square);
    vf tail = vf_fma(s, rest, vf_fma(k, vf_set1(LN2_LOW), low));
    return vf_fma(k, vf_set1(LN2_HIGH), vf_sub(f, vf_sub(half_square, tail)));
}

/* y where 0 < u < inf, else the limits and NaN of a logarithm of u. */
static inline vf vec_log_limits(vf u, vf y) {
    vf zero_or_less = vf_select(vf_eq(u, vf_zero()), vf_set1(-REAL_INFINITY), vf_set1(REAL_NAN));
    vf in_range = vf_select(vf_lt(u, vf_set1(REAL_INFINITY)), y, u);
    return vf_select(vf_gt(u, vf_zero()), in_range, zero_or_less);
}

ONE_COPY vf vf_log(vf x) {
    vm denormal = vf_lt(x, vf_set1(SMALLEST_NORMAL));
    vf scaled = vf_mul(x, vf_set1((real)((int64_t)1 << OUT_OF_DENORMAL)));
    vf k, m = vec_split(vf_select(denormal, scaled, x), &k);
    k = vf_sub(k, vf_select(denormal, vf_set1(OUT_OF_DENORMAL), vf_zero()));
    return vec_log_limits(x, vec_log_sum(k, vf_sub(m, vf_set1(1)), vf_zero()));
}

/* log(1 + x) for -1 < x < inf: u = 1 + x rounded, and its error c over u added to log(u). For c / u, with
 * u = 2**k (1 + f), 1 / (1 + f) = 1 - f + f**2 is enough. */
static inline vf vec_log1p_in_range(vf x) {
    vf u = vf_add(x, vf_set1(1)), back = vf_sub(u, vf_set1(1));
    vf c = vf_add(vf_sub(vf_set1(1), vf_sub(u, back)), vf_sub(x, back));
    vf k, f = vf_sub(vec_split(u, &k), vf_set1(1));
    vf in_range = vf_min(vf_set1(BIAS - 1), k); /* c is 0 before 2**-k gets out of range */
    vf scale = vf_bits(vi_shl(vi_of_vf(vf_sub(vf_set1(BIAS), in_range)), MANTISSA));
    vf over_u = vf_mul(vf_mul(c, scale), vf_fma(f, vf_sub(f, vf_set1(1)), vf_set1(1)));
    return vec_log_sum(k, f, over_u);
}

ONE_COPY vf vf_log1p(vf x) {
    vf y = vec_log_limits(vf_add(x, vf_set1(1)), vec_log1p_in_range(x));
    return vf_select(vf_eq(x, vf_zero()), x, y); /* the sign of a zero */
}

/* a / (base + t), where |t| <= base and the sum lies in [1, 2]. In double the error of the sum is carried
 * along; a line is near enough to 1 / sum for it. */
static inline vf vec_over_sum(vf a, vf base, vf t) {
    vf sum = vf_add(base, t), quotient = vf_div(a, sum);
#ifdef FNN_F64
    vf lost = vf_sub(t, vf_sub(sum, base));
    vf inverse = vf_fnma(vf_set1(0.5), sum, vf_set1(1.5));
    return vf_fnma(vf_mul(quotient, lost), inverse, quotient);
#else
    return quotient;
#endif
}

#ifdef FNN_F64
/* With e = exp(-2 |x|) - 1, so that nothing overflows: -e / (2 + e). */
static inline vf vf_tanh(vf x) {
    vf e = vec_expm1(vf_mul(vf_min(vf_set1(TANH_HIGHEST), vf_abs(x)), vf_set1(-2)));
    return vf_copysign(vec_over_sum(e, vf_set1(2), e), x);
}
#else
/* 1 - 2 / (exp(2 |x|) + 1), and a polynomial where that would cancel. The power of two is small enough to be added to
 * the exponent at once. In double the polynomial would be too long to pay. */
static inline vf vf_tanh(vf x) {
    vf a = vf_abs(x), at_most = vf_min(vf_set1(TANH_HIGHEST), a);
    vec_reduced part = vec_reduce(vf_add(at_most, at_most));
    vf r = vf_add(part.r, part.tail);
    vf fraction = vf_add(vf_fma(vf_mul(r, r), POLYNOMIAL(r, EXP_TERMS), r), vf_set1(1));
    vf e = vf_bits(vi_add(vi_bits(fraction), vi_shl(part.exponent, MANTISSA)));
    vf large = vf_sub(vf_set1(1), vf_div(vf_set1(2), vf_add(e, vf_set1(1))));
    vf u = vf_mul(x, x), small = vf_fma(vf_mul(a, u), POLYNOMIAL(u, TANH_TERMS), a);
    return vf_copysign(vf_select(vf_ge(a, vf_set1(TANH_CUT)), large, small), x); /* NaN goes through the polynomial */
}
#endif

static inline vf vf_sigmoid(vf x) {
    vf t = vf_exp(vf_neg(vf_abs(x)));
    return vec_over_sum(vf_select(vf_ge(x, vf_zero()), vf_set1(1), t), vf_set1(1), t);
}

ONE_COPY vf vf_softplus(vf x) { return vf_add(vf_max(vf_zero(), x), vec_log1p_in_range(vf_exp(vf_neg(vf_abs(x))))); }

/* erfc(a) for a >= 1; its last value beyond ERF_HIGHEST, where 1 - erfc is 1. */
static inline vf vec_erfc(vf a) {
    vf t = vf_sub(vf_min(vf_set1(ERF_HIGHEST), a), vf_set1(1));
    return vec_exp_in_range(POLYNOMIAL(t, ERFC_TERMS));
}

ONE_COPY vf vf_erf(vf x) {
    vf a = vf_abs(x);
    vf inner = vf_fma(x, POLYNOMIAL(vf_mul(x, x), ERF_TERMS), x);
    vf outer = vf_copysign(vf_sub(vf_set1(1), vec_erfc(a)), x);
    return vf_select(vf_lt(a, vf_set1(1)), inner, outer);
}

/* The normal distribution (1 + erf(z / sqrt(2))) / 2. On the left, where 1 + erf would cancel, it keeps some
 * relative precision down to its cut to 0 at ERF_HIGHEST. */
ONE_COPY vf vf_normal_cdf(vf z) {
    vf u = vf_mul(z, vf_set1(SQRT_HALF)), half_u = vf_mul(u, vf_set1((real)0.5)), a = vf_abs(u);
    vf inner = vf_add(vf_fma(half_u, POLYNOMIAL(vf_mul(u, u), ERF_TERMS), half_u), vf_set1((real)0.5));
    vf tail = vf_mul(vec_erfc(a), vf_set1((real)0.5));
    tail = vf_select(vf_gt(a, vf_set1(ERF_HIGHEST)), vf_zero(), tail);
    vf outer = vf_select(vf_lt(u, vf_zero()), tail, vf_sub(vf_set1(1), tail));
    return vf_select(vf_lt(a, vf_set1(1)), inner, outer);
}

typedef struct {
    vf sine, cosine;
} vec_wave;

/* Sine and cosine of an angle in turns: its distance from the nearest quarter is exact, whatever its size. Each is off
 * by at most a unit in the last place of 1. */
static inline vec_wave vec_sine_cosine(vf turns) {
    const vf part = vf_sub(turns, vf_round(turns)), quarter = vf_round(vf_mul(part, vf_set1(4)));
    const vf r = vf_fnma(quarter, vf_set1((real)0.25), part), z = vf_mul(r, r);
    const vf bend = vf_fma(z, POLYNOMIAL(z, SINE_TERMS), vf_set1(TURN_REST));
    const vf s = vf_fma(r, bend, vf_mul(r, vf_set1(TURN))), c = vf_fma(z, POLYNOMIAL(z, COSINE_TERMS), vf_set1(1));
    const vm odd = vf_eq(vf_abs(quarter), vf_set1(1)), half = vf_gt(vf_abs(quarter), vf_set1(1));
    const vf sine = vf_select(odd, c, s), cosine = vf_select(odd, s, c);
    const vm below = vm_or(half, vf_eq(quarter, vf_set1(-1))), left = vm_or(half, vf_eq(quarter, vf_set1(1)));
    return (vec_wave){.sine = vf_select(below, vf_neg(sine), sine), .cosine = vf_select(left, vf_neg(cosine), cosine)};
}

#endif
