"""The contract: what a backend module offers. Every backend has exactly these functions.

Nouns: a :class:`fastnn._plan.plan.Plan`, the :class:`fastnn._plan.memory.Memory` it works in, :class:`Rows` of data and
the :class:`Course` of a fit. All vectors of ``memory`` are 64-byte aligned, C-contiguous and of the model's dtype
(float32 or float64). Callers guarantee all shapes and dtypes; backends check nothing. ``sums`` are float64. A block is
at most ``header.block_rows`` samples; where a loss is ``balanced``, a block is the batch.

In a plan without losses a value may have the place of one that no later op reads, row upon row. So each row passes
through the ops in their order, and when they are done only outputs, and what is remembered, are there. A ``pooled``
convolution and its maxima count as one op, and no op writes where it reads.

``train`` equals the loop of :func:`fastnn._kernels.steps.train_step`, which is also what runs under a custom loss or
a callback for every batch. Native backends run ``train`` and ``predict`` without the GIL.

Design: a call ends after ``run.max_steps`` updates, in the middle of an epoch if need be, and the next
call goes on from ``run``. So Python keeps a time limit or moves a progress bar every 50 ms, whatever the
length of an epoch. Within one long batch, and within a prediction of many rows, backends hear Ctrl-C
themselves (see :mod:`fastnn._base.interrupts`): what they raise leaves parameters as before the batch.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.reprs import call_of
from fastnn._base.sparse import AnyRows, SparseRows
from fastnn._base.windows import WindowRows
from fastnn._plan.memory import Memory
from fastnn._plan.plan import Plan
from fastnn._plan.records import ANSWER, SOURCE

if TYPE_CHECKING:
    import numpy.typing as npt

VERSION = 2  # of these functions; a backend of another package says in CONTRACT which it was written for
FUNCTIONS = ("supports", "forward", "loss", "backward", "update", "gradient", "train", "predict")
CLOCKED = ("profile",)  # a backend may do without; then nobody can ask it where time goes
OF_SHARDS = ("loss_of_shards", "backward_of_shards", "train_of_shards")  # all, or one shard follows another


@dataclass(frozen=True, eq=False)
class Rows:
    """Data, row by row: inputs, targets and weights, one array for each input and output of the model.

    Attributes
    ----------
    inputs : C-contiguous ``(n, numbers a sample)`` of the model's dtype, or sparse rows, or windows.
    targets : ``(n, numbers a sample)`` of the dtype, or int32 ``(n, repeat)`` for a sparse loss.
    weights : ``(n,)`` of the dtype, or None for ones.
    """

    inputs: tuple[AnyRows, ...]
    targets: tuple[np.ndarray, ...] = ()
    weights: tuple[np.ndarray | None, ...] = ()

    def __len__(self) -> int:
        return len(self.inputs[0])

    def __repr__(self) -> str:
        return call_of(self)

    def __getstate__(self) -> dict[str, object]:
        """What a copy takes along: not the addresses below, which are of this one's arrays."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @cached_property
    def digest(self) -> int:
        """CRC-32 of all arrays."""
        found = 0
        for part in (*self.inputs, *self.targets, *self.weights):
            made = (
                [part]
                if isinstance(part, np.ndarray) or part is None
                else [getattr(part, f.name) for f in fields(part)]
            )
            for array in made:
                if isinstance(array, np.ndarray):
                    content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
                    found = zlib.crc32(content, found)  # type: ignore[arg-type]  # any buffer
        return found

    def part(self, rows: slice) -> Rows:
        """Some of the rows, without a copy."""
        return Rows(
            tuple(x[rows] for x in self.inputs),
            tuple(target[rows] for target in self.targets),
            tuple(None if weight is None else weight[rows] for weight in self.weights),
        )

    @cached_property
    def sources(self) -> np.ndarray:
        """SOURCE records of the inputs; they hold addresses, so the rows must outlive them."""
        return sources(self.inputs)

    @cached_property
    def answers(self) -> np.ndarray:
        """ANSWER records of targets and weights, likewise."""
        table = np.zeros(len(self.targets), ANSWER)
        places = table["target"], table["weight"]  # to walk over records takes longer
        for i, (target, weight) in enumerate(zip(self.targets, self.weights, strict=True)):
            places[0][i] = _address(target)
            if weight is not None:
                places[1][i] = _address(weight)
        return table


