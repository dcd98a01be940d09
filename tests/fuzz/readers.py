"""The readers that are fuzzed: one entry each. A reader of a package that is not here says so and is left out."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from models import model_of

import fastnn
from fastnn import datasets, tables
from fastnn.tables.summary import Summary
from fastnn.tabular.report.drift import column_drift
from fuzz import mutations, samples

MAX_BYTES = 2**20  # what a compressed file may become: small, so that memory beyond it shows


@dataclass(frozen=True)
class Reader:
    """What reads a file, and what may come of it.

    Parameters
    ----------
    samples : gives good files.
    mutate : makes bad ones of them.
    read : takes the path; it raises one of ``errors`` with the path in its message, or reads.
    use : what is done with some of what was read; one of ``errors`` or ``MemoryError`` may come of it, no crash.
    needs : packages without which it is left out.
    errors : what is documented.
    ending : of the file's name.
    wanted : inputs of a whole run.
    traced : whether Python's allocations are counted; threads of pyarrow may still be at work when that ends, which
        CPython does not survive.
    """

    samples: Callable[[], list[bytes]]
    mutate: mutations.Mutation
    read: Callable[[Path], Any]
    use: Callable[[Any], Any] | None = None
    needs: tuple[str, ...] = ()
    errors: tuple[type[Exception], ...] = (ValueError,)
    ending: str = ""
    wanted: int = 200_000
    traced: bool = True


def _predict(model: Any) -> None:
    """One row through the model, on the backends in turn: what load takes must not crash a kernel."""
    shapes = model.input_shape if isinstance(model.input_shape, list) else [model.input_shape]
    if isinstance(shapes[0], dict) or isinstance(model.input_shape, dict):
        return
    rows = [np.zeros((1, *(2 if size is None else size for size in shape[1:])), np.float32) for shape in shapes]
    for backend in ("numpy", "cython"):
        model.predict(rows if len(rows) > 1 else rows[0], backend=backend)


def _look(path: Path) -> Any:
    model = fastnn.load(path)
    model.summary(print_fn=str)
    return model


class Weights:
    """``load_weights`` of one model, which changes wholly or not at all."""

    def __init__(self) -> None:
        self.models = [model_of(), samples.of_images()]

    def __call__(self, path: Path) -> None:
        content = path.read_bytes()[:400]
        model = self.models[b"conv" in content or b"0.kernel" in content]
        before = model.params.tobytes()
        try:
            model.load_weights(path, skip_mismatch=len(content) % 2 == 0, by_name=len(content) % 3 == 0)
        except ValueError:
            assert model.params.tobytes() == before, "weights changed though the file was refused"
            raise


def _estimator(path: Path) -> Any:
    from fastnn.sklearn import TabularClassifier, TabularRegressor

    content = path.read_bytes()
    kind = TabularClassifier if b"labels" in content else TabularRegressor
    return kind.load(path)


def _answer(estimator: Any) -> None:
    """A row of as many columns as it wants."""
    names = getattr(estimator, "feature_names_in_", ())
    row = np.array([["0.5"] * estimator.n_features_in_], object) if estimator.n_features_in_ < 1000 else None
    if row is not None and not len(names):
        estimator.predict(row)


def _go_on(path: Path) -> None:
    """A fit that goes on from a checkpoint, or leaves its model as it was."""
    model = samples.resumable()
    before, told = model.params.tobytes(), {"epochs": 6, "batch_size": 8, "verbose": 0, "backend": "numpy"}
    try:
        model.fit(*samples.rows(), checkpoint=path, resume=True, checkpoint_every="1 hour", **told)
    except fastnn.DivergenceError:  # at a learning rate that the file names
        return
    except ValueError:
        assert model.params.tobytes() == before, "weights changed though the checkpoint was refused"
        raise


_gz = mutations.unpacked(gzip.decompress, lambda data: gzip.compress(data, mtime=0), mutations.of_sizes)
_plain = mutations.some(mutations.of_bytes, mutations.of_bits, mutations.of_places)


def _csv_text(data: bytes, draw: Any) -> bytes:
    pieces = ['"', ",", ";", "\n", "\r", "\r\n", "\t", "\0", "nan", "1e999", "9" * 400, '""', '"\n', "'", "=1+1", " "]
    text = data.decode("latin-1")
    return mutations.of_text(text, draw, [*pieces, "\ufeff".encode().decode("latin-1"), "a," * 300]).encode("latin-1")


def _from(name: str) -> Callable[[Path], Any]:
    """A reader of ``fastnn.interop``, which may not be there yet."""

    def read(path: Path) -> Any:
        import fastnn.interop

        return getattr(fastnn.interop, name)(path)

    return read


def _json(data: bytes, draw: Any) -> bytes:
    return json.dumps(mutations.of_value(json.loads(data), draw)).encode()


def _summary(path: Path) -> Any:
    try:
        return Summary.read(path.read_text("latin-1"))
    except ValueError as error:  # that of a model file, which names none
        raise ValueError(f"{path}: {error}") from None


def _drift(summary: Any) -> None:
    """Other rows against what is left of a summary."""
    columns = (tables.Numbers(np.array([0.5, np.nan, 7.0])), tables.Text(np.array([0, -1, 1]), ("2024-01-09", "x")))
    for summarized in [*summary.columns, *([summary.predictions] if summary.predictions else [])]:
        for column in columns:
            assert column_drift(summarized, column)["psi"] >= 0


READERS = {
    "model": Reader(samples.models, mutations.of_safetensors, _look, _predict, wanted=1_000_000),
    "estimator": Reader(
        samples.estimators, mutations.of_safetensors, _estimator, _answer, needs=("sklearn", "pandas"), wanted=100_000
    ),
    "checkpoint": Reader(samples.checkpoints, mutations.of_safetensors, _go_on),
    "weights": Reader(samples.weights, mutations.of_safetensors, Weights()),
    "summary": Reader(samples.summaries, mutations.some(_json, _json, _plain), _summary, _drift),
    "idx": Reader(
        samples.idx,
        mutations.some(_plain, mutations.of_sizes, _gz),
        lambda path: datasets.read_idx(path, max_bytes=MAX_BYTES),
    ),
    "npz": Reader(
        samples.npz,
        mutations.some(mutations.of_members(mutations.of_npy), _plain, mutations.at_the_end(120)),
        lambda path: datasets.read_npz(path, max_bytes=MAX_BYTES),
    ),
    "csv": Reader(
        samples.csv,
        mutations.some(_plain, _csv_text, _csv_text),
        lambda path: tables.read_table(path, max_bytes=MAX_BYTES),
        traced=False,
    ),
    "parquet": Reader(
        samples.parquet,
        mutations.some(mutations.at_the_end(1200), mutations.at_the_end(1200), _plain),
        lambda path: tables.read_table(path, max_bytes=MAX_BYTES),
        needs=("pyarrow",),
        traced=False,
    ),
    "excel": Reader(
        samples.excel,
        mutations.some(mutations.of_members(_plain), mutations.of_members(_csv_text), _plain),
        lambda path: tables.read_table(path, max_bytes=MAX_BYTES),
        needs=("openpyxl",),
        wanted=20_000,
    ),
    "onnx": Reader(
        samples.onnx,
        mutations.some(mutations.of_protobuf, mutations.of_protobuf, _plain),
        _from("from_onnx"),
        _predict,
        needs=("onnx", "fastnn.interop:from_onnx"),
        ending=".onnx",
    ),
    "keras": Reader(
        samples.keras,
        mutations.some(
            mutations.of_members(mutations.some(mutations.of_json, _plain)), _plain, mutations.at_the_end(300)
        ),
        _from("from_keras"),
        _predict,
        needs=("h5py", "fastnn.interop:from_keras"),
        ending=".keras",
    ),
}


def missing(reader: Reader) -> str:
    """The first package, or function of one, that is not here; empty where all are."""
    import importlib

    for need in reader.needs:
        module, _, name = need.partition(":")
        try:
            found = importlib.import_module(module)
        except ImportError:
            return module
        if name and not hasattr(found, name):
            return need.replace(":", ".")
    return ""
