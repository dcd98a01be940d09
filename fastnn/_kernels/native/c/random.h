/* Philox4x32-10 (Salmon et al. 2011) as random.py has it; a stream is named by its counter words. */
#ifndef FNN_RANDOM_H
#define FNN_RANDOM_H

#include <stdint.h>

enum { FNN_STREAM_ORDER = 0, FNN_PHILOX_ROUNDS = 10 };

#define FNN_PHILOX_MULTIPLY_0 0xD2511F53u
#define FNN_PHILOX_MULTIPLY_1 0xCD9E8D57u
#define FNN_PHILOX_WEYL_0 0x9E3779B9u
#define FNN_PHILOX_WEYL_1 0xBB67AE85u

#endif
