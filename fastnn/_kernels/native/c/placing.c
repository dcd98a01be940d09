/* Columns become rows in tiles: a few columns of a few rows are converted in the first-level cache, and from there each
 * row goes to its place. So a window of a stream is written once, in the order in which it trains. */
#include "placing.h"

#include <string.h>

#include "finite.h"
#include "kernels.h"
#include "scratch.h"

enum { TILE_ROWS = 64, TILE_COLUMNS = 32, FOUR = 4, LINE = 64, TILE_BYTES = 8 * TILE_ROWS };

/* A few columns of a few rows, column by column. */
typedef union {
    float f4[TILE_COLUMNS][TILE_ROWS];
    double f8[TILE_COLUMNS][TILE_ROWS];
    int64_t i8[TILE_COLUMNS][TILE_ROWS];
} tile;

/* Numbers that lie side by side by themselves, for then they are converted in vectors. */
#define CONVERT(STORED, FROM, TO)                                                                                      \
    case STORED:                                                                                                       \
        if (step == (int64_t)sizeof(FROM))                                                                             \
            for (int64_t i = 0; i < n; i++) to[i] = (TO)((const FROM *)from)[i];                                       \
        else                                                                                                           \
            for (int64_t i = 0; i < n; i++, from += step) to[i] = (TO)(*(const FROM *)from);                           \
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
    static void NAME(const fnn_column *column, int64_t first, int64_t n, TO *restrict to) {                            \
        const int64_t step = column->step;                                                                             \
        const char *from = column->at + first * step;                                                                  \
        switch (column->stored) {                                                                                      \
            KINDS                                                                                                      \
        default: break;                                                                                                \
        }                                                                                                              \
    }

CONVERTER(convert_f4, float, WHOLE(float) FRACTIONS(float))
CONVERTER(convert_f8, double, WHOLE(double) FRACTIONS(double))
CONVERTER(convert_i8, int64_t, WHOLE(int64_t))

/* Returns whether all that a column has become is finite. */
static int convert(const fnn_column *column, int64_t first, int64_t n, tile *to, int64_t place, fnn_stored stored) {
    if (stored == FNN_F4) {
        convert_f4(column, first, n, to->f4[place]);
        return fnn_are_finite(to->f4[place], n, sizeof(float));
    }
    if (stored == FNN_F8) {
        convert_f8(column, first, n, to->f8[place]);
        return fnn_are_finite(to->f8[place], n, sizeof(double));
    }
    convert_i8(column, first, n, to->i8[place]);
    return 1;
}

/* The next numbers of a column are on their way while others are converted, for there are more columns than a processor
 * follows by itself. A tile of the widest numbers is asked for whatever these are: a loop whose end depends on them
 * took a fifth of the time of all. */
static void ask_for(const fnn_column *column, int64_t first) {
    const char *at = column->at + first * column->step;
    if (column->step > 0 && column->step <= (int64_t)sizeof(double)) /* side by side */
        for (int byte = 0; byte < TILE_BYTES; byte += LINE) __builtin_prefetch(at + byte);
}

/* Where a row begins, NULL for one that is left out. */
static char *row_at(char *at, const int32_t *places, int64_t row, int64_t row_bytes) {
    const int64_t place = places ? places[row] : row;
    return place < 0 ? NULL : at + place * row_bytes;
}

typedef int32_t fours __attribute__((vector_size(4 * FOUR), may_alias));
#ifdef __clang__
#define PICK(A, B, ...) __builtin_shufflevector(A, B, __VA_ARGS__)
#else
#define PICK(A, B, ...) __builtin_shuffle(A, B, (fours){__VA_ARGS__})
#endif

/* Four columns of four rows, from single precision's tile into the rows. */
static void place_fours(const float *columns, char *const *rows, int64_t at) {
    fours in[FOUR], row[FOUR];
#pragma GCC unroll 4
    for (int i = 0; i < FOUR; i++) memcpy(&in[i], columns + i * TILE_ROWS, sizeof *in);
    const fours low = PICK(in[0], in[1], 0, 4, 1, 5), low2 = PICK(in[2], in[3], 0, 4, 1, 5);
    const fours high = PICK(in[0], in[1], 2, 6, 3, 7), high2 = PICK(in[2], in[3], 2, 6, 3, 7);
    row[0] = PICK(low, low2, 0, 1, 4, 5), row[1] = PICK(low, low2, 2, 3, 6, 7);
    row[2] = PICK(high, high2, 0, 1, 4, 5), row[3] = PICK(high, high2, 2, 3, 6, 7);
#pragma GCC unroll 4
    for (int i = 0; i < FOUR; i++) memcpy(rows[i] + at, &row[i], sizeof *row);
}

/* Columns [column, width) of a tile into rows [first, n), number by number. */
static void place_singly(const tile *numbers, int64_t column, int64_t width, char *const *rows, int64_t first,
                         int64_t n, int64_t size) {
    for (int64_t i = first; i < n; i++)
        for (int64_t c = column; c < width; c++)
            if (size == sizeof(float))
                memcpy(rows[i] + c * size, &numbers->f4[c][i], sizeof(float));
            else
                memcpy(rows[i] + c * size, &numbers->i8[c][i], sizeof(int64_t));
}

static int place_tile(const fnn_column *columns, int64_t column, int64_t width, int64_t first, int64_t n,
                      const fnn_rows_to *to) {
    const int64_t size = to->stored == FNN_F4 ? sizeof(float) : sizeof(double);
    int64_t left_out[TILE_COLUMNS];
    char *rows[TILE_ROWS];
    tile numbers;
    int finite = 1;
    for (int64_t i = 0; i < n; i++) { /* what they lie on is on its way while they are converted */
        char *row = row_at(to->at, to->places, first + i, to->pitch * size);
        rows[i] = row ? row + column * size : (char *)left_out;
        __builtin_prefetch(rows[i], 1), __builtin_prefetch(rows[i] + width * size - 1, 1);
    }
    for (int64_t c = 0; c < width; c++) {
        ask_for(columns + column + c, first + n);
        finite &= convert(columns + column + c, first, n, &numbers, c, to->stored);
    }
    const int64_t many = size == sizeof(float) ? n - n % FOUR : 0, wide = width - width % FOUR;
    for (int64_t i = 0; i < many; i += FOUR)
        for (int64_t c = 0; c < wide; c += FOUR) place_fours(numbers.f4[c] + i, rows + i, c * size);
    place_singly(&numbers, wide, width, rows, 0, many, size);
    place_singly(&numbers, 0, width, rows, many, n, size);
    return finite;
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
    const size_t bytes = (size_t)n * sizeof(uint64_t);
    int32_t (*starts)[DIGITS] = fnn_scratch(N_DIGITS * sizeof *starts + 2 * bytes);
    if (!starts) return 0;
    uint64_t *from = (uint64_t *)(starts + N_DIGITS), *to = from + n;
    memset(starts, 0, N_DIGITS * sizeof *starts);
    draw(from, n, seed, stream, position, first);
    for (int number = 0; number < N_DIGITS; number++) {
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
    return 1;
}
