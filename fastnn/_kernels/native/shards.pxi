# Losses and the way back of a block, as one or in shards, and training on shards; a part of native.pyx.


cdef fnn_cut _cut(shards) except *:
    """The shards of a table as ``contract.backward_of_shards`` has it, which the caller keeps alive."""
    cdef Py_ssize_t n_bytes = 0
    cdef fnn_cut cut
    cut.shards, cut.n = <const fnn_shard *>_address(shards, &n_bytes), len(shards)
    return cut


def loss_of_shards(plan, memory, targets, weights, sums, double scale, shards):
    _loss(_prepared(plan, memory), targets, weights, sums, scale, _cut(shards))


cdef _loss(Prepared p, targets, weights, sums, double scale, fnn_cut cut):
    """Losses of one shard after another, each into sums of its own."""
    cdef Py_ssize_t n_bytes = 0
    cdef fnn_answer answers[FNN_MOST_INPUTS]
    for i, (target, weight) in enumerate(zip(targets, weights, strict=True)):
        answers[i].target = _address(target, &n_bytes)
        answers[i].weight = NULL if weight is None else _address(weight, &n_bytes)
    cdef double *into = <double *>_address(sums, &n_bytes, PyBUF_WRITABLE)
    cdef int64_t n_sums = n_bytes // sizeof(double) // cut.n
    cdef uint64_t control
    with nogil:
        control = fnn_flush_denormals()
        fnn_loss_of_shards(&p.network, answers, p.all_rows, cut, scale, into, n_sums)
        fnn_restore(control)


def backward_of_shards(plan, memory, inputs, shards):
    _backward(_prepared(plan, memory), inputs, False, 0, _cut(shards))


cdef _backward(Prepared p, inputs, bint accumulate, double activity_scale, fnn_cut cut):
    cdef Blocks blocks = Blocks(inputs)
    cdef fnn_block block
    memset(&block, 0, sizeof(block))
    block.inputs, block.rows = blocks.inputs, len(inputs[0])
    block.training, block.activity_scale = 1, activity_scale
    block.accumulate, block.shards, block.n_shards = accumulate, cut.shards, cut.n
    cdef int end, threads = p.threads(block.rows, 2)
    with nogil:
        end = fnn_backward(&p.network, &block, threads)
    _leave(p, end)


def train_of_shards(plan, memory, rows, course, full, last):
    cdef fnn_cuts cuts
    cuts.full, cuts.last = _cut(full), _cut(last)
    cdef Prepared p = _prepared(plan, memory)
    _train(p, &p.network, rows, course, &cuts, FNN_MAX_THREADS)
