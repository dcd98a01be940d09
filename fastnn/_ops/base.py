"""What an op kind is: one record, with its NumPy formula and the way back; and what a layer asks of the plan.

The walks over a plan know no kind. ``forward(op, a, when)`` reads the record ``op`` of the plan and the arrays ``a``
(:class:`fastnn._ops.views.Views`) and writes ``a.y``; ``backward(op, a, when)`` turns ``a.dy`` into the gradients that
somebody wants. Both stand side by side in the kind's file, and are what the other backends are compared with.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from fastnn import activations
from fastnn._base.reprs import call_of
from fastnn.activations import Activation
from fastnn.regularizers import L1L2

if TYPE_CHECKING:
    from fastnn._ops.views import Views

    class Sizes(tuple[int, ...]):
        """A kind's geometry: a named tuple, whose names are those that the kind has."""

        def __getattr__(self, name: str) -> int: ...

        def _asdict(self) -> dict[str, int]: ...

        def _replace(self, **changed: int) -> Sizes: ...


NO_PENALTY = L1L2()


class When(NamedTuple):
    """The update at hand: random numbers follow from it and from the record's ``seed`` and ``stream``."""

    training: bool = False
    step: int = 0  # updates done before
    first_row: int = 0  # place of the block's first sample in its batch
    dropping: float = 1.0  # what the rates of dropout are multiplied by


class Wants(NamedTuple):
    """Which gradients are asked of an op's way back: of each input, and of its parameters."""

    dx: tuple[bool, ...] = ()
    dw: bool = False


class Work(NamedTuple):
    """What an op has to do for a sample, as a plain loop over its formula would.

    Attributes
    ----------
    forward, back, dw : multiply-adds of products: of the output, of gradients on the way back to the inputs, and of
        those of the parameters.
    activated : how many numbers go through which activation, by its code.
    """

    forward: int = 0
    back: int = 0
    dw: int = 0
    activated: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, repr=False)
class Operation:
    """One operation on ``repeat`` rows a sample, each ``n_in`` numbers wide, giving ``n_out``.

    Attributes
    ----------
    w, b : indices into the layer's parameters, -1 for none.
    inputs : what it reads: numbers below the layer's count of inputs mean those, the next ones the layer's earlier
        operations. None: all inputs of the layer for its first operation, then the operation before.
    activity : penalties on the output.
    rest : further parameters, of kinds that find them by themselves; the first ones stand in the record's ``more``.
    geometry, numbers : sizes under the kind's names, and real numbers.
    size : numbers a sample of the output, where they are not ``repeat * n_out``.
    part : of the layer's operations that draw random numbers, which one it is.
    seed : of what it draws, None for the model's.
    state : which of the layer's states it recalls or remembers.
    gives : which output of the layer it gives; where none says so, the last operation gives the only one.
    """

    op: Op
    n_in: int
    n_out: int
    repeat: int = 1
    activation: Activation = activations.linear
    w: int = -1
    b: int = -1
    rate: float = 0.0
    activity: L1L2 = NO_PENALTY
    inputs: tuple[int, ...] | None = None
    rest: tuple[int, ...] = ()
    geometry: tuple[int, ...] = ()
    numbers: tuple[float, ...] = ()
    size: int = 0
    part: int = 0
    seed: int | None = None
    state: int = -1
    gives: int = -1

    @property
    def n_written(self) -> int:
        """Numbers a sample of the output."""
        return self.size or self.repeat * self.n_out

    @property
    def parameters(self) -> list[int]:
        """Indices of all parameters."""
        return [index for index in (self.w, self.b, *self.rest) if index >= 0]

    def __repr__(self) -> str:
        return call_of(self)


def _nothing(operation: Operation) -> int:
    return 0


def _no_room(operation: Operation, rows: int) -> int:
    return 0


def always(operation: Operation) -> bool:
    return True


def _never(operation: Operation) -> bool:
    return False


def _columns(operation: Operation) -> int:
    return operation.n_in


def _stays(op: np.void, a: Views) -> None:
    """Nothing is kept of a batch."""


def _unmeasured(op: np.void, a: Views) -> np.ndarray:
    return np.empty(0)


def _unpooled(op: np.void, a: Views, parts: Sequence[np.ndarray]) -> None:
    """Nothing is measured."""


def activation_work(op: np.void, wants: Wants) -> Work:
    """That of a kind without products."""
    return Work(activated=((int(op["activation"]), int(op["repeat"]) * int(op["n_out"])),))


