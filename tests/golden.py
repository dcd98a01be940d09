"""What trainings give, to the last bit: the cases of ``golden_cases.py`` and their records in ``golden.json``.

A record holds hashes of the trained parameters, of the optimiser's state and of the predictions, and the history in
hexadecimal. It was made on AVX2 by one thread; every instruction set with fused multiply-add and every number of
threads must give it. Data comes from integer arithmetic alone, because the mathematics of C libraries and of NumPy
differs in its last bits. When the bits are meant to change, ``python tests/golden.py`` writes the file anew and says
which records changed.
"""

from __future__ import annotations

import copy
import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
from golden_cases import PAIRS, Case

import fastnn
from fastnn import _kernels, losses
from fastnn._base import random
from fastnn.layers import Input

FILE = Path(__file__).with_name("golden.json")
REMAKE = "if these bits are meant to change: python tests/golden.py"
DATA_SEED = 20240229


def whole(stream: int, count: int, below: int) -> np.ndarray:
    """Whole numbers from 0 to ``below - 1``, int64, ``(count,)``."""
    words = random.words(DATA_SEED, stream, 0, 0, count).astype(np.uint64)
    return (words * np.uint64(below) >> np.uint64(32)).astype(np.int64)


def fractions(stream: int, shape: tuple[int, ...]) -> np.ndarray:
    """Multiples of 1/1024 from -2 to 2, which every dtype holds, ``shape``."""
    return (whole(stream, int(np.prod(shape)), 4096) / 1024 - 2).reshape(shape)


def targets(loss, shape: tuple[int, ...]) -> np.ndarray:
    """Targets in the domain of the loss, ``shape`` with the width of the output last."""
    n_out, rows = shape[-1], int(np.prod(shape[:-1]))
    if loss.sparse:
        return whole(2, rows, n_out).reshape(shape[:-1])
    if loss.activation == "softmax" or loss.name in (
        "kl_divergence",
        "categorical_hinge",
    ):  # a quarter on one class, the rest on another
        full = np.zeros((rows, n_out))
        for stream, share in ((2, 0.25), (3, 0.75)):
            full[np.arange(rows), whole(stream, rows, n_out)] += share
        return full.reshape(shape)
    if loss.activation == "sigmoid":
        return whole(2, rows * n_out, 2).reshape(shape) * 1.0
    if loss.signs:
        return whole(2, rows * n_out, 2).reshape(shape) * 2.0 - 1
    counts = loss.name in ("poisson", "poisson_deviance")
    return whole(2, rows * n_out, 5).reshape(shape) * 1.0 if counts else fractions(2, shape)


def model_of(case: Case, dtype: str, backend: str) -> fastnn.Sequential:
    model = fastnn.Sequential(
        [Input(case.shape), *map(copy.copy, case.layers)], dtype=dtype, seed=DATA_SEED, backend=backend
    )
    model.compile(copy.deepcopy(case.optimizer), case.loss, metrics=list(case.metrics))
    return model


def train(case: Case, dtype: str, backend: str = "cython") -> dict:
    """Train a case and predict its inputs; the record of ``golden.json``."""
    model = model_of(case, dtype, backend)
    x = fractions(0, (case.rows, *case.shape))
    y = targets(losses.get(case.loss), (case.rows, *model.layout.output_shape))
    weight = (whole(1, case.rows, 5) + 1) / 4 if case.weighted else None
    history: dict[str, list[str]] = {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the loss .* takes shares")  # what is cut off has bits, too
        for _ in range(case.fits):
            done = model.fit(
                x,
                y,
                case.batch_size,
                case.epochs,
                verbose=0,
                sample_weight=weight,
                shuffle=case.shuffle,
                validation_split=case.validation,
            )
            for name, values in done.history.items():
                history.setdefault(name, []).extend(float(value).hex() for value in values)
    return {
        "params": digest(model.params),
        "slots": digest(model.slots),
        "predictions": digest(model.predict(x)),
        "history": history,
    }


def digest(array: np.ndarray) -> str:
    """SHA-256 of the bytes, 32 digits; finite numbers only, for NaN differs between machines."""
    assert np.isfinite(array).all(), "a case that diverges proves nothing"
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:32]


def load() -> dict[str, dict]:
    """Records by ``name-dtype``."""
    return json.loads(FILE.read_text(encoding="ascii")) if FILE.exists() else {}


def differences(got: dict, right: dict) -> list[str]:
    """What differs between two records, in words."""
    told = [f"{part} differ" for part in ("params", "slots", "predictions") if got[part] != right[part]]
    for name, values in right["history"].items():
        came = got["history"].get(name, [])
        unlike = [i for i, value in enumerate(values) if i >= len(came) or came[i] != value]
        if unlike:
            first = unlike[0]
            gotten = came[first] if first < len(came) else "nothing"
            told.append(f"{name} differs from epoch {first + 1} on: {gotten} in place of {values[first]}")
    return told


def check() -> list[str]:
    """What differs from the file here, a line a part."""
    records, told = load(), []
    for case, dtype in PAIRS:
        name = f"{case.name}-{dtype}"
        told += [f"{name}: {words}" for words in differences(train(case, dtype), records[name])]
    return told


def main() -> None:
    """Write ``golden.json`` anew on AVX2 with one thread."""
    native = _kernels.load("cython")
    native.use_isa("avx2")
    fastnn.set_num_threads(1)
    before = load()
    records = {f"{case.name}-{dtype}": train(case, dtype) for case, dtype in PAIRS}
    for name, record in records.items():
        told = differences(record, before[name]) if name in before else ["new"]
        if told:
            print(f"{name}: {'; '.join(told)}")
    FILE.write_text(json.dumps(records, indent=1) + "\n", encoding="ascii")
    print(f"{len(records)} records, {len(before.keys() - records.keys())} dropped")


if __name__ == "__main__":
    main()
