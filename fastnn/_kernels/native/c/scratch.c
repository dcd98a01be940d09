/* Working memory that grows to the largest that a thread has asked for, and goes with the thread.
 *
 * Design: kept between calls, because fresh pages cost more than the products that are just large
 * enough to be packed. A plain thread-local pointer (rejected) would leak with every thread that ends. */
#include "scratch.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct {
    size_t bytes;
    void *memory;
} scratch;

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int has_key;

static void release(void *value) {
    scratch *own = value;
    free(own->memory);
    free(own);
}

static void make_key(void) { has_key = !pthread_key_create(&key, release); }

static scratch *own_scratch(void) {
    pthread_once(&once, make_key);
    if (!has_key) return NULL;
    scratch *own = pthread_getspecific(key);
    if (own) return own;
    own = calloc(1, sizeof *own);
    if (own && pthread_setspecific(key, own)) {
        free(own);
        return NULL;
    }
    return own;
}

void *fnn_scratch(size_t bytes) {
    scratch *own = own_scratch();
    if (!own) return NULL;
    if (own->bytes < bytes) {
        void *more;
        if (posix_memalign(&more, 64, bytes)) return NULL;
        free(own->memory);
        own->memory = more;
        own->bytes = bytes;
    }
    return own->memory;
}
