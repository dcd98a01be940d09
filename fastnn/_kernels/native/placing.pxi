# Rows of a stream written to their places (placing.py, orders.py); a part of native.pyx.

cdef dict STORED = {form: number for number, form in enumerate(placing.STORED)}


def place_columns(columns, rows, places):
    """``placing.place_columns`` of columns whose dtypes stand in ``placing.STORED``."""
    cdef Py_ssize_t i, n = len(columns[0]), size = 0
    cdef fnn_rows_to to
    cdef int finite
    to.at, to.pitch = _address(rows, &size, PyBUF_WRITABLE), rows.shape[1]
    to.stored = <fnn_stored>STORED[rows.dtype.str[1:]]
    to.places = NULL
    if places is not None:
        to.places = <const int32_t *>_address(places, &size)
    cdef fnn_column *found = <fnn_column *>malloc(len(columns) * sizeof(fnn_column))
    if found == NULL:
        raise MemoryError
    for i in range(len(columns)):
        column = columns[i]
        found[i].at, found[i].step = <const char *>numpy.PyArray_DATA(column), numpy.PyArray_STRIDE(column, 0)
        found[i].stored = <fnn_stored>STORED[column.dtype.str[1:]]
    cdef int64_t n_columns = len(columns)
    with nogil:
        finite = fnn_place_columns(found, n_columns, n, to)
        free(found)
    return bool(finite)


def place_rows(given, rows, places):
    """``placing.place_rows`` of C-contiguous arrays of one dtype."""
    cdef Py_ssize_t size = 0, n_bytes = 0
    cdef const char *source = _address(given, &n_bytes)
    cdef char *to = _address(rows, &size, PyBUF_WRITABLE)
    cdef const int32_t *at = <const int32_t *>_address(places, &size)
    cdef int64_t n = len(given)
    with nogil:
        if n:
            fnn_place_rows(source, n, n_bytes // n, to, at)


def keyed_places(uint64_t seed, uint32_t stream, int64_t position, int64_t first, places):
    """``orders.keyed_places`` into an int32 array."""
    cdef Py_ssize_t size = 0
    cdef int32_t *at = <int32_t *>_address(places, &size, PyBUF_WRITABLE)
    cdef int64_t n = len(places)
    cdef int done
    with nogil:
        done = fnn_keyed_places(at, n, seed, stream, position, first)
    if not done:
        raise MemoryError
