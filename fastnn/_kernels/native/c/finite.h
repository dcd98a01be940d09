/* Whether numbers are finite: whether no exponent has all its bits. */
#ifndef FNN_FINITE_H
#define FNN_FINITE_H

#include <stdint.h>

typedef uint32_t fnn_bits_of_single __attribute__((may_alias));
typedef uint64_t fnn_bits_of_double __attribute__((may_alias));

/* n numbers of item_size bytes, 4 or 8. */
static inline int fnn_are_finite(const void *numbers, int64_t n, int64_t item_size) {
    const fnn_bits_of_single *singles = numbers, all4 = 0x7f800000u;
    const fnn_bits_of_double *doubles = numbers, all8 = 0x7ff0000000000000u;
    uint32_t bad4 = 0;
    uint64_t bad8 = 0;
    if (item_size == 4)
        for (int64_t i = 0; i < n; i++) bad4 |= (singles[i] & all4) == all4;
    else
        for (int64_t i = 0; i < n; i++) bad8 |= (doubles[i] & all8) == all8;
    return !bad4 && !bad8;
}

#endif
