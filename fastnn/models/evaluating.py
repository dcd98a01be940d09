"""Evaluation: how a user's data are taken apart, and the losses and metrics on them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from fastnn import _kernels
from fastnn._base.keywords import refuse_for
from fastnn._base.timeseries import Windows, parted
from fastnn._base.types import DataLike, Scores, Verbose
from fastnn._engine import inference
from fastnn._engine.convert import MAX_SAMPLES
from fastnn._engine.data import Given, check_given, make_rows
from fastnn._engine.listeners import SILENT, Listeners
from fastnn._engine.pace import BATCH_SIZE, check_verbose, checked_steps
from fastnn.callbacks import Logs
from fastnn.callbacks import check as check_callbacks
from fastnn.callbacks.base import CallbacksLike
from fastnn.models import batches
from fastnn.models.predicting import Predicting

if TYPE_CHECKING:
    from fastnn._engine.streams import Stream
    from fastnn._kernels.contract import Rows


class Evaluating(Predicting):
    """A network that is compared with known targets; :class:`fastnn.Model` is."""

    def given(
        self, x: object, y: object, sample_weight: object = None, class_weight: object = None, prefix: str = ""
    ) -> Given:
        """A user's data, taken apart."""
        ins, outs = self.ends
        kept = [i for i, loss in enumerate(self._losses) if loss is not None] or range(len(outs.names))
        targets = outs.split(f"{prefix}y", y, optional=len(kept) < len(outs.names))
        weights = self._weights(f"{prefix}sample_weight", sample_weight)
        return Given(
            ins.split(f"{prefix}x", x),
            [targets[i] for i in kept],
            [weights[i] for i in kept],
            [ins.label("x", i) for i in range(len(ins.names))],
            [outs.label("y", i) for i in kept],
            class_weight,
        )

    def _weights(self, argument: str, came: object) -> list[object]:
        """Weights of rows for each output; one array is for all of them."""
        outs = self.ends[1]
        several = isinstance(came, Mapping) or (isinstance(came, list | tuple) and np.ndim(came[0]) > 0)
        return outs.split(argument, came, optional=True) if several or came is None else [came] * len(outs.names)

    def validation(self, came: object) -> Given:
        """What a user gave as ``validation_data``, taken apart."""
        came = (came.x, came.y) if isinstance(came, Windows) else came
        if not isinstance(came, tuple | list) or len(came) not in (2, 3):
            raise ValueError("validation_data must be (x, y) or (x, y, sample_weight)")
        x, y, weight = (*came, None)[:3]
        return self.given(x, y, weight, prefix="validation ")

    @contextlib.contextmanager
    def built_for(self, x: object) -> Iterator[None]:
        """A block in which the model is built, by the rows of ``x`` if need be; an error inside takes that back."""
        yield

    def evaluate(
        self,
        x: DataLike,
        y: DataLike = None,
        batch_size: int | None = None,
        verbose: Verbose = 0,
        sample_weight: DataLike = None,
        return_dict: bool = False,
        backend: str | None = None,
        callbacks: CallbacksLike = None,
        steps: int | None = None,
        **unknown: object,
    ) -> Scores:
        """Losses and metrics on data: the loss, a list as ``metrics_names``, or with ``return_dict`` a dict.

        ``x`` may be batches as in :meth:`fit`. Only the first ``steps`` batches count, where they are given.

        ``callbacks`` hear ``on_test_begin``, ``on_test_end`` and, of ``batch_size`` rows each (None for 32),
        ``on_test_batch_begin`` and ``on_test_batch_end``. ``verbose`` is taken for Keras' sake.

        Parameters
        ----------
        x, y, sample_weight : as of :meth:`fit`.
        batch_size : rows that ``callbacks`` hear of at once; None for 32. No value depends on it.
        verbose : ``"auto"``, 0, 1 or 2, for Keras' sake: nothing is printed.
        return_dict : whether a dict by ``metrics_names`` comes, else a list, or the loss alone where there are no
            metrics.
        backend : name of a backend for this call; None for the model's.
        callbacks : a callback or a list of them, or None.
        steps : batches that count at most; None for all.
        **unknown : none; each is a ``TypeError`` that says what stands in its place.
        """
        if unknown:
            refuse_for(Evaluating.evaluate, unknown)
        check_verbose(verbose)
        x, y = parted(x, y)
        batch_size, listeners = checked_steps("batch_size", batch_size), Listeners(check_callbacks(callbacks))
        steps = checked_steps("steps", steps)
        if batches.come("evaluate", x, {"y": y, "sample_weight": sample_weight, "batch_size": batch_size}):
            with batches.for_evaluate(self, x, steps) as stream:
                stream.begin()
                with self.built_for(batches.first_inputs(self, stream)):
                    listeners.introduce(self, {"epochs": 1, "steps": steps or stream.source.expected()})
                    logs = self.evaluate_rows(stream, backend, listeners)
        else:
            check_given(x, y)
            with self.built_for(x):
                rows = make_rows(self.compiled, self.given(x, y, sample_weight))
                n, size = self._cut(len(rows), batch_size, steps)
                listeners.introduce(self, {"epochs": 1, "steps": -(-n // size)})
                logs = self.evaluate_rows(rows.part(slice(n)), backend, listeners, size)
        return logs if return_dict else self._in_order(logs)

    def evaluate_rows(
        self,
        rows: Rows | Stream,
        backend: str | None = None,
        listeners: Listeners = SILENT,
        batch_size: int = BATCH_SIZE,
    ) -> Logs:
        """:meth:`evaluate` on rows that are checked, or on a stream of them."""
        trainee = self.trainee
        plan = self._plans.evaluation(trainee)[0]
        self.backend_, module = _kernels.select(plan, backend or self.backend)
        return inference.evaluate(trainee, rows, batch_size, module, listeners)

    def _in_order(self, logs: Logs) -> float | list[float]:
        """Values as a list in the order of ``metrics_names``, or the only one."""
        if len(self.ends[1].names) > 1:
            logs = {name: logs[name] for name in self.metrics_names if name in logs}
        values = list(logs.values())
        return values if len(values) > 1 else values[0]

    def test_on_batch(
        self, x: DataLike, y: DataLike, sample_weight: DataLike = None, return_dict: bool = False
    ) -> Scores:
        """:meth:`evaluate` under the name Keras gives it for one batch.

        Parameters
        ----------
        x, y, sample_weight, return_dict : as of :meth:`evaluate`.
        """
        return self.evaluate(x, y, MAX_SAMPLES, sample_weight=sample_weight, return_dict=return_dict)
