"""Helpers under the names of ``keras.utils``: seeds, one-hot rows, sequences, norms, data sets, pictures of models.

And :func:`timeseries`, windows of a series as rows, :func:`fold`, a model with its BatchNormalization folded away, and
:func:`profile`, which says where the time of a training step goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fastnn._base.arguments import flag, integer, shown
from fastnn._base.arrays import dense_array, is_sparse, listed, numbers
from fastnn._base.keywords import refuse
from fastnn._base.lazy import not_here
from fastnn._base.random import seed_models
from fastnn._base.timeseries import Windows, timeseries
from fastnn._base.types import StrPath
from fastnn.backend import clear_session
from fastnn.models.folding import fold
from fastnn.models.profiling import profile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

__all__ = [
    "PyDataset",
    "Sequence",
    "Windows",
    "clear_session",
    "fold",
    "normalize",
    "pad_sequences",
    "plot_model",
    "profile",
    "set_random_seed",
    "timeseries",
    "to_categorical",
]
SIDES = ("pre", "post")
MOST_CLASSES = 2**31  # no model has as many; a row of them would fill the memory


class PyDataset:
    """Base of data sets that make their batches when they are asked, as ``keras.utils.PyDataset``.

    A subclass has ``__getitem__(index)``, which gives a batch ``(x, y)`` or ``(x, y, sample_weight)``, and ``__len__``,
    the number of batches; or a property ``num_batches`` in its place, None for a set without an end. It may have
    ``on_epoch_begin()`` and ``on_epoch_end()``. ``fit`` asks for batches in a new order each epoch unless
    ``shuffle=False``.

    Parameters
    ----------
    workers, use_multiprocessing, max_queue_size : taken for Keras' sake, where results do not depend on them either;
        the batch after the one that trains is fetched by one thread.

    >>> import numpy as np
    >>> from fastnn import Sequential, utils
    >>> from fastnn.layers import Dense
    >>> class Lines(utils.PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, index):
    ...         x = np.linspace(index, index + 1, 10).reshape(-1, 1)
    ...         return x, 2 * x
    >>> model = Sequential([Dense(1)], seed=1)
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(Lines(workers=2), epochs=4)
    >>> model.step
    12
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self.workers = integer("workers", workers, low=0)
        self.use_multiprocessing = flag("use_multiprocessing", use_multiprocessing)
        self.max_queue_size = integer("max_queue_size", max_queue_size, low=1)

    def __getitem__(self, index: int) -> object:
        """The batch of this index, from 0."""
        raise NotImplementedError(f"{type(self).__name__} needs __getitem__(index), which gives a batch (x, y)")

    @property
    def num_batches(self) -> int | None:
        """How many batches there are; None for no end."""
        if hasattr(self, "__len__"):
            return len(self)
        raise NotImplementedError(f"{type(self).__name__} needs __len__(), the number of its batches, or num_batches")

    def on_epoch_begin(self) -> None:
        """Be told that an epoch begins."""

    def on_epoch_end(self) -> None:
        """Be told that an epoch is over."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


Sequence = PyDataset  # its name in Keras 1 and 2


def set_random_seed(seed: int) -> None:
    """Seed Python's and NumPy's global generators, and the models that are made without a seed from now on.

    The next model gets ``seed`` itself, the one after it ``seed + 1`` and so on.

    Parameters
    ----------
    seed : whole number in [0, 2**64) that fixes what is drawn; None for the model's seed.

    >>> import fastnn
    >>> fastnn.utils.set_random_seed(7)
    >>> fastnn.Sequential().seed, fastnn.Sequential().seed, fastnn.Sequential(seed=3).seed
    (7, 8, 3)
    """
    import random

    if integer("seed", seed, low=0) >= 2**32:
        raise ValueError(f"seed must be below 2**32, as NumPy's generator wants it, got {seed}")
    random.seed(seed)
    np.random.seed(seed)
    seed_models(seed)


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> np.ndarray:
    """Class indices as one-hot rows.

    Parameters
    ----------
    x : whole numbers from 0, of any shape; a last axis of 1 is dropped.
    num_classes : width of the rows; None for the largest index and one.

    Returns
    -------
    array of the shape of ``x`` with one more axis, of NumPy's default float64 as in Keras.

    Raises
    ------
    ValueError, TypeError
        ``x`` holds other things than class indices, or one beyond ``num_classes``.

    >>> from fastnn.utils import to_categorical
    >>> to_categorical([0, 2, 1], num_classes=3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    classes = _class_indices(x)
    width = int(classes.max(initial=-1)) + 1 if num_classes is None else integer("num_classes", num_classes, low=1)
    if classes.size and classes.max() >= width:
        raise ValueError(f"num_classes is {width}, and x has the class {classes.max()}; classes count from 0")
    rows = np.zeros((classes.size, width))
    rows[np.arange(classes.size), classes.ravel()] = 1
    return rows.reshape(*(() if np.ndim(x) == 0 else classes.shape), width)


def _class_indices(came: object) -> np.ndarray:
    array = numbers("x", came)
    if array.dtype.kind == "f" and not (np.isfinite(array).all() and np.array_equal(array, np.floor(array))):
        raise ValueError("x must hold class indices (whole numbers), got fractions, infinity or NaN")
    if array.size and array.min() < 0:
        raise ValueError(f"x must hold class indices from 0 on, got {array.min():g}")
    if array.size and array.max() >= MOST_CLASSES:
        raise ValueError(f"x must hold class indices below {MOST_CLASSES:,}, got {array.max():g}")
    return (array[..., 0] if array.ndim > 1 and array.shape[-1] == 1 else array).astype(np.intp)


def pad_sequences(
    sequences: object,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: Literal["pre", "post"] = "pre",
    truncating: Literal["pre", "post"] = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Sequences of different lengths as one array.

    Parameters
    ----------
    sequences : sequences of numbers, or of arrays of one shape.
    maxlen : length of all rows; None for that of the longest.
    dtype : of the result.
    padding, truncating : ``"pre"`` or ``"post"``, the end at which short ones are filled and long ones are cut.
    value : what they are filled with.

    Returns
    -------
    array ``(n, maxlen, ...)``

    >>> from fastnn.utils import pad_sequences
    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2).tolist()
    [[0, 1], [2, 3], [5, 6]]
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in SIDES:
            raise ValueError(f'{name} must be "pre" or "post", got {side!r}')
    if hasattr(sequences, "__array__") or is_sparse(sequences):  # a frame would give its columns
        sequences = dense_array("sequences", sequences)
    rows = [_sequence(i, row) for i, row in enumerate(listed("sequences", sequences, "sequences"))]
    longest = max(map(len, rows), default=0)
    length = longest if maxlen is None else integer("maxlen", maxlen, low=1)
    inner = next((row.shape[1:] for row in rows if len(row)), ())
    padded = np.full((len(rows), length, *inner), value, np.dtype(dtype))
    for i, (place, row) in enumerate(zip(padded, rows, strict=True)):
        kept = row[-length:] if truncating == "pre" else row[:length]
        if not len(kept):
            continue
        if kept.shape[1:] != inner:
            raise ValueError(f"all steps of sequences must have one shape, got {inner} and {kept.shape[1:]}")
        _fill(_part(place, len(kept), padding), kept, i)
    return padded


def _fill(place: np.ndarray, kept: np.ndarray, index: int) -> None:
    """Copy a sequence, or raise where its dtype holds what another one cannot."""
    try:
        if kept.dtype.kind in "cV" and kept.dtype.kind != place.dtype.kind:
            raise TypeError(f"they are of dtype {kept.dtype}")
        with np.errstate(invalid="raise", over="raise"):  # NaN and infinity as whole numbers
            place[...] = kept
    except (ArithmeticError, TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"numbers of sequences at index {index} cannot be of dtype {place.dtype}: {error}") from None


def _part(row: np.ndarray, length: int, padding: str) -> np.ndarray:
    return row[len(row) - length :] if padding == "pre" else row[:length]


def _sequence(index: int, came: object) -> np.ndarray:
    if isinstance(came, str) or not hasattr(came, "__len__"):
        raise TypeError(f"sequences must hold sequences of numbers, got {shown(came)} at index {index}")
    return np.asarray(came)


def normalize(x: object, axis: int = -1, order: int = 2) -> np.ndarray:
    """``x`` divided by its norms along an axis; where a norm is 0 the numbers stay 0.

    Parameters
    ----------
    x : numbers of any shape; of one axis, they are one row.
    axis : along which the norms are taken.
    order : of the norm, at least 1.

    >>> from fastnn.utils import normalize
    >>> normalize([[3.0, 4.0], [0.0, 0.0]]).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    array = np.atleast_2d(numbers("x", x))
    norms = np.linalg.norm(array, integer("order", order, low=1), integer("axis", axis), keepdims=True)
    return array / np.where(norms == 0, 1, norms)


def plot_model(
    model: object, to_file: StrPath = "model.png", show_shapes: bool = False, dpi: int = 200, **unknown: object
) -> Axes:
    """Draw a model's graph with :func:`fastnn.plot.graph`, and write the picture.

    Parameters
    ----------
    model : a built model.
    to_file : path of the picture, whose ending names its format; None writes none.
    show_shapes : whether shapes are written into the boxes.
    dpi : dots per inch of a picture of dots.
    **unknown : what only Keras' function has, and what is refused by name.

    Returns
    -------
    the Axes.
    """
    if unknown:
        refuse("plot_model", unknown, ("model", "to_file", "show_shapes", "dpi"))
    from fastnn.plot import graph

    ax: Any = graph(model, show_shapes=show_shapes)
    if to_file is not None:
        ax.figure.savefig(to_file, dpi=integer("dpi", dpi, low=1), bbox_inches="tight")
    found: Axes = ax
    return found


def _unknown(name: str) -> object:
    raise not_here(__name__, name, __all__)


if not TYPE_CHECKING:
    __getattr__ = _unknown
