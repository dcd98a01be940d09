"""Exchange with PyTorch: modules of networks, networks of modules, and weights under PyTorch's names."""

from __future__ import annotations

from typing import Any

from fastnn.interop.libraries import needed
from fastnn.interop.torch.weights import load_torch_weights as load_torch_weights
from fastnn.interop.torch.weights import save_torch_weights as save_torch_weights


def to_torch(model: Any) -> Any:
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
