/* Windows, from 7 on: locks that need no clean-up, and slots of fibers, which alone call back when a thread ends. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include "platform.h"

#include <malloc.h>
#include <process.h>
#include <stdint.h>
#include <stdlib.h>

void *fnn_aligned_alloc(size_t bytes) { return _aligned_malloc(bytes, FNN_ALIGNMENT); }

void fnn_aligned_free(void *memory) { _aligned_free(memory); }

static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
static DWORD slot = FLS_OUT_OF_INDEXES;
static void (*release_own)(void *);

static void WINAPI at_end(void *value) {
    if (value) release_own(value);
}

static BOOL CALLBACK make_slot(INIT_ONCE *made, void *release, void **unused) {
    (void)made, (void)unused;
    release_own = *(void (**)(void *))release;
    slot = FlsAlloc(at_end);
    return TRUE;
}

void *fnn_get_own(void (*release)(void *)) {
    InitOnceExecuteOnce(&once, make_slot, &release, NULL);
    return slot == FLS_OUT_OF_INDEXES ? NULL : FlsGetValue(slot);
}

int fnn_set_own(void *value) { return slot != FLS_OUT_OF_INDEXES && FlsSetValue(slot, value); }

typedef struct {
    void (*work)(int);
    int number;
} start;

static unsigned __stdcall run(void *argument) {
    const start begun = *(start *)argument;
    free(argument);
    begun.work(begun.number);
    return 0;
}

/* By the C library, which has memory of each thread of its own. */
int fnn_start_thread(void (*work)(int number), int number) {
    start *begun = malloc(sizeof *begun);
    if (!begun) return 0;
    *begun = (start){work, number};
    const uintptr_t id = _beginthreadex(NULL, 0, run, begun, 0, NULL);
    if (!id) {
        free(begun);
        return 0;
    }
    CloseHandle((HANDLE)id);
    return 1;
}

void fnn_let_others_run(void) { SwitchToThread(); }

static SRWLOCK lock = SRWLOCK_INIT;
static CONDITION_VARIABLE condition = CONDITION_VARIABLE_INIT;

void fnn_lock(void) { AcquireSRWLockExclusive(&lock); }
void fnn_unlock(void) { ReleaseSRWLockExclusive(&lock); }
void fnn_wait(void) { SleepConditionVariableSRW(&condition, &lock, INFINITE, 0); }
void fnn_wake_all(void) { WakeAllConditionVariable(&condition); }

void fnn_after_fork(void (*forget)(void)) { (void)forget; }

double fnn_seconds(void) {
    LARGE_INTEGER at, a_second;
    QueryPerformanceCounter(&at);
    QueryPerformanceFrequency(&a_second);
    return (double)at.QuadPart / (double)a_second.QuadPart;
}

/* In steps of a clock interrupt, about 16 ms. */
int64_t fnn_thread_nanoseconds(void) {
    FILETIME began, ended, of_system, own;
    GetThreadTimes(GetCurrentThread(), &began, &ended, &of_system, &own);
    const ULARGE_INTEGER a = {.LowPart = of_system.dwLowDateTime, .HighPart = of_system.dwHighDateTime};
    const ULARGE_INTEGER b = {.LowPart = own.dwLowDateTime, .HighPart = own.dwHighDateTime};
    return (int64_t)(a.QuadPart + b.QuadPart) * 100;
}
