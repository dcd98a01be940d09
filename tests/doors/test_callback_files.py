"""Callbacks that write: checkpoints, tables of the logs, and words on stderr."""

from __future__ import annotations

import csv
import os

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


def test_a_checkpoint_goes_on_from_the_best_of_the_last_fit(rng, tmp_path):
    model, path = model_of(), tmp_path / "new" / "best.safetensors"  # the folder is made
    keep = ModelCheckpoint(path, save_best_only=True)
    model.fit(*regression(rng), epochs=3, callbacks=[Script([3, 1, 2]), keep], verbose=0)
    model.fit(*regression(rng), epochs=2, callbacks=[Script([1.5, 1.2]), keep], verbose=0)
    assert (fastnn.load(path).epoch, keep.best) == (2, 1)


def test_a_checkpoint_is_not_worse_than_the_threshold(rng, tmp_path):
    path = tmp_path / "{epoch}.safetensors"
    keep = ModelCheckpoint(path, save_best_only=True, initial_value_threshold=2.0)
    model_of().fit(*regression(rng), epochs=4, callbacks=[Script([3, 2, 1.5, 1.7]), keep], verbose=0)
    assert [file.name for file in tmp_path.iterdir()] == ["3.safetensors"]


@EVERY_BACKEND
def test_a_checkpoint_after_every_third_update(rng, name, tmp_path):
    x, y = regression(rng)
    model = model_of(name=name)
    keep = ModelCheckpoint(tmp_path / "{epoch}-{batch}-{loss:.4f}", save_freq=3)
    model.fit(x, y, epochs=4, batch_size=15, callbacks=[keep], verbose=0)  # four updates an epoch
    files = sorted(tmp_path.iterdir())
    assert [file.name[:3] for file in files] == ["1-3", "2-2", "3-1", "3-4", "4-3"]
    assert [fastnn.load(file).step for file in files] == [3, 6, 9, 12, 15]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"save_freq": 0}, "save_freq must be at least 1"),
        ({"initial_value_threshold": 1.0}, "needs save_best_only"),
    ],
)
def test_a_checkpoint_says_what_it_does_not_do(arguments, words):
    with pytest.raises(ValueError, match=words):
        ModelCheckpoint("m.safetensors", **arguments)


def test_a_checkpoint_of_the_weights_alone_is_read_by_load_weights(rng, tmp_path):
    model = model_of()
    keep = ModelCheckpoint(tmp_path / "{epoch}.weights.safetensors", save_weights_only=True)
    model.fit(*regression(rng), epochs=2, callbacks=[keep], verbose=0)
    other = model_of(seed=77)
    other.load_weights(tmp_path / "2.weights.safetensors")
    assert weights_of(other).tobytes() == weights_of(model).tobytes()
    assert other.step == 0
    with pytest.raises(ValueError, match="not of a fastnn model"):
        fastnn.load(tmp_path / "1.weights.safetensors")


def test_a_checkpoint_whose_name_asks_for_what_is_not_logged(rng, tmp_path):
    keep = ModelCheckpoint(tmp_path / "{val_loss}")
    with pytest.raises(ValueError, match=r"filepath .*'val_loss'; there are epoch, loss"):
        model_of().fit(*regression(rng), callbacks=[keep], verbose=0)


@pytest.mark.parametrize("name", ["m-{epoch", "m}", "{0}", "{}-{epoch}"])
def test_a_checkpoint_whose_braces_are_none_is_refused_where_it_is_made(name):
    with pytest.raises(ValueError, match=r"filepath 'm.*(braces that are no name|must name what stands in braces)"):
        ModelCheckpoint(f"m/{name}")


def test_a_checkpoint_whose_name_cannot_be_filled_says_with_what(rng, tmp_path):
    with pytest.raises(ValueError, match=r"cannot be filled with epoch=1, loss=[\d.]+: Unknown format code 'd'"):
        model_of().fit(*regression(rng), epochs=1, callbacks=[ModelCheckpoint(tmp_path / "{loss:d}")], verbose=0)
    ModelCheckpoint(tmp_path / "a{{b}}-{epoch:02d}")


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


