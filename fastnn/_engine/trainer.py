"""The updates of a fit: which function of the backend makes them, with what plan, memory and learning rates.

Numbers of the optimiser other than its rate are part of the plan. What a callback sets on the optimiser is looked for
before every call, so that it acts on the very next update.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, cast

import numpy as np

from fastnn._base import interrupts
from fastnn._base.random import fill_order
from fastnn._base.types import Stored
from fastnn._engine.compiled import Trainee
from fastnn._engine.evaluate import Kept, kept_rows
from fastnn._engine.plans import take_memory, take_memory_of_shards
from fastnn._kernels import reference, steps
from fastnn._kernels.contract import Course, Rows, rates_of
from fastnn._plan.plan import Plan
from fastnn.optimizers import Optimizer
from fastnn.schedules import Schedule

if TYPE_CHECKING:
    from fastnn._engine.lbfgs import Solver
    from fastnn._engine.sharded import ShardedStep
    from fastnn.optimizers import LBFGS

Choose = Callable[[Plan], ModuleType]


class Trainer:
    """Updates of one fit: what is common to all kinds of data.

    Attributes
    ----------
    choose : gives the backend for a plan, or raises the error that there is none.
    batch_size, n_samples : most rows of an update, and of an epoch; None where nobody knows.
    steps : updates of an epoch, likewise.
    cuts_epochs : whether a call ends at the end of an epoch whatever ``max_steps`` says.
    plan, memory : what the backend trains on; others after the optimiser has changed.
    schedule : of the learning rate, None for a number.
    varies : whether that, the weight decay or the rates of dropout differ from update to update.
    sharded : makes the updates where ranks make them together, else None.
    """

    steps: int | None
    n_samples: int | None
    order: np.ndarray
    cuts_epochs = False
    sharded: ShardedStep | None = None
    failed = False  # whether an error has parted this rank from the others

    def __init__(self, trainee: Trainee, choose: Choose, batch_size: int, kept_rows: int):
        self.trainee, self.state, self.choose = trainee, trainee.state, choose
        self.batch_size, self.kept_rows = batch_size, kept_rows
        self.solver: Solver | None = None
        self._take_plan()
        self._read_optimizer()

    def begin(self, epoch: int) -> None:
        """Be told that an epoch begins, which users count from 1; wait for its data."""

    def update(self, run: np.ndarray, sums: np.ndarray) -> None:
        """Make up to ``run.max_steps`` updates."""
        raise NotImplementedError

    def settle(self, run: np.ndarray) -> None:
        """Move ``run`` into the next epoch where only the data's end tells that this one is over."""

    def n_rows(self, batches: int) -> int:
        """Rows of the first batches of the epoch that the last call trained in."""
        raise NotImplementedError

    def kept(self, sums: np.ndarray) -> dict[int, Kept]:
        """What the epoch has kept for metrics that need all predictions."""
        raise NotImplementedError

    def what(self) -> dict[str, object]:
        """What another fit must have in common to go on where this one stands."""
        return {"batch_size": self.batch_size, "n_samples": self.n_samples}

    @property
    def shards(self) -> dict[str, int]:
        """Of how many shards a batch is, where it is cut; other shards are other sums."""
        distribution = self.trainee.distribution
        return {} if distribution is None else {"shards": distribution.shards}

    def mark(self, vectors: dict[str, np.ndarray]) -> dict[str, object]:
        """Where the data go on, and what a solver remembers; matrices over the parameters go into ``vectors``."""
        return {"solver": None if self.solver is None else self.solver.mark(vectors)}

    def go_on(self, marked: dict[str, Stored], vectors: dict[str, np.ndarray], run: np.ndarray, shuffle: bool) -> None:
        """Stand where another trainer was marked; ``run`` stands there already."""
        if self.solver is not None and marked["solver"] is not None:
            self.solver.go_on(marked["solver"], vectors)

    @property
    def is_settled(self) -> bool:
        """Whether it is known if the epoch has another update."""
        return True

    def _order_from(self, run: np.ndarray) -> None:
        """The order of rows of an epoch that has begun; backends draw it as one begins."""
        if run["batch"]:
            fill_order(self.order, int(self.plan.header["seed"]), int(run["epoch"]))

    def heed(self) -> bool:
        """Take over what has been set on the optimiser since the last call; True for another one, which begins anew."""
        optimizer = self._optimizer()
        if optimizer is self.optimizer and vars(optimizer) == self.numbers and self.trainee.frozen() == self.frozen:
            return False
        optimizer.check()
        if optimizer.full_batch != self.optimizer.full_batch:
            raise RuntimeError("within a fit the optimizer cannot become LBFGS or another one than it; compile between")
        another = optimizer is not self.optimizer
        if another:
            self.state.slots = None  # the state of another optimiser
        self.close()
        self._take_plan()
        self._read_optimizer()
        return another

    def _rates(self, run: np.ndarray) -> np.ndarray:
        """Rates of the updates to come, or those of them all, as a course has them."""
        told = int(run["step"]), int(run["max_steps"]) if self.varies else 1
        return rates_of(self.optimizer.learning_rates(*told), self.optimizer.decays(*told), self.state.drops(*told))

    def close(self) -> None:
        """Leave the memory to the next fit."""
        if self.sharded is None:
            self.pool.append(self.memory)
        elif not self.failed:
            self.sharded.close()
            self.pool.append(self.sharded.whole if self.sharded.comm.size == 1 else self.sharded.memory)
        elif self.state.slots is self.sharded.slots.slots:
            self.state.slots = None  # the other slices are out of reach

    # -- what other ranks have a part in ------------------------------------------------------------

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """A block in which the state is whole, for those who look at it."""
        if self.sharded is None or self.failed:
            yield
            return
        self.sharded.close()
        try:
            yield
        finally:
            self.sharded.open()

    def limits(self) -> contextlib.AbstractContextManager[None]:
        """A block in which ranks on one machine share its processors."""
        distribution = self.trainee.distribution
        return contextlib.nullcontext() if distribution is None else distribution.limits()

    def clock(self) -> float:
        """Seconds, on all ranks alike."""
        distribution = self.trainee.distribution
        return time.perf_counter() if distribution is None else distribution.agree(False)[0]

    def agreed(self, stops: bool) -> bool:
        """Whether any rank wants to stop."""
        distribution = self.trainee.distribution
        return stops if distribution is None else distribution.agree(stops)[1]

    def part(self, error: BaseException) -> None:
        """Leave the other ranks because of an error of this one, of which they are told."""
        if self.trainee.distribution is not None:
            self.failed = True
            self.trainee.distribution.fail(error)

    def _optimizer(self) -> Optimizer:
        assert self.state.optimizer is not None
        return self.state.optimizer

    def _take_plan(self) -> None:
        distribution, size = self.trainee.distribution, self.batch_size
        if distribution is None:
            self._plan_for(size)
            if not self.trainee.elsewhere:
                self.memory = take_memory(self.state, self.plan, self.pool, training=True)
            return
        from fastnn._engine.sharded import ShardedStep
        from fastnn._engine.together import MOST_ROWS, passes_together

        shard = -(-size // distribution.shards)  # rows of the largest
        self._plan_for(shard)
        loss = reference.loss if self.trainee.compiled.has_custom_loss else None
        if loss is None and passes_together(self.plan, self.backend):
            self._plan_for(max(shard, min(size, MOST_ROWS)))
        memory = take_memory_of_shards(self.state, self.plan, self.pool)
        self.sharded = ShardedStep(distribution, self.backend, self.plan, self.state, memory, size, loss)
        self.memory = self.sharded.memory

    def _plan_for(self, rows: int) -> None:
        self.plan, self.pool = self.trainee.plans.training(self.trainee, self._optimizer(), rows, self.kept_rows)
        self.trainee.plans.last_batch_size = self.batch_size
        self.backend, self.frozen = self.choose(self.plan), self.trainee.frozen()

    def _read_optimizer(self) -> None:
        self.optimizer = self._optimizer()
        self.numbers = dict(vars(self.optimizer))
        rate = self.optimizer.learning_rate
        self.schedule = rate if isinstance(rate, Schedule) else None
        others = self.optimizer.weight_decay, self.state.dropout_schedule
        self.varies = any(isinstance(one, Schedule) for one in (rate, *others))
        if self.sharded is not None:
            self.train: Callable[..., None] = self.sharded.train
        elif self.optimizer.full_batch:
            from fastnn._engine.lbfgs import Solver

            self.solver = self.solver or Solver(self.backend, cast("LBFGS", self.optimizer))
            self.train = self.solver
        elif self.trainee.compiled.has_custom_loss:
            self.train = partial(steps.train_loop, self.backend, loss=reference.loss)
        else:
            self.train = self.backend.train


class RowsTrainer(Trainer):
    """Updates on rows that are all there, ``batch_size`` of them each."""

    n_samples: int
    steps: int

    def __init__(self, trainee: Trainee, choose: Choose, rows: Rows, batch_size: int):
        self.rows, self.n_samples = rows, len(rows)
        self.order = np.arange(len(rows), dtype=np.int32)
        self.steps = -(-len(rows) // batch_size)
        super().__init__(trainee, choose, batch_size, len(rows))

    def what(self) -> dict[str, object]:
        return {**super().what(), "digest of all rows": self.rows.digest}

    def go_on(self, marked: dict[str, object], vectors: dict[str, np.ndarray], run: np.ndarray, shuffle: bool) -> None:
        super().go_on(marked, vectors, run, shuffle)
        if shuffle:
            self._order_from(run)

    def update(self, run: np.ndarray, sums: np.ndarray) -> None:
        interrupts.check()
        with np.errstate(all="ignore"):  # a loss that is not finite is found and told, not warned of
            self.train(self.plan, self.memory, self.rows, Course(self.order, run, self._rates(run), sums))

    def n_rows(self, batches: int) -> int:
        return min(batches * self.batch_size, self.n_samples)

    def kept(self, sums: np.ndarray) -> dict[int, Kept]:
        return kept_rows(self.plan, sums, self.rows, self.order)
