"""Other libraries, which all are optional."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

PACKAGES = {"torch": "torch", "keras": "keras", "sklearn": "scikit-learn", "h5py": "h5py", "onnx": "onnx"}
KERAS_BACKENDS = "tensorflow", "jax", "torch", "openvino"


def needed(module: str, asker: str) -> ModuleType:
    """A module of another library.

    Raises
    ------
    ModuleNotFoundError
        it is not installed, or what Keras computes with; the message says what to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if module == "keras" and error.name in KERAS_BACKENDS:
            raise ModuleNotFoundError(
                f"{asker} needs keras, which computes with {error.name} here, and that is not installed: set the "
                f"variable KERAS_BACKEND to one that is, such as torch or jax, or pip install {error.name}",
                name=error.name,
            ) from None
        if error.name != module:
            raise
        raise ModuleNotFoundError(
            f"{asker} needs {PACKAGES[module]}, which is not installed: pip install {PACKAGES[module]}", name=module
        ) from None
