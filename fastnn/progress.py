"""The progress bar of a fit: tqdm where it is installed, else one plain line that is rewritten.

``verbose="auto"`` shows it when stderr is a terminal and the fit has taken a second; 0 never; 1 always
(lines a second apart when stderr is no terminal); 2 prints one line an epoch.
"""

from __future__ import annotations

import sys
import time
from typing import Any

PATIENCE = 1.0  # seconds before a bar appears by itself
PLAIN_EVERY = 1.0  # seconds between lines in a file


class Progress:
    """Told how far a fit of ``epochs`` from ``first`` has come; decides what to show."""

    def __init__(self, verbose: Any, epochs: int, steps: int, rows: int, first: int = 0):
        if verbose not in ("auto", 0, 1, 2):
            raise ValueError(f'verbose must be "auto", 0, 1 or 2, got {verbose!r}')
        self.terminal = hasattr(sys.stderr, "isatty") and sys.stderr.isatty()
        self.verbose = (1 if self.terminal else 0) if verbose == "auto" else int(verbose)
        self.hidden_until = PATIENCE if verbose == "auto" else 0.0
        self.epochs, self.steps, self.rows, self.first = epochs, max(1, steps), rows, first
        self.started = self.shown = time.monotonic()
        self.bar: Any = None
        self.wrote = False

    @property
    def every_epoch(self) -> bool:
        """Whether a line an epoch is wanted, so that each epoch must be a call of its own."""
        return self.verbose == 2

    def update(self, done: int, logs: dict[str, float]) -> None:
        """``done`` steps of all epochs have run; ``logs`` are the last epoch's."""
        now = time.monotonic()
        if self.verbose != 1 or now - self.started < self.hidden_until:
            return
        if self.terminal:
            self._draw(done, logs)
        elif now - self.shown >= PLAIN_EVERY:
            self.shown = now
            print(self._line(done, logs), file=sys.stderr, flush=True)

    def epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """The line of one epoch, for ``verbose=2``."""
        if self.verbose == 2:
            print(self._line((epoch + 1) * self.steps, logs), file=sys.stderr, flush=True)

    def close(self, done: int, logs: dict[str, float]) -> None:
        """The last state, and the end of the line."""
        if not self.epochs:
            return
        if self.bar is not None:
            self._draw(done, logs)
            self.bar.close()
        elif self.wrote:
            self._draw(done, logs)
            print(file=sys.stderr)
        elif self.verbose == 1 and not self.hidden_until:
            print(self._line(done, logs), file=sys.stderr, flush=True)

    def _draw(self, done: int, logs: dict[str, float]) -> None:
        if not self.wrote and self.bar is None:
            self.bar = _tqdm(self.epochs)
        if self.bar is None:
            self.wrote = True
            print("\r" + self._line(done, logs).ljust(79), end="", file=sys.stderr, flush=True)
            return
        self.bar.n = round(done / self.steps, 1)
        self.bar.set_postfix_str(f"{_values(logs)} {self._speed(done)}", refresh=False)
        self.bar.refresh()

    def _speed(self, done: int) -> str:
        rate = done / self.steps * self.rows / max(time.monotonic() - self.started, 1e-9)
        return f"{rate:,.0f} rows/s"

    def _line(self, done: int, logs: dict[str, float]) -> str:
        passed = time.monotonic() - self.started
        left = passed * (self.epochs * self.steps - done) / max(done, 1)
        epoch = self.first + min(self.epochs, done // self.steps)
        return f"epoch {epoch}/{self.first + self.epochs}  {_values(logs)}  {self._speed(done)}  {left:.0f} s left"


def _values(logs: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.4f}" for name, value in logs.items())


def _tqdm(epochs: int) -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm(total=epochs, unit="epoch", file=sys.stderr, dynamic_ncols=True)
