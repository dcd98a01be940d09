# Losses and the way back of a block, as one or in shards; a part of native.pyx.


def loss_of_shards(plan, memory, targets, weights, sums, double scale, shards):
    cdef Py_ssize_t n_bytes = 0
    cdef const fnn_shard *first = <const fnn_shard *>_address(shards, &n_bytes)
    _loss(_prepared(plan, memory), targets, weights, sums, scale, first, len(shards))


cdef _loss(Prepared p, targets, weights, sums, double scale, const fnn_shard *shards, int64_t n_shards):
    """Losses of one shard after another, each into sums of its own."""
    cdef Py_ssize_t n_bytes = 0
    cdef fnn_answer answers[FNN_MOST_INPUTS]
    for i, (target, weight) in enumerate(zip(targets, weights, strict=True)):
        answers[i].target = _address(target, &n_bytes)
        answers[i].weight = NULL if weight is None else _address(weight, &n_bytes)
    cdef double *into = <double *>_address(sums, &n_bytes, PyBUF_WRITABLE)
    cdef int64_t s, row = 0, n_sums = n_bytes // sizeof(double) // n_shards
    cdef uint64_t control
    with nogil:
        control = fnn_flush_denormals()
        for s in range(n_shards):
            p.network.kernels.loss(
                &p.network.model, answers, p.all_rows, row, row + shards[s].rows, scale, into + s * n_sums
            )
            row += shards[s].rows
        fnn_restore(control)


def backward_of_shards(plan, memory, inputs, shards):
    cdef Py_ssize_t n_bytes = 0
    cdef const fnn_shard *first = <const fnn_shard *>_address(shards, &n_bytes)
    _backward(_prepared(plan, memory), inputs, False, 0, first, len(shards))


cdef _backward(Prepared p, inputs, bint accumulate, double activity_scale, const fnn_shard *shards, int64_t n_shards):
    cdef Blocks blocks = Blocks(inputs)
    cdef fnn_block block
    memset(&block, 0, sizeof(block))
    block.inputs, block.rows = blocks.inputs, len(inputs[0])
    block.training, block.activity_scale = 1, activity_scale
    block.accumulate, block.shards, block.n_shards = accumulate, shards, n_shards
    cdef int end, threads = p.threads(block.rows, 2)
    with nogil:
        end = fnn_backward(&p.network, &block, threads)
    _leave(p, end)
