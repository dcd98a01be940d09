"""A fit as it stands: its arguments, its record for the backend, its sums, its history, and what it has told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastnn._base.types import Stored
from fastnn._engine import bookmark
from fastnn._engine.compiled import Trainee
from fastnn._engine.entries import Records
from fastnn._engine.finite import Finite
from fastnn._engine.listeners import Listeners
from fastnn._engine.state import State
from fastnn._engine.stretches import Stretches
from fastnn._engine.trainer import Trainer
from fastnn._plan.memory import new_run
from fastnn.callbacks import History, Logs
from fastnn.callbacks.progress import Progress

if TYPE_CHECKING:
    from fastnn._engine.saving import Saving
    from fastnn._engine.stop import Stop

UNBOUNDED = 2**62  # updates of an epoch whose end the trainer keeps


def always(epoch: int) -> bool:
    """After every epoch."""
    return True


@dataclass(eq=False)
class Standing:
    """Where one call of ``fit`` stands.

    Attributes
    ----------
    validate, validates : told an epoch's number from 1, gives its ``val_`` values; whether it does for that one.
    saving : writes checkpoints, None for none.
    marked : where another fit was marked, from which this one goes on (see :mod:`fastnn._engine.bookmark`).
    failed : whether it diverged or an error ended it; then nothing is evaluated any more.
    """

    model: Any  # whom callbacks are told of
    trainer: Trainer
    epochs: tuple[int, int]  # first and last + 1, as the user counts them
    listeners: Listeners
    progress: Progress
    validate: Callable[[int], Logs] | None = None
    validates: Callable[[int], bool] = always
    shuffle: bool = True
    time_limit: float | None = None
    stop: Stop | None = None
    saving: Saving | None = None
    marked: dict[str, Stored] | None = None
    failed: bool = False

    def __post_init__(self) -> None:
        trainer = self.trainer
        start = self.first_epoch = self.marked["first_epoch"] if self.marked else self.state.epoch
        last = start + max(0, self.epochs[1] - self.epochs[0])
        self.run = new_run(trainer.n_samples or 0, (start, last), step=self.state.step, shuffle=self.shuffle)
        if self.stop:
            for name in ("patience", "tol", "best", "wait"):
                self.run[name] = getattr(self.stop, name)
        steps = UNBOUNDED if trainer.cuts_epochs or trainer.steps is None else trainer.steps
        self.stretches = Stretches(steps, int(trainer.plan.header["n_sums"]))
        self.weights = Finite(self.state.params)
        self.records = Records(self.trainee.compiled, start, self.epochs[0] - start)
        self.history.params = {
            "epochs": self.epochs[1],
            "initial_epoch": self.epochs[0],
            "steps": trainer.steps,
            "n_samples": trainer.n_samples,
            "batch_size": trainer.batch_size,
            "verbose": self.progress.verbose,
        }
        if self.marked:
            self.history.params["resumes"] = True
        self.began = False  # whether the epoch at hand began an update
        self.diverged = self.per_batch = self.at_epochs = False
        self.at_rest = False  # whether updates are made, and nobody is being told of some
        self.looked = False  # whether the weights have been looked at since the last update
        self.told: tuple[int, int] | None = None  # the place whose beginning callbacks have heard of
        if self.marked:
            bookmark.go_on(self, self.marked)

    @property
    def trainee(self) -> Trainee:
        """What is trained, as the engine sees it."""
        return self.trainer.trainee

    @property
    def state(self) -> State:
        """What lasts of the model."""
        return self.trainee.state

    @property
    def history(self) -> History:
        """What has been entered."""
        return self.records.history

    @property
    def per_epoch(self) -> bool:
        """Whether something has to be done after each epoch."""
        schedule = self.trainer.schedule
        listens = self.progress.every_epoch or self.at_epochs or (schedule and schedule.listens)
        saves = self.saving and self.saving.at_epochs
        return bool(self.validate or listens or saves or self.records.keeps or self.trainer.cuts_epochs)

    def count(self) -> None:
        """Callbacks that save or look at the model find its counters up to date."""
        self.state.epoch, self.state.step = int(self.run["epoch"]), int(self.run["step"])

    def steps_done(self) -> int:
        """Updates of all epochs from ``initial_epoch`` on, those of a fit that this one goes on from among them."""
        epochs = int(self.run["epoch"]) + self.records.offset - self.epochs[0]
        return epochs * (self.trainer.steps or 0) + int(self.run["batch"])

    def running(self, batches: int) -> Logs:
        """Values over the first batches of the epoch."""
        return self.records.running(self.trainer.plan, self.stretches.sums, self.trainer.n_rows(batches))

    def shown(self) -> Logs:
        """What the bar shows before the first epoch is whole: the values so far; nothing where no row is counted."""
        batches = int(self.run["batch"])
        return self.running(batches) if batches and self.stretches.sums[0].any() else {}

    @property
    def place(self) -> tuple[int, int]:
        """The epoch and the batch of the update to come."""
        return int(self.run["epoch"]), int(self.run["batch"])
