# Predictions in hot loops; a part of native.pyx.


cdef class Predictor:
    """``predictor.Predictor`` for this backend: checks through the C API, then the walk.

    ``fallback(x, out)`` takes every call with arguments out of the ordinary and finds the words for what is wrong;
    it has memory for calls that come while another thread works in the predictor's own.
    """

    cdef readonly object fallback
    cdef object plan, memory, dtype, __weakref__
    cdef int busy  # a call works in the memory, and others may have the GIL meanwhile, or there is none
    cdef tuple output_shape
    cdef int type_number, n_in_dims, n_out_dims
    cdef numpy.npy_intp in_dims[MOST_DIMS]
    cdef numpy.npy_intp out_dims[MOST_DIMS]

    def __init__(self, plan, memory, tuple input_shape, tuple output_shape, fallback):
        self.plan, self.memory, self.fallback = plan, memory, fallback
        self.dtype = memory.params.dtype
        self.type_number = self.dtype.num
        self.n_in_dims, self.n_out_dims = len(input_shape), len(output_shape)
        for i, size in enumerate(input_shape):
            self.in_dims[i] = size
        for i, size in enumerate(output_shape):
            self.out_dims[i] = size

    def renew(self, plan):
        """Predict by another plan, whose parameters stand elsewhere."""
        self.fallback.renew(plan)
        plan, _, memory, _ = self.fallback.standing
        with cython.critical_section(self):
            self.plan, self.memory = plan, memory

    @property
    def cfunc(self):
        """See ``predictor.Predictor.cfunc``."""
        return self.fallback.cfunc

    @property
    def step(self):
        """See ``predictor.Following.step``."""
        return self.fallback.step

    def __reduce__(self):
        return self.fallback.__reduce__()

    def __repr__(self):
        return repr(self.fallback)

    def __str__(self):
        return str(self.fallback)

    def __call__(self, x, out=None):
        cdef Py_ssize_t rows = self._rows(x)
        if rows < 0:
            return self.fallback(x, out)
        cdef bint single = numpy.PyArray_NDIM(x) == self.n_in_dims
        if out is None:
            if single:
                out = numpy.PyArray_EMPTY(self.n_out_dims, self.out_dims, self.type_number, 0)
            else:
                out = self._room(rows)
        elif not self._fits(out, rows, single) or self._mixes(x, out):
            return self.fallback(x, out)
        if not fnn_claim(&self.busy):
            return self.fallback(x, out)
        try:
            self._run(x, rows, out)
        finally:
            fnn_yield(&self.busy)
        return out

    cdef _room(self, Py_ssize_t rows):
        """An array for the outputs of rows; its shape is put together here, for other threads call with other rows."""
        cdef numpy.npy_intp dims[MOST_DIMS + 1]
        dims[0] = rows
        memcpy(dims + 1, self.out_dims, self.n_out_dims * sizeof(numpy.npy_intp))
        return numpy.PyArray_EMPTY(self.n_out_dims + 1, dims, self.type_number, 0)

    cdef int _run(self, x, Py_ssize_t rows, out) except -1:
        cdef Prepared p
        cdef fnn_source source
        cdef void *room = NULL
        cdef void *to = numpy.PyArray_DATA(out)
        source.x, source.values, source.columns, source.starts = numpy.PyArray_DATA(x), NULL, NULL, NULL
        source.pitch = 0
        with cython.critical_section(self):
            p = _prepared(self.plan, self.memory)
        return _predict(p, &source, rows, &room, &to)

    cdef bint _mixes(self, x, out) noexcept:
        """Whether out lies over x but not row upon row, so that writing a block would change rows not yet read."""
        cdef char *from_ = <char *>numpy.PyArray_DATA(x)
        cdef char *to = <char *>numpy.PyArray_DATA(out)
        cdef Py_ssize_t n_in = numpy.PyArray_NBYTES(x), n_out = numpy.PyArray_NBYTES(out)
        if from_ == to and n_in == n_out:
            return False
        return from_ < to + n_out and to < from_ + n_in

    cdef Py_ssize_t _rows(self, x) noexcept:
        """Rows in x, one for a single row; -1 when x is not as it should be."""
        if not numpy.PyArray_CheckExact(x) or numpy.PyArray_TYPE(x) != self.type_number:
            return -1
        if not numpy.PyArray_ISCARRAY_RO(x):
            return -1
        cdef int dims = numpy.PyArray_NDIM(x), first = dims - self.n_in_dims, i
        if first != 0 and first != 1:
            return -1
        for i in range(self.n_in_dims):
            if numpy.PyArray_DIM(x, first + i) != self.in_dims[i]:
                return -1
        return numpy.PyArray_DIM(x, 0) if first else 1

    cdef bint _fits(self, out, Py_ssize_t rows, bint single) noexcept:
        if not numpy.PyArray_CheckExact(out) or numpy.PyArray_TYPE(out) != self.type_number:
            return False
        if not numpy.PyArray_ISCARRAY(out) or numpy.PyArray_NDIM(out) != self.n_out_dims + (not single):
            return False
        cdef int i
        for i in range(self.n_out_dims):
            if numpy.PyArray_DIM(out, (not single) + i) != self.out_dims[i]:
                return False
        return single or numpy.PyArray_DIM(out, 0) == rows


def c_function(plan, memory):
    """Addresses of ``fnn_predict_alone`` and of the network it is to be called with, and what keeps that alive."""
    cdef Prepared p = Prepared(plan, memory)
    return <size_t>&fnn_predict_alone, <size_t>&p.network, p
