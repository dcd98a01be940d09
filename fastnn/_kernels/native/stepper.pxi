# Predictions step by step in hot loops; a part of native.pyx.


cdef class Stepper:
    """``stepping.Stepper`` for this backend: checks through the C API, then the walk.

    ``fallback(x, out)`` takes every call with arguments out of the ordinary, finds the words for what is wrong, and
    begins anew with another number of sequences.
    """

    cdef object fallback, plan, memory, states
    cdef int busy
    cdef bint is_fresh
    cdef int type_number, n_in_dims, n_out_dims
    cdef Py_ssize_t rows
    cdef numpy.npy_intp in_dims[MOST_DIMS]
    cdef numpy.npy_intp out_dims[MOST_DIMS]
    cdef fnn_source sources[FNN_MOST_INPUTS]
    cdef void *rooms[FNN_MOST_INPUTS]
    cdef void *places[FNN_MOST_INPUTS]

    def __init__(self, fallback):
        self.fallback, self.plan, self.memory = fallback, fallback.plan, fallback.memory
        self.type_number = fallback.dtype.num
        self._begin(fallback.states, fallback.n)

    def begin(self, states, n):
        """Go on with these states, of ``n`` sequences, or of one alone with None; by who has claimed the stepper."""
        self._begin(states, n)

    def claim(self):
        """Have no other thread step; ``RuntimeError`` where one does."""
        self._claim()

    def release(self):
        """End what ``claim`` began."""
        fnn_yield(&self.busy)

    cdef int _claim(self) except -1:
        if not fnn_claim(&self.busy):
            raise RuntimeError("two threads step through one sequence; each wants a predictor of its own")
        return 0

    cdef int _begin(self, states, n) except -1:
        cdef Py_ssize_t size
        cdef int i, several = n is not None
        self.states, self.rows, self.is_fresh = states, n if several else 1, self.fallback.is_fresh
        shapes = self.fallback.step_shape, self.fallback.output_shape
        self.n_in_dims, self.n_out_dims = len(shapes[0]) + several, len(shapes[1]) + several
        self.in_dims[0] = self.out_dims[0] = self.rows
        for i in range(self.n_in_dims - several):
            self.in_dims[several + i] = shapes[0][i]
        for i in range(self.n_out_dims - several):
            self.out_dims[several + i] = shapes[1][i]
        for i in range(1 + len(states)):
            self.rooms[i] = NULL
            self.sources[i] = _source(states[i - 1] if i else states[0])
            self.places[i] = _address(states[i - 1] if i else states[0], &size, PyBUF_WRITABLE)
        return 0

    def __repr__(self):
        return repr(self.fallback)

    def __call__(self, x, out=None):
        self._claim()  # others would step on the same states
        try:
            return self._step(x, out)
        finally:
            fnn_yield(&self.busy)

    cdef _step(self, x, out):
        if not self._is(x, self.in_dims, self.n_in_dims, False):
            return self._other(x, out)
        if out is None:
            out = numpy.PyArray_EMPTY(self.n_out_dims, self.out_dims, self.type_number, 0)
        elif not self._is(out, self.out_dims, self.n_out_dims, True):
            return self._other(x, out)
        if self.is_fresh:
            self.is_fresh = self.fallback.is_fresh = False
        self.sources[0].x, self.places[0] = numpy.PyArray_DATA(x), numpy.PyArray_DATA(out)
        _predict(_prepared(self.plan, self.memory), self.sources, self.rows, self.rooms, self.places)
        return out

    cdef _other(self, x, out):
        made = self.fallback(x, out)
        if self.fallback.states is not self.states:
            self._begin(self.fallback.states, self.fallback.n)
        self.is_fresh = False
        return made

    cdef bint _is(self, array, numpy.npy_intp *dims, int n_dims, bint writable) noexcept:
        """Whether an array has this shape, and the model's dtype."""
        cdef int i
        if not numpy.PyArray_CheckExact(array) or numpy.PyArray_TYPE(array) != self.type_number:
            return False
        if numpy.PyArray_NDIM(array) != n_dims or not numpy.PyArray_ISCARRAY_RO(array):
            return False
        for i in range(n_dims):
            if numpy.PyArray_DIM(array, i) != dims[i]:
                return False
        return not writable or numpy.PyArray_ISCARRAY(array)
