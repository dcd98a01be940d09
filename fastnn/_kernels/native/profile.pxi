# Where the time of updates goes; a part of native.pyx.

cdef enum:
    LAP_RUNS = 20
    LAPS_A_RUN = 500


def profile(plan, memory, rows, course, laps, bint of_thread=False):
    cdef Prepared p = _prepared(plan, memory)
    cdef fnn_network network = p.network
    cdef Py_ssize_t n_bytes = 0
    cdef int64_t *slots = <int64_t *>_address(laps, &n_bytes, PyBUF_WRITABLE)
    cdef int64_t i, first, threads = len(laps), width = n_bytes // <int64_t>sizeof(int64_t) // threads
    cdef double began, cost = _lap_ticks(of_thread)
    network.clocks, network.clock_size = <char *>slots, width * sizeof(int64_t)
    for i in range(threads):
        slots[i * width + 1] = of_thread
    began, first = fnn_seconds(), fnn_ticks(0)
    _train(p, &network, rows, course, NULL, <int>min(<int64_t>FNN_MAX_THREADS, threads))
    began, first = fnn_seconds() - began, fnn_ticks(0) - first
    for i in range(0, threads * width, 2):  # what ends a lap is no work of its
        if i % width:
            slots[i] = max(0, slots[i] - <int64_t>(cost * slots[i + 1]))
    return 1e-9 if of_thread else began / max(1, first)


cdef double _lap_ticks(bint of_thread):
    """What the clock itself takes at the end of a lap: the least mean of some runs."""
    cdef int64_t clock[4]
    cdef int64_t first, least = -1
    cdef int run, lap
    clock[0], clock[1], clock[2], clock[3] = 0, of_thread, 0, 0
    for run in range(LAP_RUNS):
        first = fnn_ticks(of_thread)
        for lap in range(LAPS_A_RUN):
            fnn_end_lap(<fnn_clock *>clock, 0)
        first = fnn_ticks(of_thread) - first
        if least < 0 or first < least:
            least = first
    return least / <double>LAPS_A_RUN
