/* Asks memory for what is wanted soon and lies where the processor does not see it coming. */
#ifndef FNN_PREFETCH_H
#define FNN_PREFETCH_H

#include <stdint.h>

/* Of longer rows the start: the processor sees the rest coming, and more would push out what the network needs. */
enum { FNN_LINE_BYTES = 64, FNN_FETCHED_BYTES = 512 };

static inline void fnn_fetch_all(const void *array, int64_t offset, int64_t n_bytes) {
    const uintptr_t begin = (uintptr_t)array + (uintptr_t)offset;
    for (uintptr_t at = begin & -(uintptr_t)FNN_LINE_BYTES; at < begin + (uintptr_t)n_bytes; at += FNN_LINE_BYTES)
        __builtin_prefetch((const void *)at);
}

static inline void fnn_fetch(const void *array, int64_t offset, int64_t n_bytes) {
    fnn_fetch_all(array, offset, n_bytes < FNN_FETCHED_BYTES ? n_bytes : FNN_FETCHED_BYTES);
}

static inline void fnn_fetch_rows(const void *array, int64_t row_bytes, const int32_t *rows, int64_t n_rows) {
    for (int64_t i = 0; i < n_rows; i++) fnn_fetch(array, rows[i] * row_bytes, row_bytes);
}

#endif
