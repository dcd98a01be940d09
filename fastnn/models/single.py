"""``train_on_batch`` on arrays: from them to the update, by what was kept of the call before."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, cast

import numpy as np

from fastnn import _kernels
from fastnn._base import job
from fastnn._engine import exclusive
from fastnn._engine.data import are_plain, make_rows, plain_rows, weighted
from fastnn._engine.one_batch import OneBatch, takes
from fastnn._kernels.contract import Rows
from fastnn._plan.plan import Plan
from fastnn.callbacks import History

if TYPE_CHECKING:
    from fastnn.models.fitting import Fitting
    from fastnn.models.model import Model

MOST = 4  # sizes of batches that are kept


class Single:
    """What single updates of one model have in common, as long as it has its plans.

    Attributes
    ----------
    form : dtype and shape of inputs, and of targets, that need nothing but a look at their numbers; None for none yet.
    by_size : what makes the updates on batches of so many rows.
    """

    def __init__(self) -> None:
        self.form: tuple[object, ...] | None = None
        self.by_size: dict[int, OneBatch] = {}

    def __call__(self, model: Fitting, x: object, y: object, weight: object, class_weight: object) -> History | None:
        """One update on all rows; None, and the model as it was, where :meth:`fastnn.Model.fit` is to be asked."""
        if not (type(x) is type(y) is np.ndarray and model.built and model.has_loss) or job.current():
            return None
        compiled, trainee = model.compiled, model.trainee
        if not takes(compiled, trainee):
            return None
        exclusive.enter(model.store)
        try:
            rows = self._rows(model, x, y, weight, class_weight)
            made = self._updated(model, rows)
        finally:
            exclusive.leave(model.store)
        if made is not None:
            made.set_model(cast("Model", model))  # as all of them are
            model.history = made
        return made

    def _rows(self, model: Fitting, x: np.ndarray, y: np.ndarray, weight: object, class_weight: object) -> Rows:
        compiled = model.compiled
        plain = weight is None and class_weight is None
        if plain and self.form == _form(x, y) and len(x):
            return plain_rows(compiled, x, y)
        rows = weighted(compiled, make_rows(compiled, model.given(x, y, weight)), class_weight)
        if plain and x.flags.c_contiguous and are_plain(compiled, x, rows):
            self.form = _form(x, y)
        return rows

    def _updated(self, model: Fitting, rows: Rows) -> History | None:
        found = self.by_size.get(len(rows))
        if found is None or not found.fits:
            model.compiled_optimizer.check()

            def choose(plan: Plan) -> ModuleType:
                model.backend_, module = _kernels.select(plan, model.backend)
                return module

            if len(self.by_size) == MOST:
                self.by_size.clear()
            found = self.by_size[len(rows)] = OneBatch(model.trainee, choose, rows)
        return found(rows)


def _form(x: np.ndarray, y: np.ndarray) -> tuple[object, ...]:
    return x.dtype, x.ndim, x.shape[1:], x.flags.c_contiguous, y.dtype, y.ndim, y.shape[1:]
