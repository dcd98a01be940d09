/* When a long call asks whether it shall end. */
#include "pulse.h"

#include <stddef.h>

#include "platform/platform.h"

static const double SECONDS_BETWEEN = 0.05;

int (*fnn_is_called_off)(void);

int fnn_look(fnn_pulse *pulse) {
    pulse->flop = 0;
    if (fnn_is_called_off == NULL) return 0;
    const double now = fnn_seconds();
    const int is_time = pulse->next > 0 && now >= pulse->next;
    if (is_time && fnn_is_called_off()) return 1;
    if (is_time || pulse->next == 0) pulse->next = now + SECONDS_BETWEEN;
    return 0;
}
