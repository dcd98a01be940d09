/* Sine and cosine of angles in turns with the same bits everywhere: turns.py in C, operation by operation.
 *
 * Independent of the instruction set's vocabulary; without branches or calls, so that compilers vectorise loops around
 * it, which changes no bit: nothing is fused (-ffp-contract=off) and no sum is split. */
#ifndef FNN_TURNS_H
#define FNN_TURNS_H

#include <math.h>

static inline void fnn_sine_cosine(double turns, double *sine, double *cosine) {
    const double size = fabs(turns), quarters = floor((floor(8.0 * size) + 1.0) * 0.5), rest = size - 0.25 * quarters;
    const double z = rest * rest;
    double s = 0.10422916220813984, c = 0.28200596845579123;
    s = 3.819952584848282 + z * (-0.7181223017785006 + z * s);
    s = 42.058693944897655 + z * (-15.09464257682299 + z * s);
    s = 81.60524927607506 + z * (-76.70585975306139 + z * s);
    s = z * (-41.34170224039976 + z * s);
    c = 7.903536371318469 + z * (-1.714390711088672 + z * c);
    c = 60.24464137187666 + z * (-26.4262567833744 + z * c);
    c = 64.9393940226683 + z * (-85.45681720669373 + z * c);
    c = z * (-19.739208802178716 + z * c);
    const double near_sine = 6.283185307179586 * rest + rest * (2.4492935982947064e-16 + s), near_cosine = 1.0 + c;
    const double half = floor(quarters * 0.5);
    const int odd = quarters - 2.0 * half > 0.5, negative = half - 2.0 * floor(half * 0.5) > 0.5;
    const double found_sine = odd ? near_cosine : near_sine, found_cosine = odd ? -near_sine : near_cosine;
    *sine = negative != (turns < 0.0) ? -found_sine : found_sine;
    *cosine = negative ? -found_cosine : found_cosine;
}

#endif
