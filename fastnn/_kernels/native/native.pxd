# What the C code offers to native.pyx: structs with the fields that Python's side reads, and functions.
from cpython.ref cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef extern from "c/kernels.h" nogil:
    enum:
        FNN_N_OP_KINDS
        FNN_MOST_INPUTS
        FNN_N_ACTIVATIONS
        FNN_N_LOSSES
        FNN_N_OPTIMIZERS
        FNN_N_STATISTICS
        FNN_N_CONSTRAINTS

    ctypedef struct fnn_value:
        int64_t offset, size

    ctypedef struct fnn_edge:
        pass

    ctypedef struct fnn_op:
        int32_t kind, output

    ctypedef struct fnn_loss:
        pass

    ctypedef struct fnn_optimizer:
        pass

    ctypedef struct fnn_metric:
        pass

    ctypedef struct fnn_span:
        pass

    ctypedef struct fnn_segment:
        pass

    ctypedef struct fnn_header:
        int32_t n_inputs, n_outputs, n_values, n_losses, has_own
        int64_t block_rows

    ctypedef struct fnn_run:
        int64_t n_samples

    ctypedef struct fnn_source:
        const void *x
        const void *values
        const int32_t *columns
        const int64_t *starts
        int64_t pitch

    ctypedef struct fnn_answer:
        const void *target
        const void *weight

    ctypedef struct fnn_model:
        const fnn_header *header
        const fnn_value *values
        const fnn_edge *edges
        const fnn_op *ops
        const fnn_loss *losses
        const fnn_optimizer *optimizer
        const fnn_metric *metrics
        const fnn_segment *segments
        const fnn_span *spans
        void *params
        void *slots
        void *states
        void *grads
        void *workspace
        size_t workspace_bytes
        void *owner

    ctypedef struct fnn_shard:
        int64_t rows, adds

    ctypedef struct fnn_clock:
        pass

    ctypedef struct fnn_block:
        const void *const *inputs
        int64_t rows, first_row, step
        int training, accumulate
        double activity_scale, dropping
        const fnn_shard *shards
        int64_t n_shards

    ctypedef void (*rows_kernel)(
        const fnn_op *, const fnn_model *, const fnn_block *, int64_t begin, int64_t end) noexcept nogil

    ctypedef struct fnn_op_kernels:
        rows_kernel backward_rows

    ctypedef struct fnn_kernels:
        const fnn_op_kernels *const *ops
        void (*gemm)(int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row, int64_t a_column, const void *b,
                     int64_t b_row, void *c, int64_t c_row, int accumulate) noexcept nogil
        void (*activate)(int code, double parameter, int64_t rows, int64_t n, const void *z, void *y) noexcept nogil
        void (*activate_back)(int code, double parameter, int64_t rows, int64_t n, const void *z, const void *y,
                              void *dy) noexcept nogil
        void (*math)(int function, int64_t n, const void *x, void *y) noexcept nogil
        double (*peak)(int numbers, int64_t n, double *sum) noexcept nogil

    void fnn_fill_order(const fnn_kernels *, int32_t *order, int64_t n, uint64_t seed, int64_t epoch) noexcept
    void fnn_philox(uint64_t seed, const uint32_t *counter, uint32_t *words) noexcept
    int (*fnn_visit)(void *owner, const fnn_op *, const fnn_block *, int backward) noexcept
    int fnn_select(const char *isa, const char **why) noexcept
    const fnn_kernels *fnn_isa_kernels(int i, int item_size) noexcept
    const char *fnn_isa_name(int i) noexcept
    int fnn_isa_count() noexcept
    unsigned fnn_extras
    enum: FNN_REAL_PEAK, FNN_BF16_PEAK, FNN_INT8_PEAK

