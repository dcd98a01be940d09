"""Batches that a user gives in place of arrays: which calls take them, and what becomes of them for a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.arguments import shown
from fastnn._base.portions import GivesPortions, Portion
from fastnn._base.types import DataLike, Stored
from fastnn._engine.data import Given, are_plain, make_rows, own, plain_rows, split_rows, weighted
from fastnn._engine.sources import Source, gives_batches, may_give_batches
from fastnn._engine.streams import Stream
from fastnn._kernels.contract import Rows

if TYPE_CHECKING:
    from fastnn._base.sparse import AnyRows
    from fastnn._engine.prepare import Arguments
    from fastnn.models.evaluating import Evaluating
    from fastnn.models.fitting import Fitting
    from fastnn.models.predicting import Predicting

Form = tuple[object, tuple[int, ...]]
Data = tuple[Rows | Stream, Rows | Callable[[int], Stream] | None]  # what trains, and what is evaluated after epochs
ROWS_AT_ONCE = 4096  # that are evaluated or predicted, of what comes in portions
IN_BATCHES = {  # what cannot be given beside batches, with the value that is none
    "y": (None, "targets are in the batches: (x, y)"),
    "sample_weight": (None, "weights are in the batches: (x, y, sample_weight)"),
    "batch_size": (None, "each update is on one batch as it comes"),
    "validation_split": (0.0, "give validation_data"),
}


def come(call: str, x: object, besides: Mapping[str, object]) -> bool:
    """Whether ``x`` is an iterable of batches; ``ValueError`` for an argument that cannot stand beside it."""
    has_targets = besides.get("y") is not None
    if not (gives_batches(x) if has_targets else may_give_batches(x)):
        return False
    for name, came in besides.items():
        none, word = IN_BATCHES[name]
        if came is not none and not (name == "validation_split" and came == none):
            raise ValueError(f"{call} takes no {name} beside batches, which {_kind(x)} gives: {word}")
    return True


def refuse(call: str, x: object) -> None:
    """``TypeError`` for an iterable of batches where only arrays are taken."""
    if gives_batches(x):
        raise TypeError(f"{call} takes arrays, got {_kind(x)}, which gives batches: fit of one Model takes them")


def _kind(x: object) -> str:
    return f"a {type(x).__name__}"


class Reader:
    """Makes rows of a model's of each batch ``(x, y)`` or ``(x, y, sample_weight)``, all of one form."""

    def __init__(self, model: Evaluating, class_weight: object = None):
        self.model, self.class_weight = model, class_weight
        self.form: list[Form | None] | None = None
        self.labels: tuple[Sequence[str], Sequence[str]] | None = None  # of inputs and outputs, as errors call them
        self.is_single = all(len(end.names) == 1 for end in model.ends)
        self.is_plain = False  # whether inputs need nothing but a look at their numbers

    def __call__(self, batch: Any) -> Rows:
        """Rows of their own: a generator may write its next batch into the same arrays."""
        _check_pair(batch)
        if self.is_plain and len(batch) == 2 and self._is_alike(*batch):
            return self._copied(*batch)
        compiled = self.model.compiled
        given = self._given(*batch)
        self._check_form(given)
        rows = own(weighted(compiled, make_rows(compiled, given), self.class_weight))
        self.is_plain = self.is_single and self.class_weight is None and are_plain(compiled, given.x[0], rows)
        return rows

    def portion(self, portion: Portion) -> Rows:
        """Rows of a portion, which nobody else writes to."""
        given = replace(self._given(*portion.batch), is_finite=portion.is_finite)
        self._check_form(given)
        return weighted(self.model.compiled, make_rows(self.model.compiled, given), self.class_weight)

    def _is_alike(self, x: object, y: object) -> bool:
        """Whether they have the form of the batches before."""
        return type(x) is type(y) is np.ndarray and len(x) > 0 and [_form_of(x), _form_of(y)] == self.form

    def _copied(self, x: np.ndarray, y: np.ndarray) -> Rows:
        """What becomes of such a batch."""
        compiled = self.model.compiled
        rows = plain_rows(compiled, x.copy(), y)
        return rows if compiled.losses[0].sparse else replace(rows, targets=(rows.targets[0].copy(),))

    def _given(self, x: object, y: object, weight: object = None) -> Given:
        """A batch taken apart; of one input and one output that are arrays there is nothing to take apart."""
        if self.labels and self.is_single and type(x) is type(y) is np.ndarray:
            return Given((x,), (y,), (weight,), *self.labels)
        found: Given = self.model.given(x, y, weight)
        self.labels = found.x_labels, found.y_labels
        return found

    def _check_form(self, given: Given) -> None:
        """``ValueError`` when arrays are of another dtype or shape than those of the batches before."""
        if self.model.layout.is_open:
            return  # lengths may differ, and each batch is looked at
        form = [_form_of(x) for x in (*given.x, *given.y)]
        if self.form is None:
            self.form = form
        elif form != self.form:
            labels = (*given.x_labels, *given.y_labels)
            for label, before, now in zip(labels, self.form, form, strict=True):
                if before != now and before is not None and now is not None:
                    raise ValueError(f"{label} has {_form(now)}, and had {_form(before)} in the batches before")


def _form_of(x: DataLike) -> Form | None:
    try:
        return x.dtype, x.shape[1:]
    except AttributeError:  # lists, and frames with a dtype for each column
        return None


def _form(form: Form) -> str:
    return f"rows of shape {tuple(form[1])} and dtype {form[0]}"


def _described(batch: object) -> str:
    if isinstance(batch, tuple | list):
        return f"a {type(batch).__name__} of {len(batch)}"
    return shown(batch) if isinstance(batch, str | int | float) or batch is None else f"a {type(batch).__name__}"


