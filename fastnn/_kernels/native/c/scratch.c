/* Working memory that grows to the largest that a thread has asked for, and goes with the thread.
 *
 * Design: kept between calls, because fresh pages cost more than the products that are just large
 * enough to be packed. A plain thread-local pointer (rejected) would leak with every thread that ends. */
#include "scratch.h"

#include <stdlib.h>

#include "platform/platform.h"

typedef struct {
    size_t bytes;
    void *memory;
} scratch;

static void release(void *value) {
    scratch *own = value;
    fnn_aligned_free(own->memory);
    free(own);
}

static scratch *own_scratch(void) {
    scratch *own = fnn_get_own(release);
    if (own) return own;
    own = calloc(1, sizeof *own);
    if (own && !fnn_set_own(own)) {
        free(own);
        return NULL;
    }
    return own;
}

void *fnn_scratch(size_t bytes) {
    scratch *own = own_scratch();
    if (!own) return NULL;
    if (own->bytes < bytes) {
        void *more = fnn_aligned_alloc(bytes);
        if (!more) return NULL;
        fnn_aligned_free(own->memory);
        own->memory = more;
        own->bytes = bytes;
    }
    return own->memory;
}