cdef extern from "c/walk.h" nogil:
    ctypedef struct fnn_network:
        const fnn_kernels *kernels
        fnn_model model
        char *clocks
        size_t clock_size

    ctypedef struct fnn_data:
        const fnn_source *sources
        const fnn_answer *answers

    ctypedef struct fnn_rate:
        double learning_rate, decay, dropping

    ctypedef struct fnn_rates:
        const fnn_rate *rates
        int one

    ctypedef struct fnn_cut:
        const fnn_shard *shards
        int64_t n

    ctypedef struct fnn_cuts:
        fnn_cut full, last

    enum:
        FNN_FEW_ROWS
    cdef enum fnn_end:
        FNN_CALLED_OFF
        FNN_NO_MEMORY

    void fnn_prepare(fnn_network *) noexcept
    int fnn_forward(const fnn_network *, const fnn_block *, int threads) noexcept
    int fnn_backward(const fnn_network *, const fnn_block *, int threads) noexcept
    double fnn_update(const fnn_network *, int64_t step, double learning_rate, double penalty_scale,
                      double decay) noexcept
    int fnn_gradient(const fnn_network *, const fnn_data *, int32_t *rows, int64_t n_rows, int64_t step, double dropping,
                     double *sums, int threads) noexcept
    int fnn_train(const fnn_network *, const fnn_data *, int32_t *order, fnn_run *, fnn_rates, const fnn_cuts *,
                  double *sums, int threads) noexcept
    void fnn_loss_of_shards(const fnn_network *, const fnn_answer *, const int32_t *rows, fnn_cut, double scale,
                            double *sums, int64_t n_sums) noexcept
    int fnn_predict(const fnn_network *, const fnn_source *, int64_t n_rows, void *const *rooms,
                    void *const *outputs, int threads) noexcept
    int fnn_predict_alone(const void *network, const void *x, void *y, int64_t n_rows) noexcept
    int fnn_threads_for(const fnn_network *, int64_t rows, int passes, int limit) noexcept
    double fnn_flop_a_thread

cdef extern from "c/threads.h":
    enum:
        FNN_MAX_THREADS

cdef extern from "c/clock.h" nogil:
    int64_t fnn_ticks(int of_thread) noexcept
    void fnn_end_lap(fnn_clock *, int64_t lap) noexcept

cdef extern from "c/platform/platform.h" nogil:
    double fnn_seconds() noexcept

cdef extern from "c/placing.h" nogil:
    ctypedef enum fnn_stored:
        pass

    ctypedef struct fnn_column:
        const char *at
        int64_t step
        fnn_stored stored

    ctypedef struct fnn_rows_to:
        char *at
        int64_t pitch
        const int32_t *places
        fnn_stored stored

    int fnn_place_columns(const fnn_column *, int64_t n_columns, int64_t n, fnn_rows_to) noexcept
    void fnn_place_rows(const char *rows, int64_t n, int64_t row_bytes, char *to, const int32_t *places) noexcept
    int fnn_keyed_places(int32_t *places, int64_t n, uint64_t seed, uint32_t stream, int64_t position,
                         int64_t first) noexcept

cdef extern from "c/finite.h" nogil:
    int fnn_are_finite(const void *numbers, int64_t n, int64_t item_size) noexcept

cdef extern from "c/turns.h" nogil:
    void fnn_sine_cosine(double turns, double *sine, double *cosine) noexcept

cdef extern from "c/pulse.h" nogil:
    int (*fnn_is_called_off)() noexcept

cdef extern from "Python.h":
    # What these raise waits in the thread until native.pyx hands it on.
    int PyErr_CheckSignals() noexcept
    PyObject *PyObject_CallNoArgs(PyObject *) noexcept

cdef extern from "c/cpu.h" nogil:
    ctypedef struct fnn_cpu:
        uint32_t features, extended, more, later
        uint64_t saved

    fnn_cpu fnn_read_cpu() noexcept
    int fnn_isa_runs(int i, const fnn_cpu *) noexcept
    unsigned fnn_extras_of(const fnn_cpu *) noexcept
    uint64_t fnn_flush_denormals() noexcept
    uint64_t fnn_allow_denormals() noexcept
    void fnn_restore(uint64_t control) noexcept

cdef extern from *:
    """
    /* A flag that one thread has at a time, of an object whose methods are called with the GIL, if there is one. */
    #ifdef Py_GIL_DISABLED
    static inline int fnn_claim(int *flag) { return !__atomic_exchange_n(flag, 1, __ATOMIC_ACQUIRE); }
    static inline void fnn_yield(int *flag) { __atomic_store_n(flag, 0, __ATOMIC_RELEASE); }
    #else
    static inline int fnn_claim(int *flag) { return *flag ? 0 : (*flag = 1); }
    static inline void fnn_yield(int *flag) { *flag = 0; }
    #endif
    """
    bint fnn_claim(int *flag) noexcept
    void fnn_yield(int *flag) noexcept

cdef extern from *:
    """
    #ifdef __clang__
    #define FNN_COMPILER __VERSION__
    #else
    #define FNN_COMPILER "GCC " __VERSION__
    #endif
    """
    const char *FNN_COMPILER

cdef extern from "c/layout.h":
    ctypedef struct fnn_layout:
        int32_t value, size
    const char fnn_layout_names[]
    const fnn_layout fnn_layouts[]
