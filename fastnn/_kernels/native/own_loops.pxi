# What loops of a user's own want at every step: looks at arrays, vectors without gaps, gradients by slopes; a part of
# native.pyx.

cdef enum:
    FEW = 8192  # as in arrays.py: more numbers are looked at without the GIL, by NumPy


cdef bint _is_plain(array, int type_number) noexcept:
    """Whether kernels take an array as it is."""
    if not numpy.PyArray_CheckExact(array) or numpy.PyArray_TYPE(array) != type_number:
        return False
    return numpy.PyArray_ISCARRAY_RO(array) and numpy.PyArray_SIZE(array) <= FEW


cdef Py_ssize_t _plain_rows(x, tuple shape, int type_number) except? -1:
    """Rows in an array ``(n, *shape)`` that kernels take as it is and whose few numbers are finite; else -1."""
    cdef int i, n_dims = len(shape)
    if not _is_plain(x, type_number) or numpy.PyArray_NDIM(x) != n_dims + 1:
        return -1
    for i in range(n_dims):
        if numpy.PyArray_DIM(x, i + 1) != <Py_ssize_t>shape[i]:
            return -1
    if not fnn_are_finite(numpy.PyArray_DATA(x), numpy.PyArray_SIZE(x), numpy.PyArray_ITEMSIZE(x)):
        return -1
    return numpy.PyArray_DIM(x, 0)


def plain_rows(x, tuple shape, dtype):
    """See ``_engine/looks.py``."""
    return _plain_rows(x, shape, (<numpy.dtype>dtype).num)


def gathered(list cuts, Py_ssize_t size, vector):
    """See ``_engine/looks.py``."""
    cdef numpy.npy_intp dims[1]
    cdef Py_ssize_t offset, start, end, item = numpy.PyArray_ITEMSIZE(vector)
    dims[0] = size
    flat = numpy.PyArray_EMPTY(1, dims, numpy.PyArray_TYPE(vector), 0)
    cdef char *to = <char *>numpy.PyArray_DATA(flat)
    cdef char *from_ = <char *>numpy.PyArray_DATA(vector)
    for offset, start, end in cuts:
        memcpy(to + start * item, from_ + offset * item, (end - start) * item)
    return flat


def spread(list cuts, flat, vector):
    """See ``_engine/looks.py``."""
    cdef Py_ssize_t offset, start, end, item = numpy.PyArray_ITEMSIZE(vector)
    cdef char *from_ = <char *>numpy.PyArray_DATA(flat)
    cdef char *to = <char *>numpy.PyArray_DATA(vector)
    for offset, start, end in cuts:
        memcpy(to + offset * item, from_ + start * item, (end - start) * item)


cdef class Slopes:
    """Gradients by slopes that a user brings, as a compact vector; a plan with one input and one output, and memory.

    None for arguments that want a closer look, and where the sum is not finite.
    """

    cdef object plan, memory, sums
    cdef tuple in_shape, out_shape
    cdef list cuts
    cdef Py_ssize_t size

    def __init__(self, plan, memory, sums, tuple shapes, list cuts, Py_ssize_t size):
        self.plan, self.memory, self.sums = plan, memory, sums
        self.in_shape, self.out_shape = shapes
        self.cuts, self.size = cuts, size

    def __call__(self, x, dy, int64_t step, double dropping):
        cdef Prepared p = _prepared(self.plan, self.memory)
        cdef int type_number = numpy.PyArray_TYPE(self.memory.params), end, threads
        cdef int64_t rows = _plain_rows(x, self.in_shape, type_number)
        if rows < 1 or _plain_rows(dy, self.out_shape, type_number) != rows:
            return None
        cdef fnn_source source = _source(x)
        cdef fnn_answer answer
        cdef fnn_data data
        cdef double *sums = <double *>numpy.PyArray_DATA(self.sums)
        cdef int32_t *order = p.rows_to(rows)
        answer.target, answer.weight = numpy.PyArray_DATA(dy), NULL
        sums[0] = 0.0
        data.sources, data.answers = &source, &answer
        threads = p.threads(min(p.header.block_rows, rows), 3)
        with nogil:
            end = fnn_gradient(&p.network, &data, order, rows, step, dropping, sums, threads)
        _leave(p, end)
        return gathered(self.cuts, self.size, self.memory.grads) if isfinite(sums[0]) else None