def test_csv_logger_appends_under_the_header_that_is_there(rng, tmp_path):
    x, y = regression(rng)
    path = tmp_path / "log.csv"
    path.write_text("mae,epoch,loss,old\n0.5,0,0.25,7\n")
    history = model_of(metrics=["mae"]).fit(x, y, callbacks=[CSVLogger(path, append=True)], verbose=0).history
    with path.open(newline="") as file:
        last = list(csv.DictReader(file))[-1]
    assert (last["epoch"], last["old"]) == ("0", "NA")
    assert [float(last[name]) for name in ("loss", "mae")] == [history[name][0] for name in ("loss", "mae")]
    with pytest.raises(ValueError, match=r"columns mae, epoch, loss, old, and this fit logs epoch, loss, val_loss"):
        model_of().fit(x, y, validation_split=0.2, callbacks=[CSVLogger(path, append=True)], verbose=0)


def test_csv_logger_ends_a_line_that_was_cut_short_and_reads_a_byte_order_mark(rng, tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b"\xef\xbb\xbfepoch,loss\r\n0,0.5")
    model_of().fit(*regression(rng), epochs=2, initial_epoch=1, callbacks=[CSVLogger(path, append=True)], verbose=0)
    rows = path.read_text("utf-8-sig").splitlines()
    assert (rows[0], rows[1], rows[2][:2]) == ("epoch,loss", "0,0.5", "1,")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00a\n", b'"' + b"a" * 200_000])
def test_csv_logger_says_what_it_cannot_append_to(rng, tmp_path, content):
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"log\.csv is no table to append to"):
        model_of().fit(*regression(rng), callbacks=[CSVLogger(path, append=True)], verbose=0)
    assert path.read_bytes() == content


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_log_that_cannot_be_written_to_its_end_names_the_file(rng):
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        model_of().fit(*regression(rng), callbacks=[CSVLogger("/dev/full")], verbose=0)


def test_csv_logger_keeps_its_columns_when_values_come_and_go(rng, tmp_path):
    def change(epoch, logs):
        logs[f"only_{epoch}"] = 1.0

    path = tmp_path / "log.csv"
    callbacks = [LambdaCallback(on_epoch_end=change), CSVLogger(path)]
    model_of().fit(*regression(rng), epochs=2, callbacks=callbacks, verbose=0)
    rows = [line.split(",") for line in path.read_text().splitlines()]
    assert rows[0] == ["epoch", "loss", "only_0"]
    assert (rows[1][2], rows[2][2]) == ("1.0", "NA")


@pytest.mark.parametrize("freq", [1, 2, [3]])
def test_csv_logger_has_columns_for_validation_that_begins_later(rng, tmp_path, freq):
    path, (x, y) = tmp_path / "log.csv", regression(rng)
    note = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(note=epoch))
    callbacks, validation = [note, CSVLogger(path)], {"validation_data": (x, y), "validation_freq": freq}
    history = model_of().fit(x, y, epochs=3, callbacks=callbacks, verbose=0, **validation).history
    rows = [line.split(",") for line in path.read_text().splitlines()]
    names = [name for name in history if not name.startswith("val_") and name != "note"]
    assert rows[0] == ["epoch", *names, *(f"val_{name}" for name in names), "note"]
    for name, column in zip(rows[0][1:], list(zip(*rows[1:], strict=True))[1:], strict=True):
        assert [float(value.replace("NA", "nan")) for value in column] == pytest.approx(history[name], nan_ok=True)


@pytest.mark.parametrize("separator", ["", ", ", '"', "\n", 5])
def test_csv_logger_takes_one_character_as_separator(separator):
    with pytest.raises(ValueError, match="separator must be one character"):
        CSVLogger("log.csv", separator)


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
        EarlyStopping("val_loss", verbose=1, restore_best_weights=True),
        ReduceLROnPlateau(patience=1, verbose=1),
        LearningRateScheduler(lambda epoch, rate: rate, verbose=1),
        ModelCheckpoint(tmp_path / "m.safetensors", verbose=1),
    ]
    model_of().fit(x, y, epochs=5, callbacks=[Script([2, 2, 2, 2, 2]), *told], verbose=0)
    out, err = capsys.readouterr()
    assert out == ""
    for words in (
        "epoch 1: learning rate",
        "epoch 1: saved",
        "epoch 2: learning rate 0.0001",
        "stopped at epoch 2",
        "weights of epoch 1",
    ):
        assert words in err


def test_every_callback_of_the_interface_is_there():
    for name in ("TerminateOnNaN", "ProgressBar", "EarlyStopping", "ModelCheckpoint", "CSVLogger", "LambdaCallback"):
        assert issubclass(getattr(callbacks, name), Callback)
