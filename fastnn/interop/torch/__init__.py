"""Exchange with PyTorch: modules of networks, networks of modules, and weights under PyTorch's names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn.interop.libraries import needed
from fastnn.interop.torch.weights import load_torch_weights as load_torch_weights
from fastnn.interop.torch.weights import save_torch_weights as save_torch_weights

if TYPE_CHECKING:
    from torch import nn

    from fastnn.models import Model


def to_torch(model: Model) -> nn.Module:
    """A model as a ``torch.nn.Module`` that takes the same arrays as ``predict``, as tensors, channels last.

    Parameters
    ----------
    model : a built :class:`fastnn.Sequential` or :class:`fastnn.Model`.

    Returns
    -------
    torch.nn.Module
        in ``eval()``; layers are submodules under their names (``nn.Linear``, ``nn.Conv2d``, ``nn.LSTM``, ...), with
        PyTorch's names and layouts of parameters. Layers that are not trained have ``requires_grad=False``. Dropout and
        augmentation act after ``train()``. With several outputs it gives a list or a dict, as ``predict`` does.

    Raises
    ------
    ModuleNotFoundError
        PyTorch is not installed.
    TypeError
        ``model`` is none, or has a layer of your own NumPy code, which the message names.
    fastnn.NotReadyError
        the model is not built.

    Penalties, constraints and initialisers have no place in a module. ``nn.BatchNorm2d`` keeps the variance of batches
    divided by one number less than ours; its ``momentum`` is ``1 - momentum``. An embedding's number that is no row's
    is an error where ours is NaN.

    >>> import fastnn
    >>> from fastnn.interop import to_torch
    >>> model = fastnn.Sequential([fastnn.layers.Dense(8, "relu", input_shape=(4,)), fastnn.layers.Dense(1)])
    >>> network = to_torch(model)  # doctest: +SKIP
    >>> list(network.state_dict())  # doctest: +SKIP
    ['dense.weight', 'dense.bias', 'dense_1.weight', 'dense_1.bias']
    """
    needed("torch", "to_torch")
    from fastnn.interop.torch.network import Network

    return Network(model)


def from_torch(module: nn.Module, inputs: object, *, channels_last: bool = False, batch_axis: int = 0) -> Model:
    """A module of PyTorch as a :class:`fastnn.Model` with its weights.

    Its forward method is followed by ``torch.fx``: ``nn.Sequential``, and any class of your own whose forward always
    takes the same steps, of modules, functions and methods of tensors that are known here.

    Parameters
    ----------
    module : what is exported is how it predicts, as in ``eval()``; its mode stays as it is.
    inputs : the shape of one sample as the module has it, such as ``(3, 32, 32)``, with None for a length that differs
        from batch to batch; or an example of a batch; or a list of them for several inputs.
    channels_last : whether images ``(channels, height, width)`` among inputs and outputs are ``(height, width,
        channels)`` for the model; without it the model takes the module's own arrays.
    batch_axis : which axis of the module's inputs is the batch: 1 for recurrent networks with ``batch_first=False``.
        That of the model is the first one.

    Returns
    -------
    Model
        of float64 where all parameters are, else float32. Layers have the names of their modules. Dropout acts in
        training with its rates; layers of modules without ``requires_grad`` are not trained.

    Raises
    ------
    ModuleNotFoundError
        PyTorch is not installed.
    TypeError
        ``module`` is none, or ``inputs`` are no shapes.
    ValueError
        forward cannot be traced, or a module or call in it has no counterpart; the message names it.

    >>> import torch  # doctest: +SKIP
    >>> from fastnn.interop import from_torch
    >>> network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))  # doctest: +SKIP
    >>> from_torch(network, (4,)).output_shape  # doctest: +SKIP
    (None, 1)
    """
    needed("torch", "from_torch")
    from fastnn.interop.torch.reading.model import model_of

    return model_of(module, inputs, channels_last, batch_axis)
