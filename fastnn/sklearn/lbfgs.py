"""The solver "lbfgs": SciPy's L-BFGS-B, as in scikit-learn, on the loss and gradient of a backend.

Design: SciPy comes with scikit-learn and stops where its users know it to; ``fastnn.optimizers.LBFGS``, which as an
object is a solver too, needs no SciPy and has rules of its own.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import scipy.optimize
from sklearn.utils.optimize import _check_optimize_result
from threadpoolctl import ThreadpoolController

from fastnn import _kernels
from fastnn._base import interrupts, users_line
from fastnn._engine.entries import NAN
from fastnn._engine.listeners import Errors, Listeners
from fastnn._engine.plans import take_memory
from fastnn._kernels import steps
from fastnn._kernels.contract import Rows
from fastnn.callbacks import History, Logs
from fastnn.models.sequential import Sequential
from fastnn.regularizers import penalize, penalty
from fastnn.sklearn.training import NOT_FINITE

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

    from fastnn.sklearn.base import BaseMLP
    from fastnn.sklearn.tasks import Epochs

_limiting = threading.Lock()


@contextlib.contextmanager
def _blas_alone() -> Iterator[None]:
    """A block in which BLAS has one thread, unless another fit is in such a block.

    SciPy's vectors are short work, and BLAS' other threads would wait for more of it on the processors that the
    objective, or another fit, uses. One block at a time: two that overlap would restore each other's limits.
    """
    if not _limiting.acquire(blocking=False):
        yield
        return
    try:
        with _blas().limit(limits=1, user_api="blas"):
            yield
    finally:
        _limiting.release()


@cache
def _blas() -> ThreadpoolController:
    """What limits the threads of the process's BLAS libraries; to find them takes milliseconds."""
    return ThreadpoolController()


