"""``TensorBoard`` under Keras' name and with Keras' arguments, on top of the logger of that name."""

from __future__ import annotations

import time

import numpy as np

from fastnn._base.arguments import integer
from fastnn._base.types import StrPath
from fastnn.callbacks.base import Logs
from fastnn.callbacks.loggers import TensorBoardLogger

BINS = 30  # of a histogram, as TensorBoard draws


class TensorBoard(TensorBoardLogger):
    """Write a fit for TensorBoard, which needs the extra ``tensorboard``; see :class:`TensorBoardLogger` for the runs.

    Parameters
    ----------
    log_dir : folder, made when missing.
    histogram_freq : after every so many epochs a histogram of each weight, ``0.kernel/histogram`` ...; 0 for none.
    write_graph : taken for Keras' sake and without effect: there is no TensorFlow graph (``print(model.plan)`` shows
        what runs).
    write_images : only False: weights are no pictures here.
    write_steps_per_second : also ``epoch_steps_per_second``, and ``batch_steps_per_second`` with a number for
        ``update_freq``.
    update_freq : ``"epoch"``; or after how many updates ``batch_loss`` and the metrics of the epoch so far are written,
        ``"batch"`` for each. That makes each update a native call of its own.
    profile_batch, embeddings_freq, embeddings_metadata : only 0 and None: there is no profile and no embedding.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.callbacks import TensorBoard
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(1, input_shape=(1,))], seed=1)
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=2, callbacks=[TensorBoard("runs", histogram_freq=1)])
    """

    def __init__(
        self,
        log_dir: StrPath = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: object = "epoch",
        profile_batch: object = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: object = None,
    ) -> None:
        super().__init__(log_dir)
        refused = {
            "write_images": (write_images, False),
            "profile_batch": (profile_batch, 0),
            "embeddings_freq": (embeddings_freq, 0),
            "embeddings_metadata": (embeddings_metadata, None),
        }
        for name, (came, only) in refused.items():
            if came not in (only, None):
                raise ValueError(f"{name} must be {only}, got {came!r}: there is nothing to write for it; leave it out")
        self.histogram_freq = integer("histogram_freq", histogram_freq, low=0)
        self.write_graph, self.write_images = write_graph, write_images
        self.write_steps_per_second, self.update_freq = write_steps_per_second, update_freq
        self.profile_batch, self.embeddings_freq, self.embeddings_metadata = profile_batch, embeddings_freq, None
        self.updates = self.updates_before = 0
        self.began = self.told = 0.0
        self.step = 0  # of the model, as the epoch began
        if update_freq != "epoch":
            self.every = 1 if update_freq == "batch" else integer("update_freq", update_freq, low=1)
            vars(self)["on_train_batch_end"] = self._after_batch  # a hook in the class would make all users pay

    remembers = ("updates",)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.began, self.step = time.perf_counter(), self.model.step

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        if self.write_steps_per_second:
            seconds = time.perf_counter() - self.began
            updates = self.model.step - self.step
            self._scalars("train", epoch, {"epoch_steps_per_second": updates / seconds})
        if self.histogram_freq and (epoch + 1) % self.histogram_freq == 0:
            named = zip(self.model.weight_names(), self.model.get_weights(), strict=True)
            self._write("train", epoch, [_histogram(name, weights) for name, weights in named])

    def _after_batch(self, batch: int, logs: Logs | None = None) -> None:
        self.updates += 1
        if self.updates % self.every:
            return
        values = {f"batch_{name}": value for name, value in (logs or {}).items()}
        now = time.perf_counter()
        if self.write_steps_per_second:
            values["batch_steps_per_second"] = (self.updates - self.updates_before) / (now - (self.told or self.began))
        self.told, self.updates_before = now, self.updates
        self._scalars("train", self.updates, values)


def _histogram(name: str, weights: np.ndarray) -> dict[str, object]:
    """A summary's value of how weights are spread; what is not finite is left out."""
    from tensorboard.compat.proto.histogram_pb2 import HistogramProto

    values = weights[np.isfinite(weights)].astype(np.float64)
    counts, edges = np.histogram(values, BINS)
    lowest, highest = (values.min(), values.max()) if len(values) else (0.0, 0.0)
    made = HistogramProto(
        min=lowest,
        max=highest,
        num=len(values),
        sum=values.sum(),
        sum_squares=(values**2).sum(),
        bucket_limit=edges[1:].tolist(),
        bucket=counts.tolist(),
    )
    return {"tag": f"{name}/histogram", "histo": made}
