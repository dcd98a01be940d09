# A plan and its memory as the C walk takes them, and how its calls end; a part of native.pyx.


cdef class Prepared:
    """Addresses of the tables of a plan and of its memory, with the kernels for their dtype."""

    cdef object plan, memory, error  # memory of the same arrays: that which this is kept on would never be freed
    cdef list room
    cdef fnn_network network
    cdef const fnn_header *header
    cdef int32_t *all_rows
    cdef int64_t n_rows
    cdef Py_ssize_t item_size
    cdef int isa

    def __cinit__(self, plan, memory):
        cdef Py_ssize_t n
        cdef fnn_model *model = &self.network.model
        self.plan, self.isa = plan, _isa
        self.memory = Memory(memory.params, memory.slots, memory.states, memory.grads, memory.workspace)
        self.room = [None] * len(plan.inputs)
        self.item_size = memory.params.dtype.itemsize
        self.network.kernels = fnn_isa_kernels(self.isa, <int>self.item_size)
        self.header = model.header = <const fnn_header *>_address(plan.header, &n)
        model.values, model.edges = <const fnn_value *>_address(plan.values, &n), <const fnn_edge *>_address(plan.edges, &n)
        model.ops = <const fnn_op *>_address(plan.ops, &n)
        model.losses = <const fnn_loss *>_address(plan.losses, &n)
        model.optimizer = <const fnn_optimizer *>_address(plan.optimizer, &n)
        model.metrics = <const fnn_metric *>_address(plan.metrics, &n)
        model.segments, model.spans = <const fnn_segment *>_address(plan.segments, &n), <const fnn_span *>_address(plan.spans, &n)
        model.params, model.grads = _address(memory.params, &n), _address(memory.grads, &n)
        model.slots, model.states = _address(memory.slots, &n), _address(memory.states, &n)
        model.workspace = _address(memory.workspace, &n)
        model.workspace_bytes = <size_t>n
        model.owner = <void *>self
        fnn_prepare(&self.network)
        self.rows_to(self.header.block_rows)

    def __dealloc__(self):
        free(self.all_rows)

    def __reduce__(self):
        return _nothing, ()  # a copy of the memory prepares anew

    cdef int32_t *rows_to(self, int64_t n) except NULL:
        """Indices 0 to n - 1 at least."""
        cdef int32_t *more
        if n > self.n_rows:
            more = <int32_t *>realloc(self.all_rows, n * sizeof(int32_t))
            if more == NULL:
                raise MemoryError
            for i in range(self.n_rows, n):
                more[i] = <int32_t>i
            self.all_rows, self.n_rows = more, n
        return self.all_rows

    cdef void *room_for_rows(self, int i) except NULL:
        """Room for a block of rows of an input."""
        cdef Py_ssize_t n
        if self.room[i] is None:
            self.room[i] = aligned(self.header.block_rows * self.network.model.values[i].size, self.memory.params.dtype)
        return _address(self.room[i], &n)

    cdef list block_of(self, const fnn_block *block):
        """A block's rows of each input, as arrays."""
        cdef numpy.npy_intp dims[2]
        cdef int i, number = numpy.NPY_DOUBLE if self.item_size == 8 else numpy.NPY_FLOAT
        found = []
        for i in range(self.header.n_inputs):
            dims[0], dims[1] = block.rows, self.network.model.values[i].size
            found.append(numpy.PyArray_SimpleNewFromData(2, dims, number, <void *>block.inputs[i]))
        return found

    cdef int threads(self, int64_t rows, int passes) except -1:
        """Upper bound on threads; the user's wish is asked for only where there is work for two."""
        if fnn_threads_for(&self.network, rows, passes, 2) < 2:
            return 1
        return get_num_threads()


cdef Prepared _prepared(plan, memory):
    cdef dict kept = memory.__dict__
    found = kept.get("_native")
    if type(found) is Prepared and (<Prepared>found).plan is plan and (<Prepared>found).isa == _isa:
        return <Prepared>found
    made = Prepared(plan, memory)
    kept["_native"] = made
    return made


def _nothing():
    return None


cdef object _check = interrupts.check
cdef set _tasks_off = interrupts.called_off


cdef int _called_off() noexcept with gil:
    """1 when Ctrl-C, or the thread that waits for this one, ends the call; what was raised waits for ``_leave``."""
    cdef PyObject *answer
    if PyErr_CheckSignals():
        return 1
    if not PySet_Size(_tasks_off):
        return 0
    answer = PyObject_CallNoArgs(<PyObject *>_check)
    Py_XDECREF(answer)
    return answer == NULL


cdef int _visit(void *owner, const fnn_op *op, const fnn_block *block, int backward) noexcept with gil:
    """An op of a user's own; 1 when it failed, and ``_leave`` raises the error."""
    cdef Prepared p = <Prepared>owner
    cdef uint64_t control = fnn_allow_denormals()
    try:
        visit(p.plan, p.memory, op.output, p.block_of(block), backward, block.training, block.accumulate)
    except BaseException as error:
        p.error = error
    fnn_restore(control)
    return p.error is not None


cdef int _leave(Prepared p, int end) except -1:
    """Raise what has ended a call."""
    if end == FNN_NO_MEMORY:
        raise MemoryError("there is no working memory for the model's operations")
    if p.error is None:
        return -(end == FNN_CALLED_OFF)
    error, p.error = p.error, None
    raise error
