/* See clock.h. */
#include "clock.h"

#include "platform/platform.h"

int64_t fnn_ticks(int of_thread) {
    if (of_thread) return fnn_thread_nanoseconds();
#if defined(__x86_64__)
    return (int64_t)__builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    int64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return (int64_t)(fnn_seconds() * 1e9);
#endif
}

void fnn_end_lap(fnn_clock *clock, int64_t lap) {
    const int64_t now = fnn_ticks((int)clock->of_thread);
    clock->laps[lap].ticks += now - clock->since;
    clock->laps[lap].count++;
    clock->since = now;
}

void fnn_end_op_lap(fnn_clock *clock, const fnn_model *model, const fnn_op *op, enum fnn_part part) {
    fnn_end_lap(clock, FNN_N_STAGES + (op - model->ops) * FNN_N_PARTS + part);
}
