/* Runs kernels of the instruction set named by its argument on what a test sends, and sends the arrays back: on
 * machines that an emulator or another system stands for.
 *
 * A request on standard input is a `request` and its arrays, each an int64 length in bytes and the bytes; the reply on
 * standard output is the bytes of all arrays after the call, in the same order. Layouts are those of plan.h, so the
 * tables of a plan go through as they lie in Python's memory. machines.py is the other end. */
#include <stdio.h>
#include <stdlib.h>

#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

#include "cpu.h"
#include "platform/platform.h"
#include "walk.h"

enum { GEMM, MATH, ACTIVATE, ACTIVATE_BACK, FORWARD, LOSS, UPDATE, TRAIN, PREDICT };
enum { VALUES, EDGES, OPS, HEADER, LOSSES, OPTIMIZER, METRICS, SEGMENTS, SPANS };
enum { PARAMS = SPANS + 1, SLOTS, STATES, GRADS, WORKSPACE, FIRST_OWN };
enum { MOST_ARRAYS = 24, N_NUMBERS = 8, THREADS = 2 };

typedef struct {
    int32_t command, item_size, n_arrays, unused;
    int64_t i[N_NUMBERS];
    double r[2];
} request;

typedef struct {
    int64_t bytes;
    void *data; /* NULL for none */
} array;

static void stop(const char *why) {
    fprintf(stderr, "kernel_driver: %s\n", why);
    exit(1);
}

static void get(void *to, size_t bytes) {
    if (bytes && fread(to, 1, bytes, stdin) != bytes) stop("a request ended too early");
}

static void read_arrays(const request *asked, array *arrays) {
    if (asked->n_arrays > MOST_ARRAYS) stop("too many arrays");
    for (int k = 0; k < asked->n_arrays; k++) {
        array *a = &arrays[k];
        get(&a->bytes, sizeof a->bytes);
        a->data = a->bytes ? fnn_aligned_alloc((size_t)a->bytes) : NULL;
        if (a->bytes && !a->data) stop("no memory");
        get(a->data, (size_t)a->bytes);
    }
}

static void write_arrays(const request *asked, array *arrays) {
    for (int k = 0; k < asked->n_arrays; k++) {
        fwrite(arrays[k].data, 1, (size_t)arrays[k].bytes, stdout);
        fnn_aligned_free(arrays[k].data);
    }
}

static fnn_model model_in(const array *a) {
    return (fnn_model){.header = a[HEADER].data,
                       .values = a[VALUES].data,
                       .edges = a[EDGES].data,
                       .ops = a[OPS].data,
                       .losses = a[LOSSES].data,
                       .optimizer = a[OPTIMIZER].data,
                       .metrics = a[METRICS].data,
                       .segments = a[SEGMENTS].data,
                       .spans = a[SPANS].data,
                       .params = a[PARAMS].data,
                       .slots = a[SLOTS].data,
                       .states = a[STATES].data,
                       .grads = a[GRADS].data,
                       .workspace = a[WORKSPACE].data,
                       .workspace_bytes = (size_t)a[WORKSPACE].bytes};
}

/* own: x, target, weight, order, run, rates, sums; networks here have one input and one output. */
static void train(const fnn_network *network, const array *own) {
    const fnn_source source = {.x = own[0].data};
    const fnn_answer answer = {.target = own[1].data, .weight = own[2].data};
    const fnn_data data = {.sources = &source, .answers = &answer};
    const fnn_rates rates = {own[5].data, own[5].bytes == sizeof(fnn_rate)};
    fnn_train(network, &data, own[3].data, own[4].data, rates, NULL, own[6].data, THREADS);
}

static int64_t rows_in(const fnn_network *network, const array *x) {
    return x->bytes / (network->model.values[0].size * network->kernels->item_size);
}

/* own: x; for prediction. */
static void forward_block(const fnn_network *network, const array *own) {
    const void *inputs[] = {own[0].data};
    const fnn_block block = {.inputs = inputs, .rows = rows_in(network, own)};
    fnn_forward(network, &block, THREADS);
}

/* own: target, weight, rows, sums; the output stands in the workspace. */
static void loss(const fnn_network *network, const array *own, double scale) {
    const uint64_t control = fnn_flush_denormals();
    const fnn_answer answer = {.target = own[0].data, .weight = own[1].data};
    network->kernels->losses->loss(&network->model, &answer, own[2].data, 0, own[2].bytes / 4, scale, own[3].data);
    fnn_restore(control);
}

/* own: x, out. */
static void predict(const fnn_network *network, const array *own) {
    const fnn_source source = {.x = own[0].data};
    void *room = NULL, *out = own[1].data;
    fnn_predict(network, &source, rows_in(network, own), &room, &out, THREADS);
}

static void serve_model(const fnn_kernels *kernels, const request *asked, const array *arrays) {
    fnn_network network = {.kernels = kernels, .model = model_in(arrays)};
    fnn_prepare(&network);
    const array *own = arrays + FIRST_OWN;
    switch (asked->command) {
    case FORWARD: forward_block(&network, own); break;
    case LOSS: loss(&network, own, asked->r[0]); break;
    case UPDATE: *(double *)own[0].data = fnn_update(&network, asked->i[0], asked->r[0], asked->r[1], 1); break;
    case TRAIN: train(&network, own); break;
    case PREDICT: predict(&network, own); break;
    }
}

static void serve(const fnn_kernels *kernels, const request *asked, const array *a) {
    const int64_t *i = asked->i;
    switch (asked->command) {
    case GEMM:
        kernels->gemm(i[0], i[1], i[2], a[0].data, i[3], i[4], a[1].data, i[5], a[2].data, i[6], (int)i[7]);
        break;
    case MATH: kernels->math((int)i[0], i[1], a[0].data, a[1].data); break;
    case ACTIVATE: kernels->activate((int)i[0], asked->r[0], i[1], i[2], a[0].data, a[1].data); break;
    case ACTIVATE_BACK:
        kernels->activate_back((int)i[0], asked->r[0], i[1], i[2], a[0].data, a[1].data, a[2].data);
        break;
    default: serve_model(kernels, asked, a);
    }
}

/* Where bytes 10 would become 13 and 10, and byte 26 would end all. */
static void pass_all_bytes(void) {
#ifdef _WIN32
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
#endif
}

int main(int count, char **words) {
    request asked;
    array arrays[MOST_ARRAYS];
    if (count != 2) stop("name one instruction set");
    pass_all_bytes();
    while (fread(&asked, sizeof asked, 1, stdin) == 1) {
        const char *why = "";
        const int isa = fnn_select(words[1], &why);
        if (isa < 0) stop(why);
        read_arrays(&asked, arrays);
        serve(fnn_isa_kernels(isa, asked.item_size), &asked, arrays);
        write_arrays(&asked, arrays);
        fflush(stdout); // who asks waits for this answer before the next request
    }
    return 0;
}
