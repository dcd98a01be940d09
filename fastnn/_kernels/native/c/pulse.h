/* A long call asks now and then whether it shall end: for Ctrl-C, which Python alone hears.
 *
 * Design: the work done says when to look at the clock, and the clock when to ask, because asking needs Python's lock
 * and looking costs as much as a small network's row. */
#ifndef FNN_PULSE_H
#define FNN_PULSE_H

/* Set by who calls: 1 when the call shall end. NULL never ends one. */
extern int (*fnn_is_called_off)(void);

#define FNN_LOOK_FLOP 2e7 /* floating-point operations between two looks at the clock; a millisecond or a few */

typedef struct {
    double flop, next; /* done since the last look; when to ask */
} fnn_pulse;

int fnn_look(fnn_pulse *);

/* Told of work that has been done; 1 when the call shall end. */
static inline int fnn_beat(fnn_pulse *pulse, double flop) {
    pulse->flop += flop;
    return pulse->flop >= FNN_LOOK_FLOP && fnn_look(pulse);
}

#endif
