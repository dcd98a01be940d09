"""L-BFGS on all rows at once, for small data; one epoch of a fit is one iteration.

Two-loop recursion and strong Wolfe line search after Nocedal and Wright, "Numerical Optimization" (2006),
algorithms 7.4, 3.5 and 3.6. The vectors live in NumPy float64; loss and gradient come from the backend.

Design: the solver has the signature of ``train``, so history, validation, callbacks, time limit and
Ctrl-C are those of every other optimiser. SciPy's solver (rejected) is no hard dependency and cannot pause.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np

from fastnn._base import interrupts
from fastnn._base.types import Stored
from fastnn._kernels import reference, steps
from fastnn._kernels.contract import Course, Rows
from fastnn._plan.memory import Memory
from fastnn._plan.plan import Plan
from fastnn.optimizers import LBFGS
from fastnn.regularizers import penalize

SUFFICIENT, CURVATURE = 1e-4, 0.9  # c1 and c2 of the Wolfe conditions
MAX_TRIALS = 25


@dataclass
class Point:
    """Parameters with what the network gives there."""

    w: np.ndarray
    loss: float
    gradient: np.ndarray
    sums: np.ndarray


@dataclass
class Solver:
    """State of one fit; called like ``train``."""

    backend: ModuleType
    optimizer: LBFGS
    pairs: deque[tuple[np.ndarray, np.ndarray, float]] = field(default_factory=deque)
    here: Point | None = None
    last: Point | None = None

    def __call__(self, plan: Plan, memory: Memory, rows: Rows, course: Course) -> None:
        """Iterate ``run.max_steps`` times at most; ends the run early when the gradient vanishes."""
        self.problem, run = (plan, memory, rows), course.run
        if self.here is None or not np.array_equal(self.here.w.astype(memory.params.dtype), memory.params):
            self.pairs.clear()  # the curvature elsewhere, where a callback has set weights
            self.here = self._evaluate(memory.params.astype(np.float64))
        for _ in range(min(int(run["max_steps"]), int(run["last_epoch"] - run["epoch"]))):
            if not np.isfinite(self.here.loss):
                run["status"] = 1
                return
            found = self._iterate(self.here)
            if found is None:
                run["last_epoch"] = run["epoch"]
                return
            with interrupts.whole():
                self._set(found.w)
                if plan.measures:
                    self._settle(found)
                self.here = found
                course.sums[int(run["epoch"] - run["first_epoch"])] = found.sums
                run["epoch"] += 1
                run["step"] += 1

    def mark(self, vectors: dict[str, np.ndarray]) -> dict[str, object] | None:
        """Loss and sums of the point at hand; its vectors, and the pairs, go into ``vectors``."""
        if self.here is None:
            return None
        vectors["point"] = np.stack([self.here.w, self.here.gradient])
        vectors["pairs"] = np.array([row for s, y, _ in self.pairs for row in (s, y)]).reshape(-1, len(self.here.w))
        return {"loss": self.here.loss, "sums": self.here.sums, "rho": [float(rho) for *_, rho in self.pairs]}

    def go_on(self, marked: dict[str, Stored], vectors: dict[str, np.ndarray]) -> None:
        """Stand where another solver was marked."""
        (w, gradient), pairs, rho = vectors["point"], vectors["pairs"], marked["rho"]
        self.here = Point(w, float(marked["loss"]), gradient, np.array(marked["sums"], np.float64))
        self.pairs = deque(zip(pairs[::2], pairs[1::2], map(float, rho), strict=True))

    def _iterate(self, here: Point) -> Point | None:
        """The next point, or None when there is nothing left to gain."""
        if np.abs(here.gradient).max() <= self.optimizer.tolerance:
            return None
        direction = self._direction(here.gradient)
        if direction @ here.gradient >= 0:
            self.pairs.clear()
            direction = -here.gradient
        first = float(self.optimizer.learning_rates(0, 1)[0])
        if not self.pairs:
            first = min(first, 1.0 / float(np.abs(here.gradient).sum()))
        try:
            found = self._search(here, direction, first)
            if found is not None and self.problem[0].measures and found is not self.last:
                self._evaluate(found.w)  # what was measured last shall be of the point taken
        finally:  # trial weights must not stay, also after Ctrl-C
            with interrupts.whole():
                self._set(here.w)
        if found is None:
            return None
        self._remember(found.w - here.w, found.gradient - here.gradient)
        return found

    def _direction(self, gradient: np.ndarray) -> np.ndarray:
        """``-H g`` by the two-loop recursion."""
        q, coefficients = gradient.copy(), []
        for s, y, rho in reversed(self.pairs):
            coefficients.append(rho * (s @ q))
            q -= coefficients[-1] * y
        if self.pairs:
            s, y, _ = self.pairs[-1]
            q *= (s @ y) / (y @ y)
        for (s, y, rho), a in zip(self.pairs, reversed(coefficients), strict=True):
            q += (a - rho * (y @ q)) * s
        return -q

    def _remember(self, s: np.ndarray, y: np.ndarray) -> None:
        curvature = s @ y
        if curvature > 1e-10 * (y @ y):
            self.pairs.append((s, y, 1.0 / curvature))
            if len(self.pairs) > self.optimizer.history_size:
                self.pairs.popleft()

    def _search(self, here: Point, direction: np.ndarray, size: float) -> Point | None:
        """A step that meets the strong Wolfe conditions, by bracketing and interpolation.

        ``low`` is the best end of the bracket so far. Rounding can hide the curvature condition near a
        minimum; then a point that only decreases the loss is taken.
        """
        slope = float(direction @ here.gradient)
        low, high = (0.0, here, slope), None
        for _ in range(MAX_TRIALS):
            point = self._evaluate(here.w + size * direction)
            there = float(direction @ point.gradient)
            if not point.loss <= here.loss + SUFFICIENT * size * slope or (low[0] and point.loss >= low[1].loss):
                high = (size, point, there)
            elif abs(there) <= -CURVATURE * slope:
                return point
            else:
                if there * ((high[0] if high else np.inf) - low[0]) >= 0:
                    high = low
                low = (size, point, there)
            size = _between(low, high) if high else 2 * size
        return low[1] if low[0] and low[1].loss < here.loss else None

    def _settle(self, found: Point) -> None:
        """Have moving statistics follow; they are part of the point."""
        plan, memory, _ = self.problem
        before = memory.params.copy()
        steps.settle(plan, memory)
        moved = memory.params != before
        found.w[moved] = memory.params[moved]

    def _set(self, w: np.ndarray) -> None:
        self.problem[1].params[...] = w

    def _evaluate(self, w: np.ndarray) -> Point:
        """Loss (mean, penalties included) and gradient of all rows at ``w``."""
        plan, memory, rows = self.problem
        self._set(w)
        sums = np.zeros(int(plan.header["n_sums"]))
        if any(loss.is_own for loss in plan.loss_records):
            steps.gradient_loop(self.backend, plan, memory, rows, sums, loss=reference.loss)
        else:
            self.backend.gradient(plan, memory, rows, sums)
        total = steps.total_weight(plan, rows.weights[0], len(rows))
        scale = steps.over(1.0, total) if plan.header["divides_penalties"] else 1.0
        sums[0] += len(rows) * penalize(plan.segments, memory.params, memory.grads, scale)
        self.last = Point(w, sums[0] / len(rows), memory.grads.astype(np.float64), sums)
        return self.last


def _between(low: tuple[float, Point, float], high: tuple[float, Point, float]) -> float:
    """Minimiser of the cubic through both ends, kept away from them."""
    (a, pa, da), (b, pb, db) = low, high
    d1 = da + db - 3 * (pa.loss - pb.loss) / (a - b)
    under = d1 * d1 - da * db
    with np.errstate(all="ignore"):
        d2 = np.sign(b - a) * np.sqrt(under)
        size = b - (b - a) * (db + d2 - d1) / (db - da + 2 * d2)
    inside = abs(b - a) * 0.1
    if not np.isfinite(size) or not min(a, b) + inside <= size <= max(a, b) - inside:
        return 0.5 * (a + b)
    return float(size)
