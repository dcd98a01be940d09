"""Measuring where the time of a training step goes: :func:`profile`, on a copy of the model and data given or made."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

import numpy as np

from fastnn import _kernels
from fastnn._base.arguments import integer, shown, unknown_name
from fastnn._base.threads import get_num_threads, limited
from fastnn._base.types import DataLike
from fastnn._engine.prepare import check_arguments
from fastnn._engine.trainer import RowsTrainer
from fastnn._kernels import laps as slots
from fastnn._kernels.contract import Course, rates_of
from fastnn._kernels.peak import flops
from fastnn._plan.memory import new_run
from fastnn.errors import BackendError, DivergenceError
from fastnn.models import batches
from fastnn.models.bounds import Bound, bound_of
from fastnn.models.made_data import BATCHES, made_data
from fastnn.models.model import Model
from fastnn.models.profiles import Profile
from fastnn.models.work import ops_of, steps_there

Clock = Literal["perf_counter", "thread_time"]
CLOCKS = ("perf_counter", "thread_time")
RATE = 1e-9  # the weights stay about where they are, so each step does the same work
RUNS, SECONDS = 11, 0.02  # of each run, or one step: short enough to find a busy machine free now and then
FIRST_RUNS = 4  # of one step
EPOCHS = 2**40


def profile(
    model: Model,
    x: DataLike = None,
    y: DataLike = None,
    batch_size: int = 128,
    threads: int | None = None,
    backend: str | None = None,
    clock: Clock = "perf_counter",
) -> Profile:
    """Where the time of a training step goes: by phases (products, activations, update ...), layers and threads.

    The steps are made on a copy: the model stays as it is. A record comes back that prints as a table.

    Parameters
    ----------
    model : a compiled :class:`fastnn.Sequential` or :class:`fastnn.Model`.
    x, y : data as of :meth:`fastnn.Model.fit`, at least a batch of them; None for numbers drawn at random in the
        shapes that the model takes, 8 batches of them. Where lengths differ from batch to batch, give data.
    batch_size : rows of a step.
    threads : at most so many; None for those that training has.
    backend : name of a backend; None for the model's. ``"cython"`` tells all parts; ``"numpy"`` one time for each layer
        forward and one back; ``"numba"`` none.
    clock : ``"perf_counter"`` reads the processor's time stamp counter, in some nanoseconds. ``"thread_time"`` counts
        only while the thread has a processor, so that other programs' work does not show, and takes about
        0.3 microseconds a reading, which are taken away again: for large layers on a busy machine.

    Returns
    -------
    Profile, with ``phases``, ``ops``, ``step_seconds``, ``to_dict()``; :func:`fastnn.plot.phases` draws it.

    Raises
    ------
    ValueError, TypeError
        an argument is wrong, or the model is not compiled.
    BackendError
        the backend cannot say where time goes.
    DivergenceError
        the loss of the data is not finite.

    >>> from fastnn import Sequential, utils
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(64, "relu", input_shape=(20,)), Dense(1)])
    >>> model.compile("adam", "mse")
    >>> found = utils.profile(model, batch_size=32, threads=1)
    >>> [op.layer for op in found.ops]
    ['dense', 'dense_1']
    >>> float(found.phases["products"][0]) > 0
    True
    """
    _check(model, clock)
    size = integer("batch_size", batch_size, low=1)
    most = None if threads is None else integer("threads", threads, low=1)
    learner = copy.deepcopy(model)
    if x is None:
        x, y = made_data(learner, BATCHES * size)
    with limited(most or get_num_threads()):
        trainer = _trainer(learner, x, y, size, backend)
        measured = _Measured(trainer, _backend_of(trainer), clock == "thread_time")
        return measured.profile(clock)


def _check(model: object, clock: object) -> None:
    if not isinstance(model, Model):
        raise TypeError(f"profile takes a Sequential or a Model, got {shown(model)}")
    if clock not in CLOCKS:
        raise unknown_name("clock", clock, CLOCKS)
    if not model.knows_shape:
        raise ValueError("profile needs a model that is built: give its first layer input_shape, or call build")
    if getattr(model, "loss", None) is None:
        raise ValueError("profile measures training steps: compile the model with a loss and an optimizer first")


def _trainer(model: Model, x: object, y: object, batch_size: int, backend: str | None) -> RowsTrainer:
    """What would make the updates of a fit."""
    arguments = check_arguments(batch_size, 1, 0, None, True, 0, None, backend)
    rows = batches.fit_data(model, (x, y, None, None), 0.0, None, arguments)
    trainer = model.prepared(rows, arguments).trainer
    assert isinstance(trainer, RowsTrainer)  # the data are arrays
    if trainer.solver is not None:
        raise ValueError("profile measures steps of one batch, and L-BFGS makes none: compile with another optimizer")
    if trainer.trainee.compiled.has_custom_loss:
        raise ValueError(
            "profile measures steps that run in one call, and a loss of your own is asked for each batch: compile with "
            "one of fastnn.losses"
        )
    return trainer


def _backend_of(trainer: RowsTrainer) -> ModuleType:
    module: ModuleType = trainer.backend
    if not hasattr(module, "profile"):
        raise BackendError(
            f"backend {_name_of(module)!r} cannot say where its time goes; give backend='cython', or 'numpy' for the "
            "time of whole layers"
        )
    return module


def _name_of(module: ModuleType) -> str:
    names = (*_kernels.MODULES, *_kernels.third_party())
    return next((name for name in names if _kernels.why_not(name) is None and _kernels.load(name) is module), "?")


@dataclass(frozen=True)
class _Run:
    """A call of the backend: its steps, seconds of one of them, and its laps in seconds of a step."""

    steps: int
    seconds: float
    laps: np.ndarray | None = None


class _Measured:
    """Runs of updates, with the clock and without."""

    def __init__(self, trainer: RowsTrainer, backend: ModuleType, of_thread: bool):
        self.trainer, self.backend, self.of_thread = trainer, backend, of_thread
        self.plan, self.memory = trainer.plan, trainer.memory

    def profile(self, clock: str) -> Profile:
        """The fastest run of each kind."""
        first = min(self._timed(1).seconds for _ in range(FIRST_RUNS))
        steps = max(1, int(SECONDS / max(first, 1e-7)))
        runs = [(self._clocked(steps), self._timed(steps)) for _ in range(RUNS)]
        best = min((run for run, _ in runs), key=_total)
        laps = best.laps
        assert laps is not None
        laps = laps[: max(1, int(laps.any(axis=(1, 2)).sum()))]
        module, dtype = self.backend, str(self.memory.params.dtype)
        rows = min(self.trainer.batch_size, self.trainer.n_samples)
        ops = ops_of(self.plan, rows, steps_there(self.plan, self.memory, self.trainer.rows.inputs), dtype)
        is_native = hasattr(module, "isa")
        return Profile(
            backend=_name_of(module),
            isa=module.isa() if is_native else None,
            dtype=dtype,
            batch_size=rows,
            steps=steps,
            clock=clock,
            step_seconds=min(run.seconds for _, run in runs),
            flops={name: flops(name) or np.inf for name in {op.dtype for op in ops}} if is_native else {},
            bound=bound_of(self.plan, ops, rows, dtype, len(laps)) if is_native else None,
            ops=ops,
            stage_seconds=slots.by_stage(laps)[..., 0],
            op_seconds=slots.by_op(self.plan, laps)[..., 0],
        )

    def _timed(self, steps: int) -> _Run:
        course = self._course(steps)
        clock = time.thread_time if self.of_thread else time.perf_counter
        began = clock()
        self.backend.train(self.plan, self.memory, self.trainer.rows, course)
        return _Run(self._done(course), (clock() - began) / steps)

    def _clocked(self, steps: int) -> _Run:
        course, laps = self._course(steps), slots.new_laps(self.plan, get_num_threads())
        tick = self.backend.profile(self.plan, self.memory, self.trainer.rows, course, laps, self.of_thread)
        laps[:, 0] = 0
        return _Run(self._done(course), 0.0, laps * (tick / steps))

    def _course(self, steps: int) -> Course:
        trainer = self.trainer
        run = new_run(trainer.n_samples, (0, EPOCHS))
        run["max_steps"] = steps
        epochs = (steps - 1) // trainer.steps + 1
        sums = np.zeros((epochs, int(self.plan.header["n_sums"])))
        return Course(trainer.order, run, rates_of(np.full(1, RATE)), sums)

    def _done(self, course: Course) -> int:
        if course.run["status"]:
            raise DivergenceError("the loss of these data is not finite, so that no step is whole; give other data")
        return int(course.run["step"])


def _total(run: _Run) -> float:
    assert run.laps is not None
    return float(run.laps[0, :, 0].sum())


def training_bound(model: Model, x: DataLike, y: DataLike, batch_size: int) -> Bound | None:
    """The least time that a step on such a batch can take, on as many threads as are used; arguments as of profile."""
    trainer = _trainer(copy.deepcopy(model), x, y, batch_size, None)
    plan, rows, dtype = trainer.plan, min(batch_size, trainer.n_samples), str(model.dtype)
    there = steps_there(plan, trainer.memory, trainer.rows.inputs)
    return bound_of(plan, ops_of(plan, rows, there, dtype), rows, dtype, get_num_threads())


def prediction_bound(model: Model, rows: int, sizes: tuple[int, ...] | None = None) -> Bound | None:
    """The least time that a prediction of so many rows can take, on as many threads as are used.

    ``sizes`` are the numbers of a sample of each input, for a model whose lengths are open.
    """
    sized = model if sizes is None else model.of_sizes(sizes)
    plan, dtype = sized.prediction_plan(), str(model.dtype)
    return bound_of(plan, ops_of(plan, rows, dtype=dtype), rows, dtype, get_num_threads())
