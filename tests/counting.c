/* Preloaded into a process, counts its requests for memory: glibc's functions under their own names. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long requests;

long requests_so_far(void) { return atomic_load(&requests); }

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) { return atomic_fetch_add(&requests, 1), __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return atomic_fetch_add(&requests, 1), __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return atomic_fetch_add(&requests, 1), __libc_realloc(old, size); }
void *memalign(size_t to, size_t size) { return atomic_fetch_add(&requests, 1), __libc_memalign(to, size); }
void *aligned_alloc(size_t to, size_t size) { return atomic_fetch_add(&requests, 1), __libc_memalign(to, size); }

int posix_memalign(void **made, size_t to, size_t size) {
    *made = memalign(to, size);
    return *made ? 0 : ENOMEM;
}

void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset) {
    atomic_fetch_add(&requests, 1);
    return (void *)syscall(SYS_mmap, at, size, protection, flags, file, offset);
}
