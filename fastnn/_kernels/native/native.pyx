# cython: freethreading_compatible=True
# cython: auto_pickle=False
"""The backend "cython": hands a plan and its memory to the C walk, without the GIL.

Functions and arrays are those of ``contract.py``; the walk, formulas and loops over numbers are in ``c/``.
``instructions.pxi`` chooses the instruction set; ``prepared.pxi`` has the addresses that the walk works with,
``own_loops.pxi`` serves loops of a user's own, ``shards.pxi`` has blocks of shards, ``profile.pxi`` asks where time
goes, ``predictor.pxi`` predicts in hot loops, ``placing.pxi`` writes windows of streams, ``testing.pxi`` runs single
kernels for tests and benches.

Design: addresses of a plan's tables and vectors are taken once and kept on its memory (:class:`Prepared`), because
asking a dozen arrays for their buffers costs more than a small network's update. A cache in this module, keyed by
identity (rejected), would keep the last model's memory alive. Room to write out sparse rows and windows for a prediction is taken
and kept there too when first wanted: in the workspace (rejected) all models would pay for it, and the scratch memory of
a thread is what its products pack their operands into.
"""

cimport cython
cimport numpy
from cpython.ref cimport Py_XDECREF, PyObject
from cpython.set cimport PySet_Size
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.math cimport isfinite
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from fastnn._base import interrupts, placing
from fastnn._kernels.visits import visit
from fastnn._ops import OPS
from fastnn._plan.memory import Memory, aligned, outputs
from fastnn._base.sparse import SparseRows
from fastnn._base.windows import WindowRows
from fastnn._base.threads import get_num_threads

numpy.import_array()

INT64 = numpy.dtype("int64")

cdef enum:
    MOST_DIMS = 32

include "instructions.pxi"


cdef char *_address(object array, Py_ssize_t *n_bytes, int flags=PyBUF_SIMPLE) except? NULL:
    """Address of a C-contiguous array that the caller keeps alive."""
    cdef Py_buffer view
    if numpy.PyArray_CheckExact(array) and numpy.PyArray_ISCARRAY(array):  # to ask for a buffer takes ten times as long
        n_bytes[0] = numpy.PyArray_NBYTES(array)
        return <char *>numpy.PyArray_DATA(array)
    PyObject_GetBuffer(array, &view, flags)
    n_bytes[0] = view.len
    PyBuffer_Release(&view)
    return <char *>view.buf


include "prepared.pxi"


cdef fnn_data _rows_at(rows, fnn_source *sources, fnn_answer *answers) except *:
    """Addresses of the rows of a fit, which the caller keeps alive, in room for ``FNN_MOST_INPUTS`` of each."""
    cdef Py_ssize_t i, n
    cdef fnn_data data
    cdef tuple inputs = rows.inputs, targets = rows.targets, weights = rows.weights
    for i in range(len(inputs)):
        sources[i] = _source(inputs[i])
    for i in range(len(targets)):
        answers[i].target = _address(targets[i], &n)
        answers[i].weight = NULL if weights[i] is None else _address(weights[i], &n)
    data.sources, data.answers = sources, answers
    return data


cdef class Blocks:
    """Addresses of a block of each input, which the caller keeps alive."""

    cdef const void *inputs[FNN_MOST_INPUTS]

    def __cinit__(self, inputs):
        cdef Py_ssize_t n
        for i, x in enumerate(inputs):
            self.inputs[i] = _address(x, &n)


def supports(plan):
    """None, or the first thing in the plan that no kernel is there for."""
    limits = (
        ("operation", plan.ops["kind"], FNN_N_OP_KINDS),
        ("activation", plan.ops["activation"], FNN_N_ACTIVATIONS),
        ("loss", plan.losses["code"], FNN_N_LOSSES),
        ("optimizer", plan.optimizer["code"], FNN_N_OPTIMIZERS),
        ("statistic", plan.metrics["statistic"], FNN_N_STATISTICS),
        ("constraint", plan.segments["constraint"], FNN_N_CONSTRAINTS),
    )
    for what, codes, limit in limits:
        if codes.max(initial=-1) >= limit:
            name = getattr(OPS.get(int(codes.max())), "name", codes.max()) if what == "operation" else codes.max()
            return f"{what} {name} has no native kernel"
    for what, count in (("inputs", len(plan.inputs)), ("losses", len(plan.losses))):
        if count > FNN_MOST_INPUTS:
            return f"it has {count} {what}; the native kernels take {FNN_MOST_INPUTS} at most"
    return None


def forward(plan, memory, inputs, bint training=False, int64_t step=0, int64_t first_row=0, double dropping=1.0):
    cdef Prepared p = _prepared(plan, memory)
    cdef Blocks blocks = Blocks(inputs)
    cdef fnn_block block
    memset(&block, 0, sizeof(block))
    block.inputs, block.rows = blocks.inputs, len(inputs[0])
    block.training, block.step, block.first_row, block.dropping = training, step, first_row, dropping
    cdef int end, threads = p.threads(block.rows, 1)
    with nogil:
        end = fnn_forward(&p.network, &block, threads)
    _leave(p, end)
    return outputs(plan, memory, block.rows)


def loss(plan, memory, targets, weights, sums, double scale):
    cdef fnn_shard all_rows
    cdef fnn_cut cut
    all_rows.rows = len(targets[0])
    cut.shards, cut.n = &all_rows, 1
    _loss(_prepared(plan, memory), targets, weights, sums, scale, cut)


