"""The solver "lbfgs": SciPy's L-BFGS-B, as in scikit-learn, on the loss and gradient of a backend.

Design: SciPy comes with scikit-learn and stops where its users know it to; ``fastnn.optimizers.LBFGS``, which as an
object is a solver too, needs no SciPy and has rules of its own.
"""

from __future__ import annotations

import contextlib
import threading
import time
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import scipy.optimize
from sklearn.utils.optimize import _check_optimize_result
from threadpoolctl import ThreadpoolController

from fastnn import _kernels
from fastnn._kernels import contract, reference
from fastnn.callbacks import History
from fastnn.data import Data
from fastnn.evaluation import penalty as penalty_of
from fastnn.model import Sequential
from fastnn.plan_cache import take_arenas
from fastnn.sklearn.training import NOT_FINITE
from fastnn.threads import get_num_threads

_limiting = threading.Lock()


@contextlib.contextmanager
def _blas_alone() -> Iterator[None]:
    """A block in which BLAS has one thread, unless the fit has no more, or another fit is in such a block.

    SciPy's vectors are short work, and BLAS' other threads would wait for more of it on the processors that the
    objective uses. One block at a time: two that overlap would restore each other's limits.
    """
    if get_num_threads() == 1 or not _limiting.acquire(blocking=False):
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

    def __init__(self, model: Sequential, data: Data, backend: str | None):
        self.model, self.data = model, data
        self.plan, self.pool = model.training_plan(len(data))
        self.name, self.backend = _kernels.select(self.plan, backend or model.backend)
        self.arenas = take_arenas(model, self.plan, self.pool, training=True)
        self.penalty_scale = 1.0 / contract.total_weight(self.plan, data.weight, len(data))

    def __call__(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        self.arenas.params[...] = w
        data, sums = self.data, np.zeros(int(self.plan.header["n_sums"]))
        self.backend.gradient(self.plan, self.arenas, data.x, data.target, data.weight, sums)
        gradient = self.arenas.grads.astype(np.float64)
        # SciPy's line search needs the loss whose gradient this is; scikit-learn's may differ by a factor.
        reduction = self.model.reduction
        loss = sums[0] / len(data) * (reduction.scale / reduction.reported)
        return loss + reference.penalize(self.plan, w, gradient, self.penalty_scale), gradient

    def reported(self, w: np.ndarray, loss: float) -> float:
        """``loss_`` of a loss: as scikit-learn counts outputs."""
        reduction, penalty = self.model.reduction, self.penalty_scale * penalty_of(self.plan, w)
        return (loss - penalty) * (reduction.reported / reduction.scale) + penalty


class Solver:
    """One call of ``fit``."""

    def __init__(self, estimator: Any, data: Data, task: Any = None):
        self.estimator, self.task = estimator, task
        self.objective = Objective(estimator.model_, data, estimator.backend)
        self.history = History()
        self.iteration = 0
        self.stopped = False

    def __call__(self) -> None:
        est, model = self.estimator, self.estimator.model_
        self.accepted = model.params.astype(np.float64)
        self.deadline = None if est.time_limit is None else time.monotonic() + est.time_limit
        model.stop_training = False
        self._begin()
        try:
            with np.errstate(all="ignore"), _blas_alone():
                result = self._minimize()
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=5)
            self.stopped = True
        finally:
            model.params[...] = self.accepted
            model.epoch, model.backend_ = model.epoch + self.iteration, self.objective.name
            self.objective.pool.append(self.objective.arenas)
            self._end()
        if self.stopped:
            est.n_iter_ = self.iteration
        else:
            model.params[...] = result.x
            est.n_iter_ = _check_optimize_result("lbfgs", result, est.max_iter)
            est.loss_ = self.objective.reported(result.x, result.fun)
        if not np.isfinite(model.params).all():
            raise ValueError(NOT_FINITE)

    def _minimize(self) -> Any:
        est = self.estimator
        options = {"maxfun": est.max_fun, "maxiter": est.max_iter, "gtol": est.tol}
        return scipy.optimize.minimize(
            self.objective, self.accepted, jac=True, method="L-BFGS-B", options=options, callback=self._iterated
        )

    def _begin(self) -> None:
        n = len(self.objective.data)
        counts = {"initial_epoch": 0, "steps": 1, "n_samples": n, "batch_size": n}
        self.history.params = {"epochs": self.estimator.max_iter, **counts}
        self.estimator.model_.history = self.history
        for callback in self.estimator.callbacks or ():
            callback.model, callback.params = self.estimator.model_, self.history.params
        self._tell("on_train_begin")
        self._epoch_begin()

    def _epoch_begin(self) -> None:
        if self.task is not None:
            self.task.epoch_begin()
        self._tell("on_epoch_begin", self.iteration)

    def _iterated(self, intermediate_result: Any) -> None:
        """Between iterations: what listens is told, and may stop the fit."""
        est = self.estimator
        self.accepted = intermediate_result.x.copy()
        est.model_.params[...] = self.accepted
        est.loss_ = self.objective.reported(self.accepted, intermediate_result.fun)
        self.iteration += 1
        if est.verbose:
            print(f"Iteration {self.iteration}, loss = {est.loss_:.8f}")
        logs = {"loss": est.loss_}
        self._tell("on_epoch_end", self.iteration - 1, logs)
        self.history.extend(range(self.iteration - 1, self.iteration), {name: [value] for name, value in logs.items()})
        self._tell("on_progress", self.iteration, logs)
        ends = self.task is not None and self.task.epoch_end()
        late = self.deadline is not None and time.monotonic() >= self.deadline
        if ends or late or est.model_.stop_training:
            self.stopped = True
            raise StopIteration
        if self.iteration < est.max_iter:
            self._epoch_begin()

    def _end(self) -> None:
        if self.task is not None:
            self.task.close()
        self._tell("on_train_end")
        for callback in self.estimator.callbacks or ():
            callback.model = None

    def _tell(self, hook: str, *arguments: Any) -> None:
        for callback in self.estimator.callbacks or ():
            getattr(callback, hook)(*arguments)
