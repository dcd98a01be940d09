# Single kernels and what was compiled, for tests and benches; a part of native.pyx.


cdef _names():
    return [line.split() for line in (<bytes>fnn_layout_names).decode().splitlines()]


def layouts():
    """Structs as compiled: ``{struct: (size, {field: (offset, size)})}``."""
    found, fields = {}, {}
    for i, (group, *name) in enumerate(_names()):
        if not name:
            found[group], fields = (fnn_layouts[i].value, fields), {}
        elif not name[0].startswith("FNN_"):
            fields[name[0]] = fnn_layouts[i].value, fnn_layouts[i].size
    return found


def codes():
    """Enums of plan.h as compiled: ``{enum: {name: value}}``, names without their prefix."""
    found = {}
    for i, (group, *name) in enumerate(_names()):
        if name and name[0].startswith("FNN_"):
            found.setdefault(group, {})[name[0].removeprefix("FNN_").removeprefix("CLIP_")] = fnn_layouts[i].value
    return found


cdef const fnn_kernels *_kernels_for(array):
    return fnn_isa_kernels(_isa, array.itemsize)


cdef void *_data(array):
    """Address of an array with any strides; NULL for None."""
    return NULL if array is None else <void *><size_t>array.__array_interface__["data"][0]


def gemm(a, b, c, bint accumulate=False):
    """``c = a @ b``, or ``c += a @ b``; ``a`` has any strides, rows of ``b`` and ``c`` are dense."""
    cdef const fnn_kernels *kernels = _kernels_for(a)
    cdef Py_buffer va, vb, vc  # quicker than asking the arrays, which would count in times of small products
    PyObject_GetBuffer(a, &va, PyBUF_STRIDES)
    PyObject_GetBuffer(b, &vb, PyBUF_STRIDES)
    PyObject_GetBuffer(c, &vc, PyBUF_STRIDES | PyBUF_WRITABLE)
    cdef Py_ssize_t item = va.itemsize
    with nogil:
        kernels.gemm(va.shape[0], vb.shape[1], va.shape[1], va.buf, va.strides[0] // item, va.strides[1] // item,
                     vb.buf, vb.strides[0] // item, vc.buf, vc.strides[0] // item, accumulate)
    PyBuffer_Release(&va)
    PyBuffer_Release(&vb)
    PyBuffer_Release(&vc)


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


def backward_op(plan, memory, int op, int64_t rows):
    """The way back through one op, from ``dy`` to ``dx``, of the first ``rows`` samples of a block; no gradients."""
    cdef Prepared p = _prepared(plan, memory)
    cdef fnn_block block
    memset(&block, 0, sizeof(block))
    block.rows, block.training = rows, 1
    with nogil:
        p.network.kernels.ops[p.network.model.ops[op].kind].backward_rows(
            &p.network.model.ops[op], &p.network.model, &block, 0, rows)


def fma_peak(int64_t n, dtype):
    """Operations that ``n`` steps of c/peak.h did; the GIL is released, so threads can add up.

    ``dtype`` is that of the numbers multiplied: also "bfloat16" and "int8", whose are 0 where none are made at once.
    """
    cdef const fnn_kernels *kernels = fnn_isa_kernels(_isa, 8 if dtype == "float64" else 4)
    cdef int numbers = {"bfloat16": FNN_BF16_PEAK, "int8": FNN_INT8_PEAK}.get(dtype, FNN_REAL_PEAK)
    cdef double total = 0, flops
    with nogil:
        flops = kernels.peak(numbers, n, &total)
    return flops


def flop_a_thread(double flop):
    """Set the operations in a block that are worth a thread, and return what was: so tests share little work, too."""
    global fnn_flop_a_thread
    before, fnn_flop_a_thread = fnn_flop_a_thread, flop
    return before


cdef fnn_cpu _cpu_of(uint32_t features, uint32_t extended, uint64_t saved, uint32_t more=0, uint32_t later=0):
    cdef fnn_cpu cpu
    cpu.features, cpu.extended, cpu.saved, cpu.more, cpu.later = features, extended, saved, more, later
    return cpu


def isas_of(uint32_t features, uint32_t extended, uint64_t saved):
    """``isas()`` of a machine whose processor says this of itself: ECX of CPUID 1, EBX of CPUID 7, XCR0."""
    return _isas_of(_cpu_of(features, extended, saved))


def extras_of(uint32_t features, uint32_t extended, uint64_t saved, uint32_t more, uint32_t later):
    """``extras()`` of such a machine, which says also ECX of CPUID 7 and EAX of its second part."""
    cdef fnn_cpu cpu = _cpu_of(features, extended, saved, more, later)
    return _extras_of(fnn_extras_of(&cpu))


def compiler():
    """The C compiler that built this module, with its version."""
    return FNN_COMPILER.decode()


def order(rows, uint64_t seed, int64_t epoch):
    """``random.fill_order``: ``rows`` is int32 ``(n,)``."""
    cdef Py_ssize_t n_bytes = 0
    cdef int32_t *to = <int32_t *>_address(rows, &n_bytes, PyBUF_WRITABLE)
    fnn_fill_order(fnn_isa_kernels(_isa, 4), to, n_bytes // 4, seed, epoch)


def philox(uint64_t seed, counter):
    """``random.philox`` of four words."""
    cdef uint32_t words[4]
    cdef uint32_t counters[4]
    cdef int i
    for i in range(4):
        counters[i] = counter[i]
    fnn_philox(seed, counters, words)
    return words[0], words[1], words[2], words[3]


def sine_cosine(double turns):
    """``turns.sine_cosine`` of a number."""
    cdef double sine, cosine
    fnn_sine_cosine(turns, &sine, &cosine)
    return sine, cosine