def backward(plan, memory, inputs, bint accumulate=False, double activity_scale=0.0):
    cdef fnn_cut none
    none.shards, none.n = NULL, 0
    _backward(_prepared(plan, memory), inputs, accumulate, activity_scale, none)


def update(plan, memory, int64_t step, double learning_rate, double penalty_scale=1.0, double decay=1.0):
    cdef Prepared p = _prepared(plan, memory)
    cdef double penalty
    with nogil:
        penalty = fnn_update(&p.network, step, learning_rate, penalty_scale, decay)
    return penalty


def gradient(plan, memory, rows, sums, int64_t step=0, double dropping=1.0):
    cdef Prepared p = _prepared(plan, memory)
    cdef Py_ssize_t n_bytes = 0
    cdef fnn_source sources[FNN_MOST_INPUTS]
    cdef fnn_answer answers[FNN_MOST_INPUTS]
    cdef fnn_data data = _rows_at(rows, sources, answers)
    cdef int64_t n_rows = len(rows)
    cdef double *into = <double *>_address(sums, &n_bytes, PyBUF_WRITABLE)
    cdef int32_t *order = p.rows_to(n_rows)
    cdef int threads = p.threads(min(p.header.block_rows, n_rows), 3)
    cdef int end
    with nogil:
        end = fnn_gradient(&p.network, &data, order, n_rows, step, dropping, into, threads)
    _leave(p, end)


def train(plan, memory, rows, course):
    cdef Prepared p = _prepared(plan, memory)
    _train(p, &p.network, rows, course, NULL, FNN_MAX_THREADS)


cdef int _train(Prepared p, const fnn_network *network, rows, course, const fnn_cuts *cuts, int most) except -1:
    """``train``, or ``train_of_shards`` with cuts, by at most so many threads."""
    cdef Py_ssize_t n_bytes = 0
    cdef fnn_source sources[FNN_MOST_INPUTS]
    cdef fnn_answer answers[FNN_MOST_INPUTS]
    cdef fnn_data data = _rows_at(rows, sources, answers)
    cdef fnn_rates rates
    cdef int32_t *order = <int32_t *>_address(course.order, &n_bytes, PyBUF_WRITABLE)
    cdef fnn_run *at = <fnn_run *>_address(course.run, &n_bytes, PyBUF_WRITABLE)
    cdef double *into = <double *>_address(course.sums, &n_bytes, PyBUF_WRITABLE)
    rates.rates = <const fnn_rate *>_address(course.rates, &n_bytes)
    rates.one = n_bytes == sizeof(fnn_rate)
    cdef int threads = min(most, p.threads(min(p.header.block_rows, at.n_samples), 3))
    cdef int end
    with nogil:
        end = fnn_train(network, &data, order, at, rates, cuts, into, threads)
    return _leave(p, end)


def predict(plan, memory, inputs, out):
    cdef Prepared p = _prepared(plan, memory)
    cdef Py_ssize_t n_bytes = 0
    cdef void *rooms[FNN_MOST_INPUTS]
    cdef void *few[FNN_MOST_INPUTS]
    cdef void **to = few
    cdef fnn_source rows[FNN_MOST_INPUTS]
    if len(out) > FNN_MOST_INPUTS:  # the values of all layers
        places = aligned(len(out), INT64)
        to = <void **>_address(places, &n_bytes, PyBUF_WRITABLE)
    for i, x in enumerate(inputs):
        rooms[i] = p.room_for_rows(i) if type(x) in (SparseRows, WindowRows) else NULL
        rows[i] = _source(x)
    for i, y in enumerate(out):
        to[i] = _address(y, &n_bytes, PyBUF_WRITABLE)
    _predict(p, rows, len(inputs[0]), rooms, to)


cdef fnn_source _source(x) except *:
    """Addresses of rows of one input, as ``contract.sources`` has them in a table."""
    cdef Py_ssize_t n = 0
    cdef fnn_source source
    source.x = source.values = NULL
    source.columns, source.starts, source.pitch = NULL, NULL, 0
    if type(x) is SparseRows:
        source.values, source.columns = _address(x.values, &n), <const int32_t *>_address(x.columns, &n)
        source.starts = <const int64_t *>_address(x.starts, &n)
    elif type(x) is WindowRows:
        source.x, source.pitch = _address(x.values, &n), x.pitch
        if x.starts is not None:
            source.starts = <const int64_t *>_address(x.starts, &n)
    else:
        source.x = _address(x, &n)
    return source


cdef int _predict(Prepared p, const fnn_source *rows, int64_t n_rows, void **rooms, void **out) except -1:
    cdef int end, threads
    if n_rows <= FNN_FEW_ROWS:  # giving up the GIL would cost more than it gives others
        end = fnn_predict(&p.network, rows, n_rows, rooms, out, 1)
    else:
        threads = p.threads(n_rows, 1)
        with nogil:
            end = fnn_predict(&p.network, rows, n_rows, rooms, out, threads)
    return _leave(p, end)


include "own_loops.pxi"
include "shards.pxi"
include "profile.pxi"
include "predictor.pxi"
include "stepper.pxi"
include "placing.pxi"
include "testing.pxi"

fnn_is_called_off = _called_off
fnn_visit = _visit

placing.compiled = placing.Compiled(place_columns, place_rows, keyed_places)

use_isa()
