/* When a long call asks whether it shall end. */
#include "pulse.h"

#include <stddef.h>
#include <time.h>

static const double SECONDS_BETWEEN = 0.05;

int (*fnn_is_called_off)(void);

int fnn_look(fnn_pulse *pulse) {
    struct timespec at;
    pulse->flop = 0;
    if (fnn_is_called_off == NULL) return 0;
    clock_gettime(CLOCK_MONOTONIC, &at);
    const double now = (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
    const int is_time = pulse->next > 0 && now >= pulse->next;
    if (is_time && fnn_is_called_off()) return 1;
    if (is_time || pulse->next == 0) pulse->next = now + SECONDS_BETWEEN;
    return 0;
}
