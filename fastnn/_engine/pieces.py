"""Training in pieces: epochs that are no pass over rows that are all there.

A piece is one call of the backend with a RUN record of its own; the fit's record follows it, so that all else (history,
callbacks, divergence, the end) is the same as on arrays.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastnn._base import interrupts
from fastnn._base.arguments import integer
from fastnn._base.types import Stored
from fastnn._engine.bookmark import MOST
from fastnn._engine.compiled import Trainee
from fastnn._engine.convert import MAX_SAMPLES
from fastnn._engine.evaluate import Kept, kept_rows
from fastnn._engine.streams import Stream
from fastnn._engine.trainer import Choose, Trainer
from fastnn._kernels.contract import Course, Rows
from fastnn._plan.memory import new_run


class Pieces(Trainer):
    """Updates that are made piece by piece, none beyond the end of an epoch."""

    cuts_epochs = True

    def __init__(self, trainee: Trainee, choose: Choose, batch_size: int, kept_rows: int, piece: np.ndarray):
        self.piece, self.seen = piece, 0
        self.parts: list[dict[int, Kept]] = []
        self.keeps = trainee.compiled.keeps
        super().__init__(trainee, choose, batch_size, kept_rows)

    def begin(self, epoch: int) -> None:
        self.seen = 0
        self.parts = []

    def n_rows(self, batches: int) -> int:
        return self.seen

    def kept(self, sums: np.ndarray) -> dict[int, Kept]:
        return {output: Kept.joined([part[output] for part in self.parts]) for output in self.parts[0]}

    def mark(self, vectors: dict[str, np.ndarray]) -> dict[str, object]:
        parts = [[[output, *kept.mark()] for output, kept in part.items()] for part in self.parts]
        return {**super().mark(vectors), "seen": self.seen, "parts": parts}

    def go_on(self, marked: dict[str, Stored], vectors: dict[str, np.ndarray], run: np.ndarray, shuffle: bool) -> None:
        super().go_on(marked, vectors, run, shuffle)
        self.seen = integer("seen", marked["seen"], low=0)
        self.parts = [{output: Kept.marked(*kept) for output, *kept in part} for part in marked["parts"]]

    def _train(self, run: np.ndarray, rows: Rows, order: np.ndarray, rates: np.ndarray, sums: np.ndarray) -> int:
        """Train a piece; the updates that it made are counted, whatever ends it."""
        self.piece["step"] = run["step"]
        try:
            self.train(self.plan, self.memory, rows, Course(order, self.piece, rates, sums))
        finally:
            made = self._count(run)
        return made

    def _count(self, run: np.ndarray) -> int:
        """Have ``run`` follow the piece; the updates that were made since it last did."""
        piece = self.piece
        made = int(piece["step"] - run["step"])
        run["step"] += made
        run["batch"] += made
        run["status"], piece["status"] = piece["status"], 0
        return made

    def _keep(self, sums: np.ndarray, rows: Rows, order: np.ndarray) -> None:
        if self.keeps:
            self.parts.append(kept_rows(self.plan, sums[0], rows, order))

    def _end_epoch(self, run: np.ndarray) -> None:
        run["batch"] = 0
        run["epoch"] += 1


class StreamTrainer(Pieces):
    """Updates on a stream, one on each of its batches."""

    n_samples = None

    def __init__(self, trainee: Trainee, choose: Choose, stream: Stream, batch_size: int):
        self.stream = stream
        self.order = np.arange(batch_size, dtype=np.int32)
        self.steps = stream.steps or stream.source.expected()
        piece = new_run(batch_size, (0, 1), shuffle=False)
        self.at_epoch, self.at_rows = piece["epoch"], piece["n_samples"]
        super().__init__(trainee, choose, batch_size, batch_size, piece)

    def what(self) -> dict[str, object]:
        return {"steps_per_epoch": self.stream.steps}

    def mark(self, vectors: dict[str, np.ndarray]) -> dict[str, object]:
        told = {"batch_size": self.batch_size, "steps": self.steps, "stream": self.stream.mark()}
        return {**super().mark(vectors), **told}

    def go_on(self, marked: dict[str, Stored], vectors: dict[str, np.ndarray], run: np.ndarray, shuffle: bool) -> None:
        super().go_on(marked, vectors, run, shuffle)
        self.steps = marked["steps"] if self.steps is None else self.steps
        wanted = integer("batch_size", marked["batch_size"], low=1, high=MAX_SAMPLES)
        if wanted > self.batch_size:
            self._have_room(wanted)

    @property
    def is_settled(self) -> bool:
        return self.stream.length is not None or bool(self.stream.held)

    def begin(self, epoch: int) -> None:
        super().begin(epoch)
        if not self.stream.has_begun:
            self.stream.begin(epoch)
        self.stream.check()

    def update(self, run: np.ndarray, sums: np.ndarray) -> None:
        interrupts.check()
        self.piece["step"] = run["step"]
        try:
            with np.errstate(all="ignore"):  # as on arrays
                self._train_batches(int(run["max_steps"]), self._rates(run), sums)
        finally:
            self._count(run)
        if not run["status"] and self.stream.is_over:
            self._end_epoch(run)

    def settle(self, run: np.ndarray) -> None:
        if run["batch"] and not self.stream.more():
            self._end_epoch(run)

    def _train_batches(self, most: int, rates: np.ndarray, sums: np.ndarray) -> None:
        """Train on batches of the epoch until a loss is not finite."""
        stream, course = self.stream, Course(self.order[: int(self.at_rows)], self.piece, rates, sums)
        for number in range(most):
            if not stream.more():
                return
            rows = stream.take()
            if len(rows.inputs[0]) != self.at_rows:
                course = Course(self._order_of(len(rows)), self.piece, rates, sums)
            if self.varies:
                course = replace(course, rates=rates[number : number + 1])
            if self.trainee.of_sizes:
                self._fit_lengths(rows)
            if not self._train_batch(rows, course):
                return
            self._keep(sums, rows, course.order)

    def _fit_lengths(self, rows: Rows) -> None:
        """Have a plan for the lengths of these rows, where lengths differ from batch to batch."""
        own = self.trainee.sized(rows.inputs)
        if own.compiled.layout is not self.trainee.compiled.layout:
            self.close()
            self.trainee = own
            self._take_plan()

    def _train_batch(self, rows: Rows, course: Course) -> bool:
        """Whether the update was made; it is counted, whatever ends it."""
        self.at_epoch[()] = 0
        try:
            self.train(self.plan, self.memory, rows, course)
        finally:
            made = bool(self.at_epoch)
            self.seen += made * len(rows.inputs[0])
        return made

    def _order_of(self, n: int) -> np.ndarray:
        """The order of so many rows, from now on."""
        if n != self.batch_size and self.trainee.compiled.layout.carried:
            raise self.stream.refused(
                f"a stateful layer goes on row by row, so that all batches have as many rows as the first, "
                f"{self.batch_size}; got {n}"
            )
        if n > self.batch_size:
            self._grow(n)
        self.at_rows[()] = n
        return self.order[:n]

    def _grow(self, n: int) -> None:
        """Have a plan for larger batches, and twice as large at least, so that growing ones do not each need a plan."""
        if self.keeps:
            raise self.stream.refused(
                f"a metric that needs all predictions wants batches that are no larger than the first, of "
                f"{self.batch_size} rows; got {n}"
            )
        self._have_room(max(n, 2 * self.batch_size))

    def _have_room(self, n: int) -> None:
        self.close()
        self.batch_size = self.kept_rows = n
        self.order = np.arange(self.batch_size, dtype=np.int32)
        self._take_plan()

    def _end_epoch(self, run: np.ndarray) -> None:
        if self.steps is None:
            self.steps = int(run["batch"])
        super()._end_epoch(run)
        self.stream.end()


class PassTrainer(Pieces):
    """Updates on rows that are all there, in epochs of ``steps`` batches that go on where the last one ended."""

    steps: int

    def __init__(self, trainee: Trainee, choose: Choose, rows: Rows, batch_size: int, steps: int, shuffle: bool):
        self.rows, self.steps, self.n_samples = rows, steps, len(rows)
        self.order = np.arange(len(rows), dtype=np.int32)
        first = trainee.state.epoch
        piece = new_run(len(rows), (first, first + 1), shuffle=shuffle)
        super().__init__(trainee, choose, batch_size, len(rows), piece)

    def what(self) -> dict[str, object]:
        return {**super().what(), "steps_per_epoch": self.steps, "digest of all rows": self.rows.digest}

    def mark(self, vectors: dict[str, np.ndarray]) -> dict[str, object]:
        return {**super().mark(vectors), "pass": int(self.piece["epoch"]), "at": int(self.piece["batch"])}

    def go_on(self, marked: dict[str, object], vectors: dict[str, np.ndarray], run: np.ndarray, shuffle: bool) -> None:
        super().go_on(marked, vectors, run, shuffle)
        piece = self.piece
        of_pass = -(-len(self.rows) // self.batch_size)
        piece["epoch"] = integer("pass", marked["pass"], low=0, high=MOST)
        piece["batch"] = integer("at", marked["at"], low=0, high=of_pass - 1)
        if shuffle:
            self._order_from(piece)

    def update(self, run: np.ndarray, sums: np.ndarray) -> None:
        interrupts.check()
        rates, wanted = self._rates(run), min(int(run["max_steps"]), self.steps - int(run["batch"]))
        piece, done = self.piece, 0
        with np.errstate(all="ignore"):  # as on arrays
            while done < wanted and not run["status"]:
                piece["max_steps"], piece["first_epoch"] = wanted - done, piece["epoch"]
                piece["last_epoch"] = piece["epoch"] + 1
                done += self._train_part(run, rates[done:] if self.varies else rates, sums)
        if run["batch"] == self.steps:
            self._end_epoch(run)

    def _train_part(self, run: np.ndarray, rates: np.ndarray, sums: np.ndarray) -> int:
        """Train up to the end of the pass at most."""
        first = int(self.piece["batch"]) * self.batch_size
        before = int(run["step"])
        try:
            return self._train(run, self.rows, self.order, rates, sums)
        finally:
            last = min(first + (int(run["step"]) - before) * self.batch_size, len(self.rows))
            self.seen += last - first
            self._keep(sums, self.rows, self.order[first:last])
