"""Other libraries, which all are optional."""

from __future__ import annotations

import importlib
from typing import Any

PACKAGES = {"torch": "torch", "keras": "keras", "sklearn": "scikit-learn", "h5py": "h5py", "onnx": "onnx"}


def needed(module: str, asker: str) -> Any:
    """A module of another library.

    Raises
    ------
    ModuleNotFoundError
        it is not installed; the message says what to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise ModuleNotFoundError(
            f"{asker} needs {PACKAGES[module]}, which is not installed: pip install {PACKAGES[module]}", name=module
        ) from None
