"""``fastnn predict`` and ``evaluate``."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

import fastnn
from fastnn.cli_data import Source, check_output, read_source, reading_options, require_target
from fastnn.cli_train import measure
from fastnn.tables import Encoding
from fastnn.tables.target import Classes, Quantity
from fastnn.writing import write_atomically

BLOCK = 65536  # rows written at a time


def predict(arguments: argparse.Namespace) -> int:
    """One line a row: the predicted class or value, and with --probabilities each class's probability."""
    if arguments.out:
        check_output(arguments.out, arguments.data, arguments.model)
    model, encoding, source = _opened(arguments)
    output = model.predict(encoding.features.encode(source.features))
    _tell((*source.notes, *encoding.notes(source.features)))
    if arguments.probabilities and isinstance(encoding.target, Quantity):
        raise ValueError("--probabilities needs a model of classes; this one predicts numbers")
    if not arguments.out:
        for text in _lines(encoding, output, arguments.probabilities):
            sys.stdout.write(text)
        sys.stdout.flush()
        return 0
    write_atomically(arguments.out, "".join(_lines(encoding, output, arguments.probabilities)).encode())
    print(f"wrote {len(output):,} predictions to {arguments.out}", file=sys.stderr)
    return 0


def evaluate(arguments: argparse.Namespace) -> int:
    """Print the results on rows whose target is known."""
    model, encoding, source = _opened(arguments)
    column = require_target(source)
    known = np.flatnonzero(~column.gaps)
    if not len(known):
        raise ValueError(
            f"{source.name}: {source.target_name!r} is empty in every row; there is nothing to compare with"
        )
    x = encoding.features.encode(source.features)
    y = encoding.target.encode(column.take(known))
    _tell((*source.notes, *encoding.notes(source.features), *encoding.target.notes(column)))
    told = y >= 0 if isinstance(encoding.target, Classes) else np.ones(len(y), bool)
    if not told.any():
        raise ValueError(f"{source.name}: the model knows none of the {source.target_name!r} there")
    result = measure(model, encoding.target, x[known[told]], y[told])
    if "accuracy" in result:
        result["accuracy"] *= told.mean()  # labels that the model does not know are wrong
    left_out = f" ({len(source) - len(known):,} without {source.target_name!r} left out)"
    print(f"{source.name}: {len(known):,} rows{left_out if len(known) < len(source) else ''}")
    for name, value in result.items():
        print(f"{name:8} {value:.6g}")
    return 0


def _opened(arguments: argparse.Namespace) -> tuple[Any, Encoding, Source]:
    if arguments.threads:
        fastnn.set_num_threads(arguments.threads)
    if arguments.backend:
        fastnn.set_backend(arguments.backend)
    model = fastnn.load(arguments.model)
    encoding = Encoding.of(model)
    reading = encoding.reading(**reading_options(arguments))
    return model, encoding, read_source(arguments.data, "test", encoding.target.name, reading)


def _tell(notes: Iterable[str]) -> None:
    """Print notes where they do not mix with predictions."""
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def _lines(encoding: Encoding, output: np.ndarray, probabilities: bool) -> Iterator[str]:
    """CSV text in blocks: a header, then a line a row."""
    target = encoding.target
    header = [target.name]
    if probabilities and isinstance(target, Classes):
        header += [f"P({label})" for label in target.labels]
    yield _csv([header])
    for first in range(0, len(output), BLOCK):
        part = output[first : first + BLOCK]
        if isinstance(target, Quantity):
            yield _csv([[str(np.float32(value))] for value in target.decode(part)])
        elif probabilities:
            shares = target.probabilities(part).tolist()
            yield _csv(
                [[label, *(f"{p:.6g}" for p in row)] for label, row in zip(target.decode(part), shares, strict=True)]
            )
        else:
            yield _csv([[label] for label in target.decode(part)])


def _csv(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
