"""Loggers for other programs: TensorBoard's event files and MLflow's runs. Both packages are imported when used.

Design: events are written through ``EventFileWriter`` and its protocol buffers, the layer that other libraries have
written through for years; ``tensorboard.summary.Writer`` (rejected) calls itself experimental. MLflow is spoken to
through a client of the logger's own, without the process-wide active run, which a fit that fails would leave behind
for the next one.
"""

from __future__ import annotations

import os
import sys
import time
import weakref
from types import ModuleType
from typing import Any

from fastnn._base.types import StrPath
from fastnn.callbacks.base import Callback, Logs


class TensorBoardLogger(Callback):
    """Write the logs of each epoch for TensorBoard, which needs the extra ``tensorboard``.

    As in Keras there are two runs, ``train`` and ``validation``, under ``log_dir``, with the values ``epoch_loss``,
    ``epoch_accuracy``, ..., so that both curves share a chart. Each epoch is on the disk when the next begins. See them
    with ``tensorboard --logdir LOG_DIR``; give every fit a folder of its own.

    Parameters
    ----------
    log_dir : folder, made when missing.

    >>> import os
    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.callbacks import TensorBoardLogger
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(1, input_shape=(1,))], seed=1)
    >>> model.compile("sgd", "mse")
    >>> x = np.ones((4, 1))
    >>> history = model.fit(x, x, epochs=2, validation_data=(x, x), callbacks=[TensorBoardLogger("runs/first")])
    >>> sorted(os.listdir("runs/first"))
    ['train', 'validation']
    """

    writes = True

    def __init__(self, log_dir: StrPath = "logs"):
        self.log_dir = os.fsdecode(log_dir)
        self.writers: dict[str, Any] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        _tensorboard()
        self._close()  # of a fit that ended in an error

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        for run in ("train", "validation"):
            named = {k: v for k, v in (logs or {}).items() if k.startswith("val_") == (run == "validation")}
            self._scalars(run, epoch, {f"epoch_{name.removeprefix('val_')}": value for name, value in named.items()})

    def _scalars(self, run: str, step: int, values: Logs) -> None:
        self._write(run, step, [{"tag": tag, "simple_value": float(value)} for tag, value in values.items()])

    def _write(self, run: str, step: int, values: list[dict[str, object]]) -> None:
        """Have values of one step on the disk."""
        if not values:
            return
        event, summary, new_writer = _tensorboard()
        if run not in self.writers:
            self.writers[run] = new_writer(os.path.join(self.log_dir, run))
        made = summary(value=[summary.Value(**value) for value in values])
        self.writers[run].add_event(event(wall_time=time.time(), step=step, summary=made))
        self.writers[run].flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._close()

    def _close(self) -> None:
        for writer in self.writers.values():
            writer.close()
        self.writers = {}


def _tensorboard() -> tuple[Any, Any, Any]:
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError as error:
        raise ImportError(
            f"TensorBoardLogger needs tensorboard ({error}); install the extra fastnn-native[tensorboard]"
        ) from None
    return Event, Summary, EventFileWriter


class MLflowLogger(Callback):
    """Log a fit as an MLflow run, which needs the extra ``mlflow``.

    Inside ``with mlflow.start_run():`` and without arguments it logs to that run. Else it makes a run of its own, which
    is FINISHED at the end of training, and FAILED when the fit ended in an error.
    Parameters of the run are those of the fit, the optimiser and the model; metrics are the logs, with the epoch
    (from 0) as their step. Where nothing has imported MLflow before, its own telemetry is switched off, unless the
    environment sets ``MLFLOW_DISABLE_TELEMETRY``.

    Parameters
    ----------
    experiment : its name, made when missing; None for ``MLFLOW_EXPERIMENT_NAME``, else MLflow's ``"Default"``.
    run_name : None lets MLflow make one up.
    tracking_uri : where runs are kept; None for what MLflow is set to.

    Attributes
    ----------
    run_id : of the last run.
    """

    writes = True

    def __init__(self, experiment: str | None = None, run_name: str | None = None, tracking_uri: str | None = None):
        self.experiment, self.run_name = experiment, run_name
        self.tracking_uri = None if tracking_uri is None else os.fspath(tracking_uri)
        self.run_id: str | None = None
        self._client: Any = None
        self._unfinished: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        mlflow = _mlflow()
        if self._unfinished:
            self._unfinished()  # of a fit that ended in an error
        given = (self.experiment, self.run_name, self.tracking_uri)
        active = mlflow.active_run() if given == (None, None, None) else None
        self._client = mlflow.MlflowClient(self.tracking_uri)
        run = active or self._client.create_run(self._experiment_id(), run_name=self.run_name)
        self.run_id = run.info.run_id
        self._unfinished = (
            None if active else weakref.finalize(self, self._client.set_terminated, self.run_id, "FAILED")
        )
        known = self._client.get_run(self.run_id).data.params  # a run takes each parameter once
        new = [mlflow.entities.Param(k, str(v)) for k, v in self._described().items() if k not in known]
        self._client.log_batch(self.run_id, params=new)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        metric, now = _mlflow().entities.Metric, int(time.time() * 1000)
        values = [metric(name, float(value), now, epoch) for name, value in (logs or {}).items()]
        self._client.log_batch(self.run_id, metrics=values)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._unfinished:
            self._unfinished.detach()
            self._client.set_terminated(self.run_id, "FAILED" if self.model.history.failed else "FINISHED")
        self._client = self._unfinished = None

    def _experiment_id(self) -> str:
        name = self.experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME", "Default")
        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                made: str = self._client.create_experiment(name)
                return made
            except _mlflow().MlflowException:  # another fit may have made it meanwhile
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        key: str = found.experiment_id
        return key

    def _described(self) -> dict[str, object]:
        model = self.model
        optimizer = {f"optimizer.{k}": v for k, v in model.optimizer.config().items() if v is not None}
        return {
            **self.params,
            **optimizer,
            "loss": ", ".join(loss.name for loss in model.losses if loss is not None),
            "layers": ", ".join(map(repr, model.layers))[:500],
            "n_params": model.count_params(),
            "seed": model.seed,
            "dtype": model.dtype.name,
            "backend": model.backend_,
        }


def _mlflow() -> ModuleType:
    if "mlflow" not in sys.modules:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        import mlflow
    except ImportError as error:
        raise ImportError(f"MLflowLogger needs mlflow ({error}); install the extra fastnn-native[mlflow]") from None
    return mlflow
