"""The stochastic solvers: one fit of an estimator's model, with scikit-learn's stopping rules and records.

Design: as long as nothing listens at epochs, the rule on the training loss runs in the backend and many epochs are one
native call; a hook at epochs is added only for what has to be done there (scores, printing, schedules, callbacks).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sklearn.exceptions import ConvergenceWarning

from fastnn._base import users_line
from fastnn._engine.fit import Fit
from fastnn._engine.prepare import check_arguments
from fastnn._engine.stop import Stop
from fastnn._kernels.contract import Rows
from fastnn.callbacks import Callback, Logs
from fastnn.errors import DivergenceError
from fastnn.models import checkpoints

if TYPE_CHECKING:
    import numpy as np

    from fastnn._base.sparse import AnyRows
    from fastnn.callbacks.base import State
    from fastnn.sklearn import tasks
    from fastnn.sklearn.base import BaseMLP

SMALLEST_RATE = 1e-6  # "adaptive" ends the fit below it
NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)


@dataclass
class HeldOut:
    """Rows that are only scored: ``score(outputs)`` and ``loss(outputs)`` know their targets."""

    rows: AnyRows
    score: Callable[[np.ndarray], float]
    loss: Callable[[np.ndarray], float]


class Stochastic:
    """One call of ``fit`` or ``partial_fit``; :meth:`prepare` it, call it, and read the estimator's attributes."""

    def __init__(
        self,
        estimator: BaseMLP,
        data: Rows,
        held_out: HeldOut | None,
        incremental: bool,
        task: tasks.Epochs | None = None,
    ) -> None:
        self.estimator, self.data, self.held_out, self.incremental = estimator, data, held_out, incremental
        self.task = task
        self.converged = False
        self.fit = self._prepare()

    def _prepare(self) -> Fit:
        """Everything that can be wrong is found here, before training."""
        est = self.estimator
        callbacks = list(est.callbacks or ())
        if self._listens():
            callbacks.insert(0, Epochs(self))
        epochs = 1 if self.incremental else est.max_iter
        size = self._batch_size()
        arguments = check_arguments(size, epochs, 0, callbacks, bool(est.shuffle), 0, est.time_limit, est.backend)
        request = None if self.incremental else self._request()
        return est.model_.going_on((self.data, None), arguments, request, checkpoints.find(request), self._stop())

    def _request(self) -> checkpoints.Request | None:
        """The checkpoints that the estimator asks for."""
        est = self.estimator
        request = checkpoints.check_request(est.checkpoint, est.checkpoint_every, est.resume)
        if request and est.random_state is None and self.held_out is not None and est.early_stopping:
            raise ValueError(
                "checkpoint with early_stopping needs a random_state: the same rows must be held out when training "
                "goes on"
            )
        return request

    def _batch_size(self) -> int:
        n, wanted = len(self.data), self.estimator.batch_size
        if wanted == "auto":
            return min(200, n)
        if wanted > n:
            users_line.warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped")
        return min(int(wanted), n)

    def _stop(self) -> Stop | None:
        est = self.estimator
        if est.early_stopping and not self.incremental:
            return None
        patience = -1 if math.isinf(est.n_iter_no_change) else int(est.n_iter_no_change)
        best = math.inf if est.best_loss_ is None else est.best_loss_
        return Stop(patience, float(est.tol), best, est._no_improvement_count, self.stalled)

    def _listens(self) -> bool:
        est = self.estimator
        return bool(est.verbose or self.held_out or self._falls() or self.task is not None)

    def _falls(self) -> bool:
        return bool(self.estimator.solver == "sgd" and self.estimator.learning_rate == "invscaling")

    def __call__(self) -> None:
        """Train; a fit that diverged is a ``ValueError`` unless early stopping has weights to go back to."""
        est = self.estimator
        try:
            self.fit()
        except KeyboardInterrupt:
            users_line.warn("Training interrupted by user.")
            self.converged = True
        except DivergenceError as error:
            self._diverged(error)
        finally:
            self._finish()
        reached = est.n_iter_ == est.max_iter and not est.model_.stop_training
        if reached and not self.incremental and not self.converged:
            users_line.warn(
                f"Stochastic Optimizer: Maximum iterations ({est.max_iter}) reached and the optimization hasn't "
                f"converged yet.",
                ConvergenceWarning,
            )

    def _finish(self) -> None:
        est, losses = self.estimator, self.fit.history.history.get("loss", [])
        self.count(losses[est.n_iter_ :])
        if self.fit.stop is not None:
            est.best_loss_, est._no_improvement_count = self.fit.stop.best, self.fit.stop.wait
        if est.early_stopping:
            est.model_.params[...] = est._best_params
        for callback in self.fit.listeners.callbacks:
            callback.model = None  # a callback is a parameter, and clones copy parameters deeply

    def _diverged(self, error: DivergenceError) -> None:
        est = self.estimator
        self.converged = True
        if not est.early_stopping:
            raise ValueError(NOT_FINITE) from error
        users_line.warn(f"{error} The best weights are restored.", ConvergenceWarning)

    def count(self, losses: list[float]) -> None:
        """Take the losses of epochs into the estimator's records."""
        est = self.estimator
        est.n_iter_ += len(losses)
        est.t_ += len(losses) * len(self.data)
        est.loss_curve_.extend(losses)
        if losses:
            est.loss_ = losses[-1]

    def stalled(self) -> bool:
        """Told that nothing improves any more: True ends the fit; "adaptive" lowers the learning rate first."""
        est, optimizer = self.estimator, self.estimator.model_.optimizer
        what = "Validation score" if est.early_stopping else "Training loss"
        message = f"{what} did not improve more than tol={est.tol:f} for {est.n_iter_no_change} consecutive epochs."
        adapts = est.solver == "sgd" and est.learning_rate == "adaptive"
        if adapts and optimizer.learning_rate > SMALLEST_RATE:
            optimizer.learning_rate /= 5.0
            self._say(f"{message} Setting learning rate to {optimizer.learning_rate:f}")
            return False
        self._say(f"{message} {'Learning rate too small. ' if adapts else ''}Stopping.")
        self.converged = True
        return True

    def _say(self, message: str) -> None:
        if self.estimator.verbose:
            print(message)

    # -- at epochs ------------------------------------------------------------------------------

    def epoch_end(self, logs: Logs) -> None:
        """What has to be done after each epoch."""
        est = self.estimator
        self.count([logs["loss"]])
        self._say(f"Iteration {est.n_iter_}, loss = {est.loss_:.8f}")
        if self.held_out is not None:
            self._score(logs)
        if self._falls():
            est.model_.optimizer.learning_rate = est.learning_rate_init / (est.t_ + 1) ** est.power_t
        if self.task is not None and self.task.epoch_end():
            est.model_.stop_training = True

    def _score(self, logs: Logs) -> None:
        """Loss and score of the held-out rows; with early stopping they decide."""
        est: Any = self.estimator
        held_out = self.held_out
        assert held_out is not None
        logs["val_loss"] = logs["val_score"] = math.nan
        if not self.fit.failed:
            outputs = est.model_.predict(held_out.rows)
            logs["val_loss"], logs["val_score"] = held_out.loss(outputs), held_out.score(outputs)
        est.validation_loss_curve_.append(logs["val_loss"])
        if not est.early_stopping:
            return
        score = logs["val_score"]
        est.validation_scores_.append(score)
        self._say(f"Validation score: {score:f}")
        est._no_improvement_count = est._no_improvement_count + 1 if score < est.best_validation_score_ + est.tol else 0
        if score > est.best_validation_score_:
            est.best_validation_score_ = score
            est._best_params = est.model_.params.copy()
        if est._no_improvement_count > est.n_iter_no_change:
            if self.stalled():
                est.model_.stop_training = True
            else:
                est._no_improvement_count = 0


RECORDS = (
    *("n_iter_", "t_", "loss_", "loss_curve_", "validation_loss_curve_", "validation_scores_"),
    *("best_loss_", "best_validation_score_", "_best_params", "_no_improvement_count"),
)


class Epochs(Callback):
    """Tells a training of each epoch."""

    def __init__(self, training: Stochastic) -> None:
        self.training = training

    def get_state(self) -> State:
        """What the estimator has learned so far beside its model."""
        return {name: getattr(self.training.estimator, name, None) for name in RECORDS}

    def set_state(self, state: State) -> None:
        if state.keys() != set(RECORDS):
            raise ValueError(f"the checkpoint is none of an estimator: it has {', '.join(state) or 'nothing'}")
        for name, value in state.items():
            setattr(self.training.estimator, name, value)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self.training.task is not None:
            self.training.task.epoch_begin()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.training.epoch_end(logs)
