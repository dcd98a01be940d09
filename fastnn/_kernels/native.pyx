"""The backend "cython": walks a plan without the GIL and calls the C kernels of one instruction set.

Functions and arrays are those of ``contract.py``, in the order of ``reference.py``; formulas and loops over numbers
are in ``c/``. ``isas``, ``isa`` and ``use_isa`` choose the instruction set; what follows the contract's functions below
``For tests and benches`` runs single kernels.

Design: addresses of a plan's tables and arenas are taken once and kept on the arenas (:class:`Prepared`), because
asking a dozen arrays for their buffers costs more than a small network's update. A cache in this module, keyed by
identity (rejected), would keep the last model's memory alive. The walk is here and not in C: it has no loop
that is worth a vector, and a reader sees it beside the contract.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.math cimport isfinite
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cdef extern from "c/kernels.h" nogil:
    enum:
        FNN_N_OP_KINDS
        FNN_N_ACTIVATIONS
        FNN_N_LOSSES
        FNN_N_OPTIMIZERS
        FNN_N_STATISTICS
        FNN_N_SCALARS

    ctypedef struct fnn_op:
        int32_t kind
        int64_t n_in, w, dx

    ctypedef struct fnn_loss:
        int32_t sparse
        int64_t repeat

    ctypedef struct fnn_optimizer:
        int32_t clip

    ctypedef struct fnn_metric:
        pass

    ctypedef struct fnn_segment:
        pass

    ctypedef struct fnn_header:
        int32_t n_ops, has_penalty
        int64_t batch_size, block_rows, n_input, n_output, x, y, n_params, n_sums
        uint64_t seed

    ctypedef struct fnn_run:
        int64_t n_samples, first_epoch, last_epoch, max_steps, epoch, batch, step
        int32_t shuffle, status

    ctypedef struct fnn_model:
        const fnn_header *header
        const fnn_op *ops
        const fnn_loss *loss
        const fnn_optimizer *optimizer
        const fnn_metric *metrics
        const fnn_segment *segments
        void *params
        void *grads
        void *slots
        void *state
        void *workspace

    ctypedef struct fnn_block:
        const void *x
        int64_t rows, first_row, step
        int training

    ctypedef void (*rows_kernel)(
        const fnn_op *, const fnn_model *, const fnn_block *, int64_t begin, int64_t end) noexcept nogil
    ctypedef void (*params_kernel)(
        const fnn_op *, const fnn_model *, const fnn_block *, int accumulate, int64_t begin, int64_t end) noexcept nogil

    ctypedef struct fnn_kernels:
        rows_kernel *forward
        rows_kernel *backward_rows
        params_kernel *backward_params
        void (*loss)(const fnn_model *, const void *target, const void *weight, const int32_t *rows, int64_t begin,
                     int64_t end, double scale, double *sums) noexcept nogil
        double (*penalize)(const fnn_model *) noexcept nogil
        void (*clip)(const fnn_model *) noexcept nogil
        void (*update)(const fnn_model *, const double *c, int64_t begin, int64_t end) noexcept nogil
        void (*gather)(const void *x, const int32_t *rows, int64_t n_rows, int64_t width, void *out) noexcept nogil
        void (*gemm)(int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row, int64_t a_column, const void *b,
                     int64_t b_row, void *c, int64_t c_row, int accumulate) noexcept nogil
        void (*activate)(int code, double parameter, int64_t rows, int64_t n, const void *z, void *y) noexcept nogil
        void (*activate_back)(int code, double parameter, int64_t rows, int64_t n, const void *z, const void *y,
                              void *dy) noexcept nogil
        void (*math)(int function, int64_t n, const void *x, void *y) noexcept nogil

    void fnn_scalars(const fnn_optimizer *, int64_t step, double learning_rate, double *c) noexcept
    void fnn_fill_order(int32_t *order, int64_t n, uint64_t seed, int64_t epoch) noexcept
    void fnn_philox(uint64_t seed, const uint32_t *counter, uint32_t *words) noexcept
    const fnn_kernels *fnn_select(const char *isa, int item_size, const char **why) noexcept
    const char *fnn_isa_name(int i) noexcept
    int fnn_isa_runs(int i) noexcept
    int fnn_isa_count() noexcept

cdef extern from "c/cpu.h" nogil:
    uint64_t fnn_flush_denormals() noexcept
    void fnn_restore(uint64_t control) noexcept

cdef extern from "c/layout.h":
    ctypedef struct fnn_layout_entry:
        const char *group
        const char *name
        int64_t value, size
    const fnn_layout_entry fnn_layouts[]
    const fnn_layout_entry fnn_codes[]

ISAS = ("avx512", "avx2", "neon", "portable")
cdef enum:
    PREDICT_ROWS = 96  # pushed through all ops together, so that they stay in the first-level cache

cdef bytes _isa = b""
cdef const fnn_kernels *_f32 = NULL
cdef const fnn_kernels *_f64 = NULL


def isas():
    """``(name, compiled, runs)`` of each instruction set: in this build, and on this machine."""
    cdef int i
    runs = {fnn_isa_name(i).decode(): bool(fnn_isa_runs(i)) for i in range(fnn_isa_count())}
    return [(name, name in runs, runs.get(name, False)) for name in ISAS]


def isa():
    """Name of the instruction set in use."""
    return _isa.decode()


def use_isa(name=""):
    """Use an instruction set from now on, "" for the best; ``ValueError`` when it does not run here."""
    global _isa, _f32, _f64
    cdef const char *why = NULL
    runs = [known for known, _, does in isas() if does]
    wanted = (name or runs[0]).encode()
    cdef const fnn_kernels *f32 = fnn_select(wanted, 4, &why)
    if f32 == NULL:
        raise ValueError(f"instruction set {name!r} cannot be used: {why.decode()}; known here: {', '.join(runs)}")
    _isa, _f32, _f64 = wanted, f32, fnn_select(wanted, 8, &why)


cdef char *_address(object array, Py_ssize_t *n_bytes, int flags=PyBUF_SIMPLE) except? NULL:
    """Address of a C-contiguous array that the caller keeps alive."""
    cdef Py_buffer view
    PyObject_GetBuffer(array, &view, flags)
    n_bytes[0] = view.len
    PyBuffer_Release(&view)
    return <char *>view.buf


cdef class Prepared:
    """Addresses of the tables of a plan and of its arenas, with the kernels for their dtype."""

    cdef object plan, kept
    cdef const fnn_kernels *kernels
    cdef fnn_model model
    cdef int32_t *all_rows
    cdef Py_ssize_t item_size
    cdef bytes isa

    def __cinit__(self, plan, arenas):
        cdef Py_ssize_t n
        cdef int32_t i
        self.plan, self.isa = plan, _isa
        self.kept = (arenas.params, arenas.grads, arenas.slots, arenas.state, arenas.workspace)
        self.item_size = arenas.params.dtype.itemsize
        self.kernels = _f64 if self.item_size == 8 else _f32
        self.model.header = <const fnn_header *>_address(plan.header, &n)
        self.model.ops = <const fnn_op *>_address(plan.ops, &n)
        self.model.loss = <const fnn_loss *>_address(plan.loss, &n)
        self.model.optimizer = <const fnn_optimizer *>_address(plan.optimizer, &n)
        self.model.metrics = <const fnn_metric *>_address(plan.metrics, &n)
        self.model.segments = <const fnn_segment *>_address(plan.segments, &n)
        self.model.params, self.model.grads = _address(arenas.params, &n), _address(arenas.grads, &n)
        self.model.slots, self.model.state = _address(arenas.slots, &n), _address(arenas.state, &n)
        self.model.workspace = _address(arenas.workspace, &n)
        self.all_rows = <int32_t *>malloc(self.model.header.block_rows * sizeof(int32_t))
        if self.all_rows == NULL:
            raise MemoryError
        for i in range(<int32_t>self.model.header.block_rows):
            self.all_rows[i] = i

    def __dealloc__(self):
        free(self.all_rows)

    def __reduce__(self):
        return _nothing, ()  # a copy of the arenas prepares anew


def _nothing():
    return None


cdef Prepared _prepared(plan, arenas):
    cdef dict kept = arenas.__dict__
    found = kept.get("_native")
    if type(found) is Prepared and (<Prepared>found).plan is plan and (<Prepared>found).isa is _isa:
        return <Prepared>found
    made = Prepared(plan, arenas)
    kept["_native"] = made
    return made


cdef void _forward(const fnn_kernels *kernels, const fnn_model *model, const fnn_block *block) noexcept nogil:
    cdef int i
    for i in range(model.header.n_ops):
        kernels.forward[model.ops[i].kind](&model.ops[i], model, block, 0, block.rows)


cdef void _backward(
    const fnn_kernels *kernels, const fnn_model *model, const fnn_block *block, int accumulate
) noexcept nogil:
    cdef int i
    cdef const fnn_op *op
    for i in range(model.header.n_ops - 1, -1, -1):
        op = &model.ops[i]
        kernels.backward_rows[op.kind](op, model, block, 0, block.rows)
        if op.dx < 0:
            break
    for i in range(model.header.n_ops):
        op = &model.ops[i]
        if op.w >= 0:
            kernels.backward_params[op.kind](op, model, block, accumulate, 0, op.n_in)


cdef double _update(const fnn_kernels *kernels, const fnn_model *model, int64_t step, double rate) noexcept nogil:
    cdef double c[FNN_N_SCALARS]
    cdef double penalty = 0.0
    if model.header.has_penalty:
        penalty = kernels.penalize(model)
    if model.optimizer.clip:
        kernels.clip(model)
    fnn_scalars(model.optimizer, step, rate, c)
    kernels.update(model, c, 0, model.header.n_params)
    return penalty


cdef struct Data:
    const char *x
    const void *target
    const void *weight
    int64_t row_bytes  # of x


cdef const void *_rows_of_x(
    const fnn_kernels *kernels, const fnn_model *model, const Data *data, const int32_t *rows, int64_t n_rows
) noexcept nogil:
    """The block's rows of x: where they are when they follow each other, else gathered."""
    cdef int64_t i = 1
    while i < n_rows and rows[i] == rows[0] + i:
        i += 1
    if i == n_rows:
        return data.x + rows[0] * data.row_bytes
    cdef void *gathered = <char *>model.workspace + model.header.x * (data.row_bytes // model.header.n_input)
    kernels.gather(data.x, rows, n_rows, model.header.n_input, gathered)
    return gathered


cdef bint _train_batch(
    const fnn_kernels *kernels, const fnn_model *model, const Data *data, const int32_t *rows, int64_t n_rows,
    int64_t step, double rate, double *sums
) noexcept nogil:
    """``contract.train_step``: False when the loss is not finite."""
    cdef double before = sums[0]
    cdef fnn_block block
    block.training, block.step, block.first_row = 1, step, 0
    while block.first_row < n_rows:
        block.rows = min(model.header.block_rows, n_rows - block.first_row)
        block.x = _rows_of_x(kernels, model, data, rows + block.first_row, block.rows)
        _forward(kernels, model, &block)
        kernels.loss(model, data.target, data.weight, rows + block.first_row, 0, block.rows, 1.0 / n_rows, sums)
        _backward(kernels, model, &block, block.first_row > 0)
        block.first_row += block.rows
    if not isfinite(sums[0] - before):
        return False
    sums[0] += n_rows * _update(kernels, model, step + 1, rate)
    return True


cdef void _train(
    const fnn_kernels *kernels, const fnn_model *model, const Data *data, int32_t *order, fnn_run *run,
    const double *rates, bint one_rate, double *sums
) noexcept nogil:
    cdef int64_t done = 0, first, n_rows
    cdef double *row
    while done < run.max_steps and run.epoch < run.last_epoch:
        if run.batch == 0 and run.shuffle:
            fnn_fill_order(order, run.n_samples, model.header.seed, run.epoch)
        first = run.batch * model.header.batch_size
        n_rows = min(model.header.batch_size, run.n_samples - first)
        row = sums + (run.epoch - run.first_epoch) * model.header.n_sums
        if not _train_batch(
            kernels, model, data, order + first, n_rows, run.step, rates[0 if one_rate else done], row
        ):
            run.status = 1
            return
        done += 1
        run.step += 1
        run.batch += 1
        if run.batch * model.header.batch_size >= run.n_samples:
            run.batch = 0
            run.epoch += 1


cdef void _predict(
    const fnn_kernels *kernels, const fnn_model *model, const char *x, char *out, int64_t n_rows, int64_t item_size
) noexcept nogil:
    cdef int64_t done = 0, most = min(model.header.block_rows, <int64_t>PREDICT_ROWS)
    cdef int64_t x_bytes = model.header.n_input * item_size, y_bytes = model.header.n_output * item_size
    cdef const char *y = <char *>model.workspace + model.header.y * item_size
    cdef fnn_block block
    block.training, block.step, block.first_row = 0, 0, 0
    while done < n_rows:
        block.x, block.rows = x + done * x_bytes, min(most, n_rows - done)
        _forward(kernels, model, &block)
        memcpy(out + done * y_bytes, y, block.rows * y_bytes)
        done += block.rows


def supports(plan):
    """None, or the first thing in the plan that no kernel is there for."""
    limits = (
        ("operation", plan.ops["kind"], FNN_N_OP_KINDS),
        ("activation", plan.ops["activation"], FNN_N_ACTIVATIONS),
        ("loss", plan.loss["code"], FNN_N_LOSSES),
        ("optimizer", plan.optimizer["code"], FNN_N_OPTIMIZERS),
        ("statistic", plan.metrics["statistic"], FNN_N_STATISTICS),
    )
    for what, codes, limit in limits:
        if codes.max(initial=-1) >= limit:
            return f"{what} {codes.max()} has no native kernel"
    return None


def forward(plan, arenas, x, bint training=False, int64_t step=0, int64_t first_row=0):
    cdef Prepared p = _prepared(plan, arenas)
    cdef Py_ssize_t n_bytes = 0
    cdef fnn_block block
    cdef uint64_t control
    block.x = _address(x, &n_bytes)
    block.rows = n_bytes // (p.model.header.n_input * p.item_size)
    block.training, block.step, block.first_row = training, step, first_row
    with nogil:
        control = fnn_flush_denormals()
        _forward(p.kernels, &p.model, &block)
        fnn_restore(control)
    cdef int64_t at = p.model.header.y, width = p.model.header.n_output
    return arenas.workspace[at : at + block.rows * width].reshape(block.rows, width)


def loss(plan, arenas, target, weight, sums, double scale):
    cdef Prepared p = _prepared(plan, arenas)
    cdef Py_ssize_t n_bytes = 0
    cdef const void *targets = _address(target, &n_bytes)
    cdef int64_t rows = len(target)
    cdef const void *weights = NULL if weight is None else _address(weight, &n_bytes)
    cdef double *into = <double *>_address(sums, &n_bytes, PyBUF_WRITABLE)
    cdef uint64_t control
    with nogil:
        control = fnn_flush_denormals()
        p.kernels.loss(&p.model, targets, weights, p.all_rows, 0, rows, scale, into)
        fnn_restore(control)


def backward(plan, arenas, x, bint accumulate=False):
    cdef Prepared p = _prepared(plan, arenas)
    cdef Py_ssize_t n_bytes = 0
    cdef fnn_block block
    cdef uint64_t control
    block.x = _address(x, &n_bytes)
    block.rows = n_bytes // (p.model.header.n_input * p.item_size)
    block.training, block.step, block.first_row = 1, 0, 0
    with nogil:
        control = fnn_flush_denormals()
        _backward(p.kernels, &p.model, &block, accumulate)
        fnn_restore(control)


def update(plan, arenas, int64_t step, double learning_rate):
    cdef Prepared p = _prepared(plan, arenas)
    cdef double penalty
    cdef uint64_t control
    with nogil:
        control = fnn_flush_denormals()
        penalty = _update(p.kernels, &p.model, step, learning_rate)
        fnn_restore(control)
    return penalty


def train_epochs(plan, arenas, x, target, weight, order, run, learning_rates, sums):
    cdef Prepared p = _prepared(plan, arenas)
    cdef Py_ssize_t n_bytes = 0
    cdef Data data
    data.x, data.target = _address(x, &n_bytes), _address(target, &n_bytes)
    data.weight = NULL if weight is None else _address(weight, &n_bytes)
    data.row_bytes = p.model.header.n_input * p.item_size
    cdef int32_t *rows = <int32_t *>_address(order, &n_bytes, PyBUF_WRITABLE)
    cdef fnn_run *at = <fnn_run *>_address(run, &n_bytes, PyBUF_WRITABLE)
    cdef double *into = <double *>_address(sums, &n_bytes, PyBUF_WRITABLE)
    cdef const double *rates = <const double *>_address(learning_rates, &n_bytes)
    cdef bint one_rate = n_bytes == sizeof(double)
    cdef uint64_t control
    with nogil:
        control = fnn_flush_denormals()
        _train(p.kernels, &p.model, &data, rows, at, rates, one_rate, into)
        fnn_restore(control)


def predict(plan, arenas, x, out):
    cdef Prepared p = _prepared(plan, arenas)
    cdef Py_ssize_t n_bytes = 0
    cdef char *to = _address(out, &n_bytes, PyBUF_WRITABLE)
    cdef const char *rows = _address(x, &n_bytes)
    cdef int64_t n_rows = n_bytes // (p.model.header.n_input * p.item_size)
    cdef uint64_t control
    with nogil:
        control = fnn_flush_denormals()
        _predict(p.kernels, &p.model, rows, to, n_rows, p.item_size)
        fnn_restore(control)


# For tests and benches.


def layouts():
    """Structs as compiled: ``{struct: (size, {field: (offset, size)})}``."""
    found, fields, i = {}, {}, 0
    while fnn_layouts[i].group != NULL:
        name = fnn_layouts[i].name.decode()
        if name:
            fields[name] = fnn_layouts[i].value, fnn_layouts[i].size
        else:
            found[fnn_layouts[i].group.decode()], fields = (fnn_layouts[i].value, fields), {}
        i += 1
    return found


def codes():
    """Enums of plan.h as compiled: ``{enum: {name: value}}``, names without their prefix."""
    found, i = {}, 0
    while fnn_codes[i].group != NULL:
        name = fnn_codes[i].name.decode().removeprefix("FNN_").removeprefix("CLIP_")
        found.setdefault(fnn_codes[i].group.decode(), {})[name] = fnn_codes[i].value
        i += 1
    return found


cdef const fnn_kernels *_kernels_for(array):
    return _f64 if array.itemsize == 8 else _f32


cdef void *_data(array):
    """Address of an array with any strides; NULL for None."""
    return NULL if array is None else <void *><size_t>array.__array_interface__["data"][0]


def gemm(a, b, c, bint accumulate=False):
    """``c = a @ b``, or ``c += a @ b``; ``a`` has any strides, rows of ``b`` and ``c`` are dense."""
    cdef const fnn_kernels *kernels = _kernels_for(a)
    cdef int64_t item = a.itemsize, m = a.shape[0], k = a.shape[1], n = b.shape[1]
    cdef int64_t a_row = a.strides[0] // item, a_column = a.strides[1] // item
    cdef int64_t b_row = b.strides[0] // item, c_row = c.strides[0] // item
    cdef const void *pa = _data(a)
    cdef const void *pb = _data(b)
    cdef void *pc = _data(c)
    with nogil:
        kernels.gemm(m, n, k, pa, a_row, a_column, pb, b_row, pc, c_row, accumulate)


def activate(int code, double parameter, z, y):
    """``y = act(z)`` for C-contiguous ``(rows, n)``; they may be the same array."""
    cdef const fnn_kernels *kernels = _kernels_for(z)
    kernels.activate(code, parameter, z.shape[0], z.shape[1], _data(z), _data(y))


def activate_back(int code, double parameter, z, y, dy):
    """``dz`` in place of ``dy``; ``z`` may be None where the activation does not keep it."""
    cdef const fnn_kernels *kernels = _kernels_for(y)
    kernels.activate_back(code, parameter, y.shape[0], y.shape[1], _data(z), _data(y), _data(dy))


def math(int function, x, y):
    """One function of ``enum fnn_math`` on C-contiguous numbers."""
    cdef const fnn_kernels *kernels = _kernels_for(x)
    kernels.math(function, x.size, _data(x), _data(y))


def order(rows, uint64_t seed, int64_t epoch):
    """``random.fill_order``: ``rows`` is int32 ``(n,)``."""
    cdef Py_ssize_t n_bytes = 0
    cdef int32_t *to = <int32_t *>_address(rows, &n_bytes, PyBUF_WRITABLE)
    fnn_fill_order(to, n_bytes // 4, seed, epoch)


def philox(uint64_t seed, counter):
    """``random.philox`` of four words."""
    cdef uint32_t words[4]
    cdef uint32_t counters[4]
    cdef int i
    for i in range(4):
        counters[i] = counter[i]
    fnn_philox(seed, counters, words)
    return words[0], words[1], words[2], words[3]


use_isa()
