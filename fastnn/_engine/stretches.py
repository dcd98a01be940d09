"""How many updates a backend call makes: about 50 ms of them, or fewer where something listens in between.

Between the calls, the stretches, Python keeps the time limit, moves the progress bar and tells callbacks. When
something listens at epochs a stretch ends at the epoch's end; when something listens at batches it is one batch.
"""

from __future__ import annotations

import numpy as np

SECONDS = 0.05  # of updates in one call
GROWTH = 8  # how fast the first stretches of a fit grow towards that


class Stretches:
    """Lengths of the calls of one fit, and the rows of sums that they add to.

    Attributes
    ----------
    steps : updates of an epoch.
    sums : ``(epochs, n_sums)``; the first row is that of the epoch at which the last call began.
    """

    def __init__(self, steps: int, n_sums: int):
        self.steps, self.sums = steps, np.zeros((0, n_sums))
        self.length = 1

    def begin(self, run: np.ndarray, per_epoch: bool, per_batch: bool) -> None:
        """Set ``run.max_steps`` and make room in ``sums``."""
        run["max_steps"] = 1 if per_batch else self._length(run, per_epoch)
        self._prepare_sums(run, per_epoch)

    def measure(self, seconds: float, steps: int) -> None:
        """Learn from a call that took so long."""
        if steps:
            fitting = int(SECONDS * steps / max(seconds, 1e-9))
            self.length = max(1, min(fitting, GROWTH * max(steps, self.length)))

    def _length(self, run: np.ndarray, per_epoch: bool) -> int:
        """Whole epochs when several fit, so that weights are kept at their border."""
        left = self.steps - int(run["batch"])
        all_left = left + (int(run["last_epoch"] - run["epoch"]) - 1) * self.steps
        wanted = min(self.length, left if per_epoch else all_left)
        return wanted if wanted <= left else left + (wanted - left) // self.steps * self.steps

    def _prepare_sums(self, run: np.ndarray, per_epoch: bool) -> None:
        """Rows from the epoch at hand on, the first one going on where the last call stopped."""
        if run["batch"] and per_epoch and len(self.sums) == 1 and run["epoch"] == run["first_epoch"]:
            return  # all is in its place, and may be as long as the data
        wanted = 1 if per_epoch else 1 + -(-self.length // self.steps)
        rows = min(wanted, int(run["last_epoch"] - run["epoch"]))
        going_on = self.sums[int(run["epoch"] - run["first_epoch"])].copy() if run["batch"] else None
        if len(self.sums) < rows:
            self.sums = np.zeros((rows, self.sums.shape[1]))
        self.sums[...] = 0.0
        if going_on is not None:
            self.sums[0] = going_on
        run["first_epoch"] = run["epoch"]