def sources(inputs: Sequence[AnyRows]) -> np.ndarray:
    """SOURCE records of arrays that the caller keeps alive."""
    table = np.zeros(len(inputs), SOURCE)
    for i, x in enumerate(inputs):
        if isinstance(x, SparseRows):
            table[i] = (0, *map(_address, (x.values, x.columns, x.starts)), 0)
        elif isinstance(x, WindowRows):
            table[i] = (_address(x.values), 0, 0, 0 if x.starts is None else _address(x.starts), x.pitch)
        else:
            table["x"][i] = _address(x)
    return table


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])  # in half the time of array.ctypes.data


def rates_of(learning_rates: np.ndarray, decays: npt.ArrayLike = 1.0, drops: npt.ArrayLike = 1.0) -> np.ndarray:
    """Rates of a :class:`Course` from learning rates, and factors of the weight decay and of the rates of dropout."""
    table = np.ones((len(learning_rates), 3))
    table[:, 0], table[:, 1], table[:, 2] = learning_rates, decays, drops
    return table


@dataclass(frozen=True, eq=False)
class Course:
    """How a fit goes on.

    Attributes
    ----------
    order : int32 ``(n_samples,)``; filled at the start of each epoch (kept between calls), or left as it came when
        ``run.shuffle`` is 0.
    run : RUN record, advanced. ``status`` becomes 1 when a batch's loss is not finite; that update is not made and the
        call returns. After each epoch ``wait`` and ``best`` follow its mean loss; when ``wait`` exceeds a ``patience``
        that is not negative, ``status`` becomes 2 and the call returns.
    rates : float64 ``(updates, 3)``, a row for each update of this call or a single one for all: its learning rate,
        what the optimiser's weight decay is multiplied by, and what the rates of dropout are. A vector is learning
        rates alone, with factors of 1.
    sums : float64 ``(epochs touched at most, n_sums)``; row ``epoch - run.first_epoch`` is added to. The loss's sum
        includes ``penalty * rows`` of every batch.
    """

    order: np.ndarray
    run: np.ndarray
    rates: np.ndarray
    sums: np.ndarray

    def __post_init__(self) -> None:
        if self.rates.ndim == 1:
            object.__setattr__(self, "rates", rates_of(self.rates))

    def __repr__(self) -> str:
        return call_of(self)


def supports(plan: Plan) -> str | None:
    """None when the backend can run the plan, else the reason why not."""
    raise NotImplementedError


def forward(
    plan: Plan,
    memory: Memory,
    inputs: Sequence[np.ndarray],
    training: bool = False,
    step: int = 0,
    first_row: int = 0,
    dropping: float = 1.0,
) -> tuple[np.ndarray, ...]:
    """Push a block through all ops; returns views ``(rows, numbers a sample)`` of the outputs in the workspace.

    ``training`` applies dropout with the mask of ``step`` (updates done so far) for rows ``first_row ...`` of the
    batch, at its rate times ``dropping``. A loss that has ``fused`` leaves logits in its output.
    """
    raise NotImplementedError


def loss(
    plan: Plan,
    memory: Memory,
    targets: Sequence[np.ndarray],
    weights: Sequence[np.ndarray | None],
    sums: np.ndarray,
    scale: float,
) -> None:
    """Losses of the block that ``forward`` has just pushed.

    Adds ``factor * sum(weight * loss)`` of each to ``sums[0]``, without the factor to its own place where there are
    several, and the metrics' statistics behind them; writes ``factor * scale * weight`` times the gradient of each
    row's loss to its output's gradient and, when the loss is fused, turns the logits there into the prediction. Rows
    with ``repeat`` positions count each position with weight ``1 / repeat`` in the loss and with the row's weight in
    the statistics.

    Positions where a loss's ``mask`` is 0 are not looked at: whatever is predicted there, they add nothing and have a
    gradient of zeros. With ``balanced`` the others are multiplied by what makes them all of the block: the number of
    all positions over theirs; where weights divide a batch, the weights of all over theirs; 1 where nothing does; 0
    where none counts. Statistics leave out the same positions, but for kept predictions, each followed by 1 or 0.
    """
    raise NotImplementedError


