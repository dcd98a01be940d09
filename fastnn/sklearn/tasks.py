"""scikit-learn's own callbacks (``sklearn.callback``): the tasks of a fit as they are told of them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from fastnn._base.types import DataLike

if TYPE_CHECKING:
    from sklearn.callback import CallbackContext

    from fastnn.sklearn.base import BaseMLP


class Epochs:
    """The epochs (or iterations) of one fit as subtasks of its context."""

    def __init__(self, estimator: BaseMLP, context: CallbackContext, X: DataLike, y: DataLike, sample_weight: DataLike):
        self.estimator, self.context = estimator, context
        self.told = {"X": X, "y": y, "metadata": {"sample_weight": sample_weight}}
        self.current: Any = None

    def epoch_begin(self) -> None:
        """Before an epoch."""
        self.current = self.context.subcontext(task_name="epoch")
        self.current.call_on_fit_task_begin(
            estimator=self.estimator, **self.told, reconstruction_attributes=self._fitted
        )

    def epoch_end(self) -> bool:
        """After an epoch; True when a callback wants the fit to end."""
        task, self.current = self.current, None
        return bool(
            task.call_on_fit_task_end(estimator=self.estimator, **self.told, reconstruction_attributes=self._fitted)
        )

    def close(self) -> None:
        """End an epoch that was begun and never ran."""
        if self.current is not None:
            self.current.call_on_fit_task_end(estimator=self.estimator)
            self.current = None

    def _fitted(self) -> dict[str, object]:
        """What makes a copy of the estimator predict as if the fit had stopped here."""
        model = copy.copy(self.estimator.model_)
        model.__setstate__(model.__getstate__())  # parameters of its own
        return self.estimator._of_model(model)
