/* Columns become rows in tiles: a few columns of a few rows are converted in the first-level cache, and from there each
 * row goes to its place. So a window of a stream is written once, in the order in which it trains. */
#include "placing.h"

#include <stdlib.h>
#include <string.h>

#include "finite.h"
#include "kernels.h"

enum { TILE_ROWS = 64, TILE_COLUMNS = 32 };

typedef union {
    float f4[TILE_ROWS * TILE_COLUMNS];
    double f8[TILE_ROWS * TILE_COLUMNS];
    int64_t i8[TILE_ROWS * TILE_COLUMNS];
} tile;

#define CONVERT(STORED, FROM, TO)                                                                                      \
    case STORED:                                                                                                       \
        for (int64_t i = 0; i < n; i++) to[i * pitch] = (TO)(*(const FROM *)(from + i * column->step));                \
        break;

#define WHOLE(TO)                                                                                                      \
    CONVERT(FNN_I1, int8_t, TO)                                                                                        \
    CONVERT(FNN_I2, int16_t, TO)                                                                                       \
    CONVERT(FNN_I4, int32_t, TO)                                                                                       \
    CONVERT(FNN_I8, int64_t, TO)                                                                                       \
    CONVERT(FNN_U1, uint8_t, TO)                                                                                       \
    CONVERT(FNN_U2, uint16_t, TO)                                                                                      \
    CONVERT(FNN_U4, uint32_t, TO)                                                                                      \
    CONVERT(FNN_U8, uint64_t, TO)

#define FRACTIONS(TO)                                                                                                  \
    CONVERT(FNN_F4, float, TO)                                                                                         \
    CONVERT(FNN_F8, double, TO)

#define CONVERTER(NAME, TO, KINDS)                                                                                     \
    static void NAME(const fnn_column *column, int64_t first, int64_t n, TO *restrict to, int64_t pitch) {             \
        const char *from = column->at + first * column->step;                                                          \
        switch (column->stored) {                                                                                      \
            KINDS                                                                                                      \
        default: break;                                                                                                \
        }                                                                                                              \
    }

CONVERTER(convert_f4, float, WHOLE(float) FRACTIONS(float))
CONVERTER(convert_f8, double, WHOLE(double) FRACTIONS(double))
CONVERTER(convert_i8, int64_t, WHOLE(int64_t))

static void convert(const fnn_column *column, int64_t first, int64_t n, tile *to, int64_t place, int64_t pitch,
                    fnn_stored stored) {
    if (stored == FNN_F4)
        convert_f4(column, first, n, to->f4 + place, pitch);
    else if (stored == FNN_F8)
        convert_f8(column, first, n, to->f8 + place, pitch);
    else
        convert_i8(column, first, n, to->i8 + place, pitch);
}

/* Where a row begins, NULL for one that is left out. */
static char *row_at(char *at, const int32_t *places, int64_t row, int64_t row_bytes) {
    const int64_t place = places ? places[row] : row;
    return place < 0 ? NULL : at + place * row_bytes;
}

static int place_tile(const fnn_column *columns, int64_t column, int64_t width, int64_t first, int64_t n,
                      const fnn_rows_to *to) {
    const int64_t size = to->stored == FNN_F4 ? 4 : 8;
    tile numbers;
    for (int64_t i = 0; i < n; i++) { /* what they lie on is on its way while they are converted */
        const char *row = row_at(to->at, to->places, first + i, to->pitch * size);
        if (row) __builtin_prefetch(row + column * size, 1), __builtin_prefetch(row + (column + width) * size - 1, 1);
    }
    for (int64_t c = 0; c < width; c++) convert(columns + column + c, first, n, &numbers, c, width, to->stored);
    for (int64_t i = 0; i < n; i++) {
        char *row = row_at(to->at, to->places, first + i, to->pitch * size);
        if (row) memcpy(row + column * size, (const char *)&numbers + i * width * size, (size_t)(width * size));
    }
    return to->stored == FNN_I8 || fnn_are_finite(&numbers, n * width, size);
}

int fnn_place_columns(const fnn_column *columns, int64_t n_columns, int64_t n, fnn_rows_to to) {
    int finite = 1;
    for (int64_t first = 0; first < n; first += TILE_ROWS)
        for (int64_t column = 0; column < n_columns; column += TILE_COLUMNS) {
            const int64_t rows = n - first < TILE_ROWS ? n - first : TILE_ROWS;
            const int64_t width = n_columns - column < TILE_COLUMNS ? n_columns - column : TILE_COLUMNS;
            finite &= place_tile(columns, column, width, first, rows, &to);
        }
    return finite;
}

void fnn_place_rows(const char *rows, int64_t n, int64_t row_bytes, char *to, const int32_t *places) {
    for (int64_t i = 0; i < n; i++) {
        char *row = row_at(to, places, i, row_bytes);
        if (row) memcpy(row, rows + i * row_bytes, (size_t)row_bytes);
    }
}

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, N_DIGITS = 3 };

static int digit(uint64_t element, int number) { return (int)(element >> (32 + number * DIGIT_BITS)) & (DIGITS - 1); }

/* Each element is its word before its place. */
static void draw(uint64_t *elements, int64_t n, uint64_t seed, uint32_t stream, int64_t position, int64_t first) {
    uint32_t words[4];
    for (int64_t block = first / 4; block * 4 < first + n; block++) {
        const uint32_t counter[4] = {(uint32_t)block, stream, (uint32_t)position, (uint32_t)((uint64_t)position >> 32)};
        fnn_philox(seed, counter, words);
        for (int64_t j = 0; j < 4; j++) {
            const int64_t i = block * 4 + j - first;
            if (i >= 0 && i < n) elements[i] = (uint64_t)words[j] << 32 | (uint64_t)i;
        }
    }
}

/* Digit by digit from the last one on, which leaves equal elements in their order; the last turn finds places. */
int fnn_keyed_places(int32_t *places, int64_t n, uint64_t seed, uint32_t stream, int64_t position, int64_t first) {
    uint64_t *from = malloc((size_t)n * sizeof(uint64_t) + 1), *to = malloc((size_t)n * sizeof(uint64_t) + 1);
    int32_t (*starts)[DIGITS] = calloc(N_DIGITS, sizeof *starts);
    const int has_memory = from && to && starts;
    if (has_memory) draw(from, n, seed, stream, position, first);
    for (int number = 0; has_memory && number < N_DIGITS; number++) {
        for (int64_t i = 0; i < n; i++) starts[number][digit(from[i], number)]++;
        for (int32_t d = 0, before = 0, count; d < DIGITS; d++, before += count) {
            count = starts[number][d];
            starts[number][d] = before;
        }
        if (number == N_DIGITS - 1) {
            for (int64_t i = 0; i < n; i++) places[(uint32_t)from[i]] = starts[number][digit(from[i], number)]++;
        } else {
            for (int64_t i = 0; i < n; i++) to[starts[number][digit(from[i], number)]++] = from[i];
            uint64_t *other = from;
            from = to, to = other;
        }
    }
    free(from), free(to), free(starts);
    return has_memory;
}