def _check_pair(batch: object) -> None:
    if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
        raise TypeError(f"a batch is (x, y) or (x, y, sample_weight), got {_described(batch)}")


def first_inputs(model: Predicting, stream: Stream, targets: bool = True) -> object:
    """The inputs of the first batch, by which a model can be built."""

    def check(batch: object) -> object:
        if targets:
            _check_pair(batch)
        x = inputs_of(batch)
        if not model.built:
            model.shapes_in(x)
        return x

    return stream.look(check)


def inputs_of(batch: object) -> object:
    """The inputs of a batch, which may have targets and weights."""
    if isinstance(batch, tuple | list):
        if not 1 <= len(batch) <= 3:
            raise TypeError(f"a batch is x, (x,), (x, y) or (x, y, sample_weight), got {_described(batch)}")
        return batch[0]
    return batch


def for_fit(model: Fitting, x: object, class_weight: object, arguments: Arguments) -> Stream:
    """The batches of a fit."""
    if isinstance(x, GivesPortions):
        return _portions(model, x, class_weight, arguments)
    source = Source(x, model.seed if arguments.shuffle else None)
    steps = arguments.pace.steps_per_epoch
    if source.is_endless and steps is None:
        raise ValueError(f"{_kind(x)} that says it is endless (num_batches is None) needs steps_per_epoch")
    return Stream(source, Reader(model, class_weight), steps, model.epoch)


def _portions(model: Fitting, x: GivesPortions, class_weight: object, arguments: Arguments) -> Stream:
    """What a fit reads of data that come in portions."""
    from fastnn._engine.own_shards import OwnStream
    from fastnn._engine.portions import PortionStream

    _check_targets("fit", x)
    steps = arguments.pace.steps_per_epoch
    epochs = arguments.epochs - arguments.initial_epoch
    x.check_passes(1 if steps or epochs == 1 else epochs)
    together = arguments.distribution
    if together and together.shards > 1:
        if steps:
            raise ValueError("on a stream DataParallel trains whole passes; leave steps_per_epoch out")
        return OwnStream(x, together, Reader(model, class_weight), model.epoch)
    return PortionStream(x, Reader(model, class_weight).portion, steps, model.epoch)


def _check_targets(call: str, x: object) -> None:
    if isinstance(x, GivesPortions) and not x.has_targets:
        raise ValueError(f"{call} needs targets, and {x!r} has none: make it with target=")


def begin(stream: Stream, arguments: Arguments, marked: Stored) -> None:
    """Begin the first epoch of a fit, or go on in the one in which another was marked."""
    if marked:
        done, batch = marked["run"]["epoch"] - marked["first_epoch"], marked["run"]["batch"]
        if not marked["stopped"] and arguments.initial_epoch + done < arguments.epochs:
            stream.go_on(arguments.initial_epoch + done + 1, batch, marked["trainer"]["stream"], done)
            return
    stream.begin(arguments.initial_epoch + 1)


def for_evaluate(model: Evaluating, x: object, steps: int | None, kind: str = "", name: str = "steps") -> Stream:
    """The batches of an evaluation."""
    _check_targets("evaluate", x)
    x = _as_it_stands(model, x)
    return Stream(_bounded(x, steps, name), Reader(model), steps, kind=kind, wraps=False)


def for_predict(model: Predicting, x: object, steps: int | None) -> Stream:
    """The inputs of a prediction, batch by batch."""

    def inputs(batch: object) -> list[AnyRows]:
        return list(own(Rows(tuple(model.rows_of(inputs_of(batch))))).inputs)

    return Stream(_bounded(_as_it_stands(model, x), steps, "steps"), inputs, steps, wraps=False)


def _as_it_stands(model: Predicting, x: object) -> object:
    """Rows that come in portions in the order of the data, many at a time where no layer remembers a batch."""
    if not isinstance(x, GivesPortions):
        return x
    remembers = model.built and bool(model.layout.carried)
    return x.in_order(None if remembers else max(x.batch_size, ROWS_AT_ONCE))


def _bounded(x: object, steps: int | None, name: str) -> Source:
    source = Source(x)
    if source.is_endless and steps is None:
        raise ValueError(f"{_kind(x)} that says it is endless (num_batches is None) needs {name}")
    return source


def fit_data(
    model: Fitting, data: Stream | tuple[DataLike, ...], split: float, validation_data: object, arguments: Arguments
) -> Data:
    """What trains and what is evaluated after epochs; ``data`` may be ``x, y, sample_weight, class_weight``."""
    validation, compiled = _validation(model, validation_data, arguments), model.compiled
    if isinstance(data, Stream):
        held_out = make_rows(compiled, validation, "validation ") if isinstance(validation, Given) else validation
        return data, held_out
    if validation is None or isinstance(validation, Given):
        return split_rows(compiled, model.given(*data), split, validation)
    return split_rows(compiled, model.given(*data), 0.0, None)[0], validation


def _validation(model: Fitting, came: object, arguments: Arguments) -> Given | Callable[[int], Stream] | None:
    """What a user gave as ``validation_data``: arrays, or what begins a pass over its batches after an epoch."""
    if came is None:
        return None
    if isinstance(came, tuple | list) or not may_give_batches(came):
        return model.validation(came)
    steps = arguments.pace.validation_steps
    if arguments.pace.validation_batch_size is not None:
        raise ValueError(f"fit takes no validation_batch_size beside batches, which {_kind(came)} gives as they come")

    def begin(epoch: int) -> Stream:
        stream = for_evaluate(model, came, steps, "validation ", "validation_steps")
        stream.begin(epoch)
        return stream

    _bounded(came, steps, "validation_steps")
    return begin
