"""Callbacks that write files: models and tables of the logs."""

from __future__ import annotations

import os
from io import StringIO, TextIOWrapper
from string import Formatter
from typing import BinaryIO

from fastnn._base.arguments import integer, number
from fastnn._base.tensor_file import check_name
from fastnn._base.types import StrPath
from fastnn._base.writing import append
from fastnn.callbacks.base import Callback, Logs, State
from fastnn.callbacks.monitor import Mode, Monitor
from fastnn.callbacks.progress import say


class ModelCheckpoint(Monitor):
    """Save the model after epochs; :func:`fastnn.load` reads it, and training goes on from there.

    A file that is there is replaced as a whole or stays as it was.

    Parameters
    ----------
    filepath : may hold ``{epoch}`` (from 1) and the logs' names, as in ``"m-{epoch:02d}-{val_loss:.3f}.safetensors"``;
        with a number for ``save_freq`` also ``{batch}`` (from 1). Folders that are missing are made.
    monitor, mode, verbose : as in :class:`fastnn.callbacks.EarlyStopping`; for ``save_best_only``.
    save_best_only : only when the monitored value improved. What counts is kept from one fit to the next.
    save_weights_only : write the weights alone, for :meth:`fastnn.Sequential.load_weights`; the other way a file holds
        layers, weights and the optimiser's state.
    save_freq : ``"epoch"``, or a number of updates; that makes each update a native call of its own, and the values
        are those of the epoch so far.
    initial_value_threshold : with ``save_best_only``, what the first saved value must be better than.

    >>> import numpy as np
    >>> import fastnn
    >>> from fastnn.callbacks import ModelCheckpoint
    >>> model = fastnn.Sequential([fastnn.layers.Dense(1, input_shape=(1,))], seed=1)
    >>> model.compile("sgd", "mse")
    >>> keep = ModelCheckpoint("best.safetensors", monitor="loss", save_best_only=True)
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=3, callbacks=[keep])
    >>> fastnn.load("best.safetensors").epoch
    3
    """

    writes = True

    _INNER = "min_delta"
    remembers = ("best", "epoch", "updates")

    def __init__(
        self,
        filepath: StrPath,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: Mode = "auto",
        save_freq: int | str = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        if initial_value_threshold is not None:
            if not save_best_only:
                raise ValueError("initial_value_threshold needs save_best_only=True; every model is saved without it")
            self.best = number("initial_value_threshold", initial_value_threshold)
        self.filepath, self.verbose, self.save_best_only = _pattern(check_name(filepath)), verbose, save_best_only
        self.save_weights_only, self.initial_value_threshold = bool(save_weights_only), initial_value_threshold
        self.save_freq = save_freq if save_freq == "epoch" else integer("save_freq", save_freq, low=1)
        self.epoch = self.updates = 0
        if save_freq != "epoch":
            vars(self)["on_train_batch_end"] = self._after_batch  # a hook in the class would make all users pay

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if self.save_best_only:
            self.find_direction()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(logs or {}, epoch=epoch + 1)

    def _after_batch(self, batch: int, logs: Logs | None = None) -> None:
        self.updates += 1
        if self.updates == self.save_freq:
            self.updates = 0
            self._save(logs or {}, epoch=self.epoch + 1, batch=batch + 1)

    def _save(self, logs: Logs, **places: int) -> None:
        if self.save_best_only:
            if not self.is_due(logs):
                return
            value = self.value(logs)
            if not self.improves(value, self.best):
                return
            self.best = value
        known = {**places, **logs, **places}
        try:
            path = self.filepath.format(**known)
        except KeyError as error:
            raise ValueError(f"filepath {self.filepath!r} names {error}; there are {', '.join(known)}") from None
        except (ValueError, TypeError, AttributeError) as error:
            values = ", ".join(f"{name}={value!r}" for name, value in known.items())
            raise ValueError(f"filepath {self.filepath!r} cannot be filled with {values}: {error}") from None
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        (self.model.save_weights if self.save_weights_only else self.model.save)(path)
        if self.verbose:
            say(f"epoch {places['epoch']}: saved {path}")


def _pattern(path: str) -> str:
    """A path with names in braces, or ``ValueError`` before any training where its braces are none of a name."""
    try:
        names = [name for _, name, _, _ in Formatter().parse(path) if name is not None]
    except ValueError as error:
        raise ValueError(f"filepath {path!r}: {error}; write {{{{ and }}}} for braces that are no name") from None
    if any(not name or name[0].isdigit() for name in names):
        raise ValueError(f"filepath {path!r} must name what stands in braces, such as {{epoch}} and {{val_loss:.3f}}")
    return path


class CSVLogger(Callback):
    """Write the logs of each epoch as a row of a CSV file, which is closed between epochs.

    Parameters
    ----------
    filename : the file; its folder must be there.
    separator : one character between columns.
    append : go on with the file that is there, under its own header; False begins a new one.

    A row that cannot be written whole, as on a full disk, is taken back, and an error.

    The columns are ``epoch`` (from 0) and the values of the first epoch in the order of the logs, with those of
    validation also where ``validation_freq`` begins later; a value that an epoch does not have is ``NA``.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.callbacks import CSVLogger
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(1, input_shape=(1,))], seed=1)
    >>> model.compile("sgd", "mse", metrics=["mae"])
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=2, callbacks=[CSVLogger("log.csv")])
    >>> with open("log.csv") as file:
    ...     len(file.readlines()), file.seek(0), file.readline()
    (3, 0, 'epoch,loss,mae\\n')
    """

    writes = True

    def __init__(self, filename: StrPath, separator: str = ",", append: bool = False) -> None:
        came: object = separator
        if not isinstance(came, str) or len(separator) != 1 or separator in '"\r\n':
            raise ValueError(f"separator must be one character that quotes nothing and ends no line, got {separator!r}")
        self.filename, self.separator, self.append = os.fsdecode(filename), separator, append
        self.columns: list[str] = []
        self.there = False

    def get_state(self) -> State:
        """The columns, and how long the file is."""
        size = os.path.getsize(self.filename) if os.path.isfile(self.filename) else 0
        return {"columns": self.columns, "there": self.there, "size": size}

    def set_state(self, state: State) -> None:
        """Take back the rows behind those of the checkpoint, which come anew."""
        length = os.path.getsize(self.filename) if os.path.isfile(self.filename) else 0
        if length > state["size"]:
            os.truncate(self.filename, state["size"])
        self.columns, self.there = state["columns"] if length else [], state["there"]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        goes_on = self.append or self.params.get("resumes", False)
        going_on = goes_on and os.path.isfile(self.filename)  # not so a pipe or a terminal, which cannot be read
        with open(self.filename, "rb+" if going_on else "wb") as file:
            self.columns = self._header(file) if going_on else []
        self.there = bool(self.columns)

    def _header(self, file: BinaryIO) -> list[str]:
        """The columns of a file that is there; a line that a killed process left without its end gets it."""
        import csv

        lines = TextIOWrapper(file, encoding="utf-8-sig", newline="")
        try:
            columns = next(csv.reader(lines, delimiter=self.separator), [])
        except (ValueError, csv.Error) as error:
            raise ValueError(f"{self.filename} is no table to append to: {error}; begin another file") from None
        lines.detach()
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        return columns

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        values = {"epoch": epoch, **(logs or {})}
        if not self.columns:
            self.columns = self._columns_of(values)
            self._write(self.columns)
        elif self.there and not values.keys() <= set(self.columns):
            raise ValueError(
                f"{self.filename} has the columns {', '.join(self.columns)}, and this fit logs {', '.join(values)}; "
                f"append to a file of the same columns, or begin another file"
            )
        self.there = False
        self._write([values.get(name, "NA") for name in self.columns])

    def _columns_of(self, values: Logs) -> list[str]:
        """Those of the first epoch, and what validation will give where ``validation_freq`` leaves that epoch out."""
        if not self.params.get("validation_freq"):
            return list(values)
        trained = [name for name in values if name in self.model.metrics_names]
        validated = [f"val_{name}" for name in trained]
        return list(dict.fromkeys(["epoch", *trained, *validated, *values]))

    def _write(self, row: list[str] | list[float | str]) -> None:
        """Append a row, whole or not at all."""
        import csv

        text = StringIO(newline="")
        csv.writer(text, delimiter=self.separator).writerow(row)
        append(self.filename, text.getvalue().encode())