def kernel_work(op: np.void, wants: Wants) -> Work:
    """That of a kind whose rows are multiplied with ``weights`` numbers, forward and for each gradient."""
    return of_products(int(op["weights"]) * int(op["repeat"]), op, wants)


def of_products(n: int, op: np.void, wants: Wants) -> Work:
    """Of so many multiply-adds going forward, and then an activation."""
    return Work(n, n * wants.dx[0], n * wants.dw, activation_work(op, wants).activated)


def _matrix(op: np.void) -> tuple[int, ...]:
    return int(op["n_in"]), int(op["n_out"])


@dataclass(frozen=True)
class Op:
    """One kind of operation.

    Attributes
    ----------
    code : its number in plans; the C enum ``fnn_op_kind`` is made from the same list.
    forward, backward : the NumPy text; no way back where the output does not follow the inputs smoothly, as a mask.
    keeps : whether training keeps an array as large as the output for the way back, ``a.z``.
    weights : numbers of parameters that a row is multiplied with: by them blocks and threads are cut.
    work : what there is to do for a sample, from the plan's record: by it times are judged.
    scratch : numbers of workspace that the way back to the input wants.
    geometry : names of the sizes a plan's record keeps beside ``n_in``, ``n_out`` and ``repeat``.
    shape : of the parameter ``w``, from the plan's record.
    units : what threads may share of the parameters' gradients.
    room : numbers of workspace, ``a.room``, that a block of so many samples wants in training.
    by_sample : whether inputs are whole samples, ``(samples, numbers a sample)``, and no rows as wide as the output's.
    activates : whether the op can apply an activation, as its last step; its way back then begins with that one's.
    measures : whether an op in training needs all samples of the batch before it gives the first; then ``settle`` moves
        what is kept of all batches, after the update.
    summary, pool : of such an op, what it has measured as a flat float64 vector, and what makes such vectors, of parts
        of a batch, what is measured of all of it.
    remembers : whether an op leaves something for the next batch when ``settle`` is called, in prediction, too; all
        samples of a batch are one block then.
    by_shards : whether native kernels make the parameters' gradients of several shards of a block in one pass, where
        rows are samples.
    idle : whether the op gives in prediction what it reads, so that plans for prediction do without it.
    multiplies : whether the op multiplies its input by the kernel ``w``, under ``mixed_bfloat16`` in bf16.
    passes_gradient : whether the gradient of the output is that of the input, one array for both; no way back then.
    back_in_place : whether the gradient of the first input may stand where that of the output does, if they are equally
        large: of each number it is read before it is written, and then by ``backward_params`` at most.
    forward_in_place : whether the output may stand where the first input does, likewise; the way back reads neither.
    """

    code: int
    name: str
    forward: Callable[[np.void, Views, When], None]
    backward: Callable[[np.void, Views, When], None] | None = None
    keeps: Callable[[Operation], bool] = lambda operation: operation.activation.keeps_z
    weights: Callable[[Operation], int] = _nothing
    work: Callable[[np.void, Wants], Work] = activation_work
    scratch: Callable[[Operation], int] = _nothing
    geometry: tuple[str, ...] = ()
    shape: Callable[[np.void], tuple[int, ...]] = _matrix
    units: Callable[[Operation], int] = _columns
    room: Callable[[Operation, int], int] = _no_room
    by_sample: bool = False
    activates: Callable[[Operation], bool] = _never
    measures: bool = False
    settle: Callable[[np.void, Views], None] = _stays
    summary: Callable[[np.void, Views], np.ndarray] = _unmeasured
    pool: Callable[[np.void, Views, Sequence[np.ndarray]], None] = _unpooled
    remembers: bool = False
    by_shards: bool = False
    idle: Callable[[Operation], bool] = _never
    multiplies: bool = False
    passes_gradient: bool = False
    back_in_place: Callable[[Operation], bool] = _never
    forward_in_place: Callable[[Operation], bool] = _never

    @property
    def has_way_back(self) -> bool:
        """Whether the output may have a gradient."""
        return self.backward is not None or self.passes_gradient

    def sizes(self, op: np.void | Mapping[str, Any]) -> Sizes:
        """The geometry of a plan's record, by its names."""
        return self._sizes(*(int(size) for size in op["geometry"][: len(self.geometry)]))

    @cached_property
    def _sizes(self) -> Callable[..., Sizes]:
        return cast("Callable[..., Sizes]", namedtuple("Sizes", self.geometry))

    def __repr__(self) -> str:
        return f"<op kind {self.name}>"
