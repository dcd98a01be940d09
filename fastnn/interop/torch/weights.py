"""Weights alone under PyTorch's names, as safetensors, written and read without PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import shown
from fastnn._base.tensor_file import DTYPES, TensorFile, check_name
from fastnn._base.types import StrPath
from fastnn._base.writing import write_atomically
from fastnn.interop.torch.chart import arrays_of, chart_of, weights_of
from fastnn.models.files import in_order, opened

if TYPE_CHECKING:
    from fastnn.models import Model

COUNTER = "num_batches_tracked"  # of PyTorch's batch normalisation
KNOWN = DTYPES | {
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),  # the upper half of a float32
    "I64": np.dtype("<i8"),  # counters
}


def save_torch_weights(model: Model, path: StrPath) -> None:
    """Write a model's weights to a safetensors file under the names of ``to_torch(model).state_dict()``.

    ``to_torch(model).load_state_dict(safetensors.torch.load_file(path))`` takes them, and so does any module with the
    same names and shapes. PyTorch is not needed.

    Parameters
    ----------
    model : a built model.
    path : a file name; what stands there is replaced as a whole.

    Raises
    ------
    OSError
        the file cannot be written; what stands at ``path`` is as it was.
    TypeError, ValueError, fastnn.NotReadyError
        as of :func:`to_torch`; the ending of the name is another format's.

    >>> import fastnn
    >>> from fastnn.interop import load_torch_weights, save_torch_weights
    >>> model = fastnn.Sequential([fastnn.layers.Dense(1, input_shape=(2,))])
    >>> save_torch_weights(model, "weights.safetensors")
    >>> load_torch_weights(model, "weights.safetensors")
    """
    name = check_name(path, "safetensors.torch.load_file")
    chart, _ = chart_of(model)
    arrays = arrays_of(model, chart)
    for key in [key for key in arrays if key.endswith(".running_mean")]:
        arrays[f"{key.removesuffix('running_mean')}{COUNTER}"] = np.array(0)
    write_atomically(name, in_order(arrays, {"format": "pt"}))


def load_torch_weights(model: Model, path: StrPath) -> None:
    """Set a model's weights from a safetensors file with PyTorch's names and layouts; all change or none.

    Parameters
    ----------
    model : a built model; the names in the file are those of ``to_torch(model).state_dict()``.
    path : a file that :func:`save_torch_weights` or ``safetensors.torch.save_file(module.state_dict(), path)`` wrote,
        of float16, bfloat16, float32 or float64. The counters ``num_batches_tracked`` are not read.

    Raises
    ------
    FileNotFoundError, ValueError
        there is no such file; it is damaged, lacks an array, has one too many or one of another shape.
    """
    chart, _ = chart_of(model)
    with opened(path) as file:
        file.find_arrays(KNOWN)
        arrays = {name: _array(file, name) for name in file.entries if not name.endswith(f".{COUNTER}")}
        weights = weights_of(model, chart, arrays)
    model.set_weights(weights)


def _array(file: TensorFile, name: str) -> np.ndarray:
    array = file.array(name)
    if array.dtype.kind == "i":
        raise ValueError(f"array {shown(name)} must hold real numbers, got whole ones")
    if file.header[name]["dtype"] == "BF16":
        return (array.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return array