def backward(
    plan: Plan, memory: Memory, inputs: Sequence[np.ndarray], accumulate: bool = False, activity_scale: float = 0.0
) -> None:
    """Gradients of the block from its outputs' gradients: set in ``grads``, or added when ``accumulate``.

    ``activity_scale`` is what penalties on the ops' outputs are multiplied by: 1 over the rows of the batch.
    """
    raise NotImplementedError


def loss_of_shards(
    plan: Plan,
    memory: Memory,
    targets: Sequence[np.ndarray],
    weights: Sequence[np.ndarray | None],
    sums: np.ndarray,
    scale: float,
    shards: np.ndarray,
) -> None:
    """``loss`` of a block of shards: each as if it were a block, with a row of ``sums``, ``(shards, n_sums)``.

    ``shards`` are as in :func:`backward_of_shards`.
    """
    raise NotImplementedError


def backward_of_shards(plan: Plan, memory: Memory, inputs: Sequence[np.ndarray], shards: np.ndarray) -> None:
    """``backward`` of a block of shards, whose gradients are made one by one and added by a tree.

    ``shards`` is int64 ``(shards, 2)``. Each has the next so many rows of the block: their gradients, made from zero,
    are laid on a stack, and then so many times the two on top become their sum, the lower one first; what is left in
    the end is set in ``grads``. So the bits are those of ``backward`` called for each shard. Asked for only where
    :func:`fastnn._engine.together.passes_together`.
    """
    raise NotImplementedError


def train_of_shards(plan: Plan, memory: Memory, rows: Rows, course: Course, full: np.ndarray, last: np.ndarray) -> None:
    """``train`` on batches of shards, each batch a block.

    ``full`` are the shards of a batch of ``header.batch_size`` rows, as in :func:`backward_of_shards`, and ``last``
    those of the last batch of an epoch. Equals ``loss_of_shards``, whose rows are added in their order,
    ``backward_of_shards`` and ``update`` called in a loop. Asked for only where
    :func:`fastnn._engine.together.trains_at_once`.
    """
    raise NotImplementedError


def update(
    plan: Plan, memory: Memory, step: int, learning_rate: float, penalty_scale: float = 1.0, decay: float = 1.0
) -> float:
    """Add ``penalty_scale`` times the penalties' gradients, clip, update ``params`` and ``slots``, project ``params``.

    Steps count from 1; the weight decay is multiplied by ``decay``; the projections are those of the constraints.
    Returns ``penalty_scale`` times the penalty (l1 and l2) of the parameters before the update. With penalties, what is
    left in ``grads`` is not specified. Parameters that are not trained stay as they are.
    """
    raise NotImplementedError


def gradient(plan: Plan, memory: Memory, rows: Rows, sums: np.ndarray, step: int = 0, dropping: float = 1.0) -> None:
    """Losses and their gradient over all rows at once, as for one batch.

    Penalties on outputs are part of both, those on parameters are not. Dropout is as in ``forward``. Adds to
    ``sums`` ``(n_sums,)`` and sets ``grads``, which are not specified when the loss is not finite.
    """
    raise NotImplementedError


def train(plan: Plan, memory: Memory, rows: Rows, course: Course) -> None:
    """Train from where ``course.run`` stands until ``run.last_epoch`` or for ``run.max_steps`` updates."""
    raise NotImplementedError


def profile(plan: Plan, memory: Memory, rows: Rows, course: Course, laps: np.ndarray, of_thread: bool = False) -> float:
    """``train``, with the same bits, that says where its time goes; returns seconds a tick.

    ``laps`` is int64 ``(threads, slots, 2)``, zeros as :func:`fastnn._kernels.laps.new_laps` makes them, and no more
    threads work: each stage's and op's slot gets ticks, without those of the clock itself, and how often; slot 0 is for
    the backend. ``of_thread`` counts only while a thread runs: not when others have its processor.
    """
    raise NotImplementedError


def predict(plan: Plan, memory: Memory, inputs: Sequence[AnyRows], out: Sequence[np.ndarray]) -> None:
    """Predict all rows of the inputs into ``out``, an array ``(n, numbers a sample)`` for each output, by blocks."""
    raise NotImplementedError
