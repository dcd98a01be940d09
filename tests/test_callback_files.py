"""Callbacks that write: checkpoints, tables of the logs, and words on stderr."""

from __future__ import annotations

import csv

import pytest
from models import EVERY_BACKEND, model_of, regression, weights_of
from test_callbacks import Script

import fastnn
from fastnn import callbacks
from fastnn.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
)


@EVERY_BACKEND
def test_a_checkpoint_trains_on_as_the_model_itself(rng, name, tmp_path):
    x, y = regression(rng)
    model, kept = model_of(name=name), tmp_path / "m-{epoch:02d}-{loss:.3f}.safetensors"
    history = model.fit(x, y, epochs=4, callbacks=[ModelCheckpoint(kept)], verbose=0).history
    files = sorted(tmp_path.iterdir())
    assert [f.name for f in files] == [
        f"m-{i + 1:02d}-{loss:.3f}.safetensors" for i, loss in enumerate(history["loss"])
    ]
    second = fastnn.load(files[1])
    second.backend = name
    assert (second.epoch, second.step) == (2, 4)
    second.fit(x, y, epochs=2, verbose=0)
    assert weights_of(second).tobytes() == weights_of(model).tobytes()


def test_a_checkpoint_keeps_the_best(rng, tmp_path):
    model, path = model_of(), tmp_path / "best.safetensors"
    keep = ModelCheckpoint(path, save_best_only=True)
    model.fit(*regression(rng), epochs=4, callbacks=[Script([3, 1, 2, 4]), keep], verbose=0)
    assert fastnn.load(path).epoch == 2


def test_a_checkpoint_whose_name_asks_for_what_is_not_logged(rng, tmp_path):
    keep = ModelCheckpoint(tmp_path / "{val_loss}")
    with pytest.raises(ValueError, match=r"filepath .*'val_loss'; there are epoch, loss"):
        model_of().fit(*regression(rng), callbacks=[keep], verbose=0)


def test_csv_logger_writes_a_row_an_epoch_and_appends(rng, tmp_path):
    x, y = regression(rng)
    path, model = tmp_path / "log.csv", model_of(metrics=["mae"])
    first = model.fit(x, y, epochs=2, callbacks=[CSVLogger(path)], verbose=0).history
    again = CSVLogger(path, append=True)
    second = model.fit(x, y, epochs=3, initial_epoch=2, callbacks=[again], verbose=0).history
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["epoch", "loss", "mae"]
    assert [[float(v) for v in row] for row in rows[1:]] == [
        [epoch, loss, mae]
        for epoch, (loss, mae) in enumerate(
            zip(first["loss"] + second["loss"], first["mae"] + second["mae"], strict=True)
        )
    ]
    model.fit(x, y, epochs=1, callbacks=[CSVLogger(path, separator=";")], verbose=0)
    assert path.read_text().splitlines()[0] == "epoch;loss;mae"
    assert len(path.read_text().splitlines()) == 2


def test_csv_logger_leaves_whole_rows_and_no_open_file_after_an_error(rng, tmp_path):
    def fail(epoch, logs):
        raise KeyboardInterrupt

    path = tmp_path / "log.csv"
    with pytest.raises(KeyboardInterrupt):
        model_of().fit(
            *regression(rng), epochs=3, callbacks=[CSVLogger(path), LambdaCallback(on_epoch_end=fail)], verbose=0
        )
    assert len(path.read_text().splitlines()) == 2


def test_a_log_that_cannot_be_written_is_an_error_before_any_update(rng, tmp_path):
    model = model_of()
    before = weights_of(model)
    with pytest.raises(OSError, match="missing"):
        model.fit(*regression(rng), callbacks=[CSVLogger(tmp_path / "missing" / "log.csv")], verbose=0)
    assert weights_of(model).tobytes() == before.tobytes()


def test_callbacks_say_what_they_do_when_asked(rng, capsys, tmp_path):
    x, y = regression(rng)
    told = [
        EarlyStopping("val_loss", verbose=1),
        ReduceLROnPlateau(patience=1, verbose=1),
        LearningRateScheduler(lambda epoch, rate: rate, verbose=1),
        ModelCheckpoint(tmp_path / "m.safetensors", verbose=1),
    ]
    model_of().fit(x, y, epochs=5, callbacks=[Script([2, 2, 2, 2, 2]), *told], verbose=0)
    out, err = capsys.readouterr()
    assert out == ""
    for words in ("epoch 1: learning rate", "epoch 1: saved", "epoch 2: learning rate 0.0001", "stopped at epoch 2"):
        assert words in err


def test_every_callback_of_the_interface_is_there():
    for name in ("TerminateOnNaN", "ProgressBar", "EarlyStopping", "ModelCheckpoint", "CSVLogger", "LambdaCallback"):
        assert issubclass(getattr(callbacks, name), Callback)
