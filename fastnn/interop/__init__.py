"""Models of other libraries as ours, and ours as theirs, as ONNX files and as C code; each library is optional."""

from fastnn.interop.keras import from_keras as from_keras
from fastnn.interop.keras import to_keras as to_keras
from fastnn.interop.onnx import from_onnx as from_onnx
from fastnn.interop.onnx import to_onnx as to_onnx
from fastnn.interop.sklearn import from_sklearn as from_sklearn
from fastnn.interop.sklearn import to_sklearn as to_sklearn
from fastnn.interop.torch import from_torch as from_torch
from fastnn.interop.torch import load_torch_weights as load_torch_weights
from fastnn.interop.torch import save_torch_weights as save_torch_weights
from fastnn.interop.torch import to_torch as to_torch

__all__ = [
    "from_keras",
    "from_onnx",
    "from_sklearn",
    "from_torch",
    "load_torch_weights",
    "save_torch_weights",
    "to_keras",
    "to_onnx",
    "to_sklearn",
    "to_torch",
]
