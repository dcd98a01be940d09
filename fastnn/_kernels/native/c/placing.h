/* Columns and rows of numbers written into the rows of another array, each row to its place. */
#ifndef FNN_PLACING_H
#define FNN_PLACING_H

#include <stdint.h>

/* What a number is stored as; placing.py has the same names in the same order. */
typedef enum {
    FNN_F4,
    FNN_F8,
    FNN_I1,
    FNN_I2,
    FNN_I4,
    FNN_I8,
    FNN_U1,
    FNN_U2,
    FNN_U4,
    FNN_U8,
    FNN_N_STORED
} fnn_stored;

typedef struct {
    const char *at;
    int64_t step; /* bytes from one number to the next */
    fnn_stored stored;
} fnn_column;

/* Rows that are written to: `pitch` numbers of type `stored` each, which is FNN_F4, FNN_F8, or, of whole numbers alone,
 * FNN_I8. Row i goes to places[i], nowhere where that is negative; places of NULL are 0, 1, .... */
typedef struct {
    char *at;
    int64_t pitch;
    const int32_t *places;
    fnn_stored stored;
} fnn_rows_to;

/* Writes columns of n numbers side by side; returns whether all that was written is finite. */
int fnn_place_columns(const fnn_column *columns, int64_t n_columns, int64_t n, fnn_rows_to to);

/* Copies n rows of so many bytes. */
void fnn_place_rows(const char *rows, int64_t n, int64_t row_bytes, char *to, const int32_t *places);

/* places[i] is how many of the elements first, first + 1, ... of a stream of random words come before element i when
 * they are sorted, equal ones by their places (orders.py, keyed_places); 0 where there is no memory for that. */
int fnn_keyed_places(int32_t *places, int64_t n, uint64_t seed, uint32_t stream, int64_t position, int64_t first);

#endif
