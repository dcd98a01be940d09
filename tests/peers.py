"""Other libraries that results are compared with, where they are installed."""

from __future__ import annotations

import warnings

import pytest


def torch_library():
    """PyTorch, or the test is skipped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torch", reason="PyTorch is missing, and results are compared with its own")


def keras_library():
    """Keras on PyTorch, or the test is skipped."""
    torch_library()
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setenv("KERAS_BACKEND", "torch")
        return pytest.importorskip("keras", reason="Keras is missing, and results are compared with its own")


def keras_values(layer, x):
    """What a layer of Keras' makes of ``x``, float64."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return layer(x).detach().numpy()
