"""What a fit shows while it runs: epoch, time left, loss, metrics and rows a second.

``verbose="auto"`` shows a bar on a terminal and in a notebook when the fit has taken a second; 0 never; 1 always (in a
file: plain lines, the rarer the longer the fit runs); 2 prints one line an epoch. Everything goes to stderr, and in a
notebook, which colours that as an error, to stdout.

Design: the time left and the speed are taken from the second look on, because the first updates may hold the
compilation of kernels, which would make the rest look hours long. A terminal that is gone, a closed pipe or a full disk
ends what is shown, and no training: nobody is there to be told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from fastnn._base.types import Verbose
from fastnn.callbacks import screens

PATIENCE = 1.0  # seconds before a bar appears by itself
GONE = OSError, ValueError  # of a stream that is written to: it fails, it is closed
SLOW_EPOCH = 1.0  # seconds from which on the share of an epoch is shown

_visible: list[screens.Screen] = []


def say(text: str) -> None:
    """Print a line that no bar is drawn over."""
    with suppress(*GONE):
        for screen in list(_visible):
            screen.clear()
        print(text, file=screens.stream(), flush=True)


class Progress:
    """Told how far a fit of ``epochs`` from ``first`` has come; decides what to show.

    ``steps`` and ``rows`` of an epoch are None as long as nobody knows them (see :meth:`learn`).
    """

    def __init__(self, verbose: Verbose, epochs: int, steps: int | None, rows: int | None, first: int = 0):
        auto = verbose == "auto"
        self.verbose = int(screens.watched()) if auto else int(verbose)
        self.hidden_until = PATIENCE if auto else 0.0
        self.open_ended = False  # the last epoch is a bound, and says nothing of the time left
        self.epochs, self.steps, self.rows, self.first = epochs, steps and max(1, steps), rows, first
        self.started = self.shown = time.monotonic()
        self.anchor: tuple[float, int] | None = None  # time and updates at the first look
        self.screen: screens.Screen | None = None

    @property
    def every_epoch(self) -> bool:
        """Whether a line an epoch is wanted, so that each epoch must be a call of its own."""
        return self.verbose == 2

    def update(self, done: int, logs: Mapping[str, object], running: Callable[[], Mapping[str, object]] = dict) -> None:
        """``done`` steps of all epochs have run; ``logs`` are the last epoch's, ``running()`` gives the first one's."""
        if not self.verbose:
            return
        now = time.monotonic()
        if self.anchor is None:
            self.anchor = now, done
        if self.verbose == 2 or now - self.started < self.hidden_until:
            return
        if self.screen is None:
            self.screen = screens.choose()
        if now - self.shown >= self.screen.interval(now - self.started):
            self.shown = now
            self._draw(done, logs or running())

    def learn(self, steps: int, rows: int) -> None:
        """An epoch had so many; all others count as that one where nothing has been said."""
        self.steps, self.rows = self.steps or max(1, steps), self.rows or rows

    def epoch_end(self, epoch: int, logs: Mapping[str, object]) -> None:
        """The line of one epoch, for ``verbose=2``."""
        if self.verbose == 2:
            say(self._status((epoch + 1) * (self.steps or 1), logs).line())

    def close(self, done: int, logs: Mapping[str, object]) -> None:
        """The last state, where training ended, and the end of the line."""
        if self.verbose != 1 or not self.epochs or (self.hidden_until and self.screen is None):
            return
        self.screen = self.screen or screens.choose()
        if self._draw(done, logs, over=True):
            with suppress(*GONE):
                self.screen.end()
            _visible.remove(self.screen)

    def _draw(self, done: int, logs: Mapping[str, object], over: bool = False) -> bool:
        """Whether there is still a screen to draw on."""
        assert self.screen is not None
        status = self._status(done, logs, over)
        try:
            self.screen.draw(status)
        except GONE:
            self.verbose = 0
            if self.screen in _visible:
                _visible.remove(self.screen)
            return False
        if self.screen not in _visible:
            _visible.append(self.screen)
        return True

    def _status(self, done: int, logs: Mapping[str, object], over: bool = False) -> screens.Status:
        now, steps = time.monotonic(), self.steps or done + 1  # the epoch that nobody knows the end of goes on
        total, is_open = self.epochs * steps, self.open_ended or not self.steps
        since, before = self.anchor or (self.started, 0)
        if done <= before or now <= since:
            since, before = self.started, 0
        step_seconds = max((now - since) / max(done - before, 1), 1e-9)
        head = f"epoch {self.first - (-done // steps)}"
        if not self.open_ended:
            head += f"/{self.first + self.epochs}"
        if done % steps and step_seconds * steps >= SLOW_EPOCH:
            head += f" ({100 * (done % steps) // steps}%)" if self.steps else f" (batch {done})"
        if over or done >= total:
            clock = f"in {duration(now - self.started)}"
        elif is_open:
            clock = duration(now - self.started)
        else:
            clock = f"{duration((total - done) * step_seconds)} left" if done else ""
        values = tuple(f"{name} {shown(value)}" for name, value in logs.items())
        per_step, unit = (self.rows / steps, "rows") if self.rows else (1, "batches")
        speed = f"{per_step / step_seconds:,.0f} {unit}/s" if done else ""
        return screens.Status(None if is_open else done / total, head, clock, values, speed)


def shown(value: Any) -> str:
    """A value of the logs, with four places where that says something."""
    try:
        size = abs(value)
        return f"{value:.4f}" if size == 0 or 1e-3 <= size < 1e5 or size != size else f"{value:.3e}"
    except (TypeError, ValueError):  # what a callback put there
        return str(value)[:20]


def duration(seconds: float) -> str:
    """``1.2 s``, ``12 s``, ``3:05``, ``1:02:03``, ``2 d 3 h``."""
    whole = round(seconds)
    if whole < 10:
        return f"{seconds:.1f} s"
    if whole < 60:
        return f"{whole} s"
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    if hours < 1:
        return f"{minute}:{second:02}"
    return f"{hours}:{minute:02}:{second:02}" if hours < 24 else f"{hours // 24} d {hours % 24} h"
