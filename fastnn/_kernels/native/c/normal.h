/* Normal numbers from random words, in pairs (see _base/normal.py), the same bits as there. */
#ifndef FNN_NORMAL_H
#define FNN_NORMAL_H

#include <stdint.h>
#include <string.h>

#include "turns.h"

#define FNN_SQRT_2 1.4142135623730951
#define FNN_LN_2 0.6931471805599453

/* The natural logarithm of a positive normal number; twice the mantissa of normal.py, which gives the same s. */
static inline double fnn_logarithm(double x) {
    int64_t bits, exponent;
    double mantissa;
    memcpy(&bits, &x, sizeof bits);
    exponent = (bits >> 52) - 1023;
    bits -= exponent << 52;
    memcpy(&mantissa, &bits, sizeof mantissa);
    const double s = (mantissa - FNN_SQRT_2) / (mantissa + FNN_SQRT_2), q = s * s;
    double series = 1.0 / 21;
    for (int n = 19; n > 0; n -= 2) series = series * q + 1.0 / n;
    return ((double)exponent + 0.5) * FNN_LN_2 + 2 * s * series;
}

/* Two numbers from each pair of words, of which there are `count`, an even number (Box and Muller 1958). */
static inline void fnn_normal(const uint32_t *words, int count, double *normal) {
    for (int i = 0; i < count; i += 2) {
        const double u = ((double)words[i] + 0.5) * 0x1p-32;
        const double radius = __builtin_sqrt(-2 * fnn_logarithm(u));
        double sine, cosine;
        fnn_sine_cosine((double)words[i + 1] * 0x1p-32, &sine, &cosine);
        normal[i] = radius * cosine;
        normal[i + 1] = radius * sine;
    }
}

#endif
