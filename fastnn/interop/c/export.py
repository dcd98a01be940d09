"""``to_c``: a model as C files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import flag, lookup, shown
from fastnn._base.writing import write_atomically
from fastnn.interop.c.check import program_text
from fastnn.interop.c.constants import Constants
from fastnn.interop.c.encoding import Encoded, encoded
from fastnn.interop.c.pieces import pieces
from fastnn.interop.c.report import CReport
from fastnn.interop.c.rows import checks
from fastnn.interop.c.simulate import Simulation, largest_inputs
from fastnn.interop.c.source import Entry, declared, entry, header, size_name, source
from fastnn.interop.c.text import KEYWORDS
from fastnn.interop.c.vectors import COUNT, Vectors, drawn, predicted, simulated
from fastnn.interop.program import Program, program_of, program_of_steps
from fastnn.tables.encoding import KEY, Encoding

if TYPE_CHECKING:
    from fastnn._base.types import StrPath
    from fastnn.models.model import Model

WEIGHTS: Mapping[str, str] = {"float32": "float32", "int8": "int8"}
STANDARD = re.compile(
    "assert|complex|ctype|errno|fenv|float|inttypes|iso646|limits|locale|math|setjmp|signal|stdarg|stdbool|stddef|stdint|"
    "stdio|stdlib|string|tgmath|time|wchar|wctype"
)
EXACT, ROUNDED = 1e-5, 0.02  # what a test program bears: rounding of sums; and of inputs by one of 127 steps


def to_c(
    model: Model,
    directory: StrPath,
    *,
    name: str = "model",
    weights: str = "float32",
    calibrate: object = None,
    length: int | None = None,
    fold: bool = True,
    encoding: bool = True,
) -> CReport:
    """Write a model's prediction as C99: ``NAME.h``, ``NAME.c`` and ``NAME_main.c``, which checks them.

    The source needs nothing beyond the C library's mathematics, allocates nothing and has no state of its own: the
    caller hands in room to work in, and of recurrent models a struct with the states.

    Parameters
    ----------
    model : a built :class:`fastnn.Model` or :class:`fastnn.Sequential`.
    directory : where to write; it is made where it is missing.
    name : of the files, and what the names of all functions, types and constants begin with.
    weights : ``"float32"``; or ``"int8"``, a quarter of the size, each output channel with a scale of its own.
    calibrate : rows as ``predict`` takes them, for int8: the largest inputs of dense layers and convolutions that they
        lead to decide the scales of those inputs, which then are int8 themselves, and their products whole numbers.
        Without rows inputs stay float.
    length : of sequences, where those of the model have any. Without it such a model has no ``NAME_predict``, and
        ``NAME_step`` alone.
    fold : whether normalisations become parts of the weights beside them.
    encoding : whether the encoding of a table that the model was trained on is written, too.

    Returns
    -------
    CReport
        the files, and sizes in flash and RAM; ``print`` shows them.

    Raises
    ------
    TypeError, ValueError, NotReadyError
        the model is none or not built; a layer has code of its own; the encoding reads texts or series; an argument is
        wrong. Nothing is written then.

    >>> from fastnn import Sequential
    >>> from fastnn.interop import to_c
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(8, "relu", input_shape=(4,)), Dense(1)], seed=0)
    >>> print(to_c(model, "exported"))
    files   model.h, model.c, model_main.c
    flash   196 bytes of tables (float32 weights), without code
    RAM     32 bytes
            32 to work in, of predict
    """
    _check(name, directory)
    weights = lookup("kind of weights", weights, WEIGHTS)
    if calibrate is not None and weights != "int8":
        raise ValueError('calibrate is for weights="int8"; float32 weights need no rows')
    programs = _programs(model, length, flag("fold", fold))
    rows = None if calibrate is None else _rows(model, calibrate, length)
    constants, parts = Constants(weights, {name, *pieces(weights)}), []
    for verb, program in programs.items():
        most = {} if rows is None else largest_inputs(program, _sequences(verb, rows))
        made = entry(verb, program, constants, most)
        vectors = _vectors(model, verb, program, Simulation(program, weights, most), rows)
        parts.append((made, vectors, ROUNDED if most else EXACT))
    rows_in = encoded(name, Encoding.of(model)) if flag("encoding", encoding) and KEY in model.metadata else None
    files = _texts(name, model, constants, parts, rows_in)
    size = constants.n_bytes + (rows_in.n_bytes if rows_in else 0)
    return _report(_written(directory, files), constants.weights, size, [made for made, *_ in parts])


def _check(name: object, directory: StrPath) -> None:
    if not isinstance(directory, str | PathLike):
        raise TypeError(f"directory must be a path, got {shown(directory)}")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) or KEYWORDS.fullmatch(name):
        raise ValueError(f"name must be a word that C takes, of letters, digits and _, got {shown(name)}")
    if STANDARD.fullmatch(name):
        raise ValueError(f"name is that of a header of C's library, {name}.h; take another one")


def _programs(model: object, length: int | None, fold: bool) -> dict[str, Program]:
    """The programs of whole samples and of single steps, where the model has them."""
    from fastnn.models import Model

    if not isinstance(model, Model):
        raise TypeError(f"to_c takes a Sequential or a Model, got {shown(model)}")
    came: object = length
    if came is not None and not (isinstance(came, int) and came > 0):
        raise ValueError(f"length must be a whole number of at least 1, got {shown(length)}")
    found = {}
    try:
        found["step"] = program_of_steps(model, fold)
    except ValueError:  # it has none, or needs more than the steps before
        found = {}
    if length is not None or not found or not model.layout.is_open:
        found = {"predict": program_of(model, fold, length), **found}
    return found


def _rows(model: Model, calibrate: object, length: int | None) -> list[np.ndarray]:
    """The rows of each input, as many of each, and at least one."""
    rows = [np.asarray(x) for x in model.ends[0].split("calibrate", calibrate)]
    for x, shape in zip(rows, model.layout.stated(model.layout.inputs), strict=True):
        wanted = [length if n is None else n for n in shape]
        fits = x.ndim == len(shape) + 1 and all(n in (None, m) for n, m in zip(wanted, x.shape[1:], strict=True))
        if not fits or not len(x) or len(x) != len(rows[0]) or x.dtype.kind not in "fiub" or not np.isfinite(x).all():
            came = f"{x.dtype} {x.shape}" if not fits or not len(x) else "others, or different numbers of rows"
            raise ValueError(f"calibrate must be finite rows (n, {', '.join(map(str, wanted))}), got {came}")
    return rows


def _sequences(verb: str, rows: Sequence[np.ndarray]) -> Iterator[list[tuple[np.ndarray, ...]]]:
    """Samples of each row: itself, or its steps."""
    for parts in zip(*rows, strict=True):
        yield [parts] if verb == "predict" else list(zip(*parts, strict=True))


def _vectors(
    model: Model, verb: str, program: Program, simulation: Simulation, rows: Sequence[np.ndarray] | None
) -> Vectors:
    """Of the exact model what it predicts; of one that is rounded or has states what its program gives."""
    count = COUNT[verb]
    inputs = drawn(program, model.layout.n_ids, count)
    if rows is not None and verb == "predict":
        inputs = [x[:count].reshape(min(count, len(x)), -1) for x in rows]
    elif rows is not None:
        inputs = [x[0, :count].reshape(min(count, x.shape[1]), -1) for x in rows]
    if verb == "step" or simulation.is_rounded or model.layout.carried:
        return simulated(simulation, inputs)
    return predicted(model, program, inputs)


def _texts(
    name: str,
    model: Model,
    constants: Constants,
    parts: Sequence[tuple[Entry, Vectors, float]],
    rows_in: Encoded | None,
) -> dict[str, str]:
    """The files."""
    entries = [made for made, *_ in parts]
    declarations = [declared(name, made) for made in entries]
    more, needs, tables, calls = [], set(), "", []  # type: ignore[var-annotated]  # filled below
    if rows_in:
        declarations = [*rows_in.header, *declarations]
        more, needs = rows_in.source, rows_in.needs
        tables, calls = checks(rows_in, size_name(name, entries[0], "x"), EXACT)
    return {
        f"{name}.h": header(name, f"{name}.h: {_told(model)}", declarations),
        f"{name}.c": source(name, f"{name}.c: {_told(model)}", constants, entries, more, needs),
        f"{name}_main.c": program_text(name, parts, tables, calls),
    }


def _told(model: Model) -> str:
    """What the model is, for a comment."""
    return f"the prediction of {model!r}"


def _written(directory: StrPath, files: Mapping[str, str]) -> tuple[Path, ...]:
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        write_atomically(folder / name, text.encode("ascii"))
    return tuple(folder / name for name in files)


def _report(files: tuple[Path, ...], weights: str, flash: int, entries: Sequence[Entry]) -> CReport:
    work = {made.verb: 4 * made.work for made in entries}
    state = {made.verb: 4 * sum(size for _, size in made.members) for made in entries if made.members}
    return CReport(files, weights, flash, work, state)