class Objective:
    """Loss (penalty included) of all rows and its gradient, of the model's flat parameters in float64."""

    def __init__(self, model: Sequential, data: Rows, backend: str | None):
        self.model, self.data = model, data
        self.plan, self.pool = model.training_plan(len(data))
        self.name, self.backend = _kernels.select(self.plan, backend or model.backend)
        self.memory = take_memory(model.state, self.plan, self.pool, training=True)
        self.penalty_scale = 1.0 / steps.total_weight(self.plan, data.weights[0], len(data))

    def __call__(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        interrupts.check()
        self.memory.params[...] = w
        data, sums = self.data, np.zeros(int(self.plan.header["n_sums"]))
        self.backend.gradient(self.plan, self.memory, data, sums)
        gradient = self.memory.grads.astype(np.float64)
        # SciPy's line search needs the loss whose gradient this is; scikit-learn's may differ by a factor.
        reduction = self.model.reduction
        loss = sums[0] / len(data) * (reduction.scale / reduction.reported)
        return loss + penalize(self.plan.segments, w, gradient, self.penalty_scale), gradient

    def reported(self, w: np.ndarray, loss: float) -> float:
        """``loss_`` of a loss: as scikit-learn counts outputs."""
        reduction, cost = self.model.reduction, self.penalty_scale * penalty(self.plan.segments, w)
        return (loss - cost) * (reduction.reported / reduction.scale) + cost


class Solver:
    """One call of ``fit``."""

    def __init__(self, estimator: BaseMLP, data: Rows, task: Epochs | None = None):
        if estimator.checkpoint is not None:
            raise ValueError(
                "the solver 'lbfgs' is SciPy's, which cannot go on from a checkpoint; fastnn.optimizers.LBFGS() as the "
                "solver can"
            )
        self.estimator, self.task = estimator, task
        self.objective = Objective(estimator.model_, data, estimator.backend)
        self.listeners = Listeners(estimator.callbacks or ())
        self.history = History()
        self.logs: Logs = {}
        self.iteration = 0
        self.stopped = self.began = False

    def __call__(self) -> None:
        """Train; Ctrl-C ends it with the weights of the last iteration."""
        errors, result = Errors(), None
        self.accepted = self.estimator.model_.params.astype(np.float64)
        try:
            with errors:
                self._begin()
                with np.errstate(all="ignore"), _blas_alone():
                    result = None if self.stopped else self._minimize()
        finally:
            self._end(errors, result)
        if isinstance(errors.first, KeyboardInterrupt):
            users_line.warn("Training interrupted by user.")
            return
        errors.raise_first()

    def _end(self, errors: Errors, result: OptimizeResult | None) -> None:
        """The weights that stay, the iteration that did not end, and the word that all is over."""
        est, model = self.estimator, self.estimator.model_
        self.history.failed = errors.first is not None
        with errors:
            self._settle(result)
        model.epoch, model.backend_ = model.epoch + self.iteration, self.objective.name
        self.objective.pool.append(self.objective.memory)
        with errors:
            if self.began and self.history.failed:
                self._enter({"loss": NAN})
        with errors:
            if self.task is not None:
                self.task.close()
        with errors:
            self.listeners.tell("on_train_end", self.logs)
        for callback in est.callbacks or ():
            callback.model = None  # a callback is a parameter, and clones copy parameters deeply

    def _settle(self, result: OptimizeResult | None) -> None:
        """Weights and records of the estimator; those of the last iteration where the fit was stopped."""
        est, params = self.estimator, self.estimator.model_.params
        params[...] = self.accepted
        est.n_iter_ = self.iteration
        if result is None or self.stopped:
            return
        if not np.isfinite(result.x).all():
            raise ValueError(NOT_FINITE)
        params[...] = result.x
        est.n_iter_ = _check_optimize_result("lbfgs", result, est.max_iter)
        est.loss_ = self.objective.reported(result.x, result.fun)

    def _minimize(self) -> OptimizeResult:
        est = self.estimator
        options = {"maxfun": est.max_fun, "maxiter": est.max_iter, "gtol": est.tol}
        return scipy.optimize.minimize(
            self.objective, self.accepted, jac=True, method="L-BFGS-B", options=options, callback=self._iterated
        )

    def _begin(self) -> None:
        est, n = self.estimator, len(self.objective.data)
        self.deadline = None if est.time_limit is None else time.monotonic() + est.time_limit
        counts = {"initial_epoch": 0, "steps": 1, "n_samples": n, "batch_size": n, "verbose": int(est.verbose)}
        self.history.params = {"epochs": est.max_iter, **counts}
        est.model_.history, est.model_.stop_training = self.history, False
        self.listeners.introduce(est.model_, self.history.params)
        self.listeners.tell("on_train_begin", {})
        self._epoch_begin()
        self.stopped = est.model_.stop_training

    def _epoch_begin(self) -> None:
        if self.task is not None:
            self.task.epoch_begin()
        self.listeners.tell("on_epoch_begin", self.iteration, {})
        self.began = True

    def _iterated(self, intermediate_result: OptimizeResult) -> None:
        """Between iterations: what listens is told, and may stop the fit."""
        est = self.estimator
        self.accepted = intermediate_result.x.copy()
        est.model_.params[...] = self.accepted
        est.loss_ = self.objective.reported(self.accepted, intermediate_result.fun)
        if est.verbose:
            print(f"Iteration {self.iteration + 1}, loss = {est.loss_:.8f}")
        self._enter({"loss": est.loss_})
        self.listeners.tell("on_progress", self.iteration, self.logs)
        self._check_weights()
        ends = self.task is not None and self.task.epoch_end()
        late = self.deadline is not None and time.monotonic() >= self.deadline
        if not (ends or late or est.model_.stop_training) and self.iteration < est.max_iter:
            self._epoch_begin()
        if ends or late or est.model_.stop_training:
            self.stopped = True
            raise StopIteration

    def _enter(self, logs: Logs) -> None:
        """Tell of an iteration and put it into the history."""
        number, self.logs, self.began = self.iteration, logs, False
        self.iteration += 1
        try:
            self.listeners.tell("on_epoch_end", number, logs)
        finally:
            self.history.extend(range(number, number + 1), {name: [value] for name, value in logs.items()})

    def _check_weights(self) -> None:
        """Raise when a callback has set weights, from which SciPy would not go on."""
        model = self.estimator.model_
        if not np.array_equal(model.params, self.accepted.astype(model.dtype), equal_nan=True):
            raise RuntimeError(
                "the solver 'lbfgs' cannot go on from weights that a callback sets; set stop_training and warm-start"
            )
