"""ONNX files: :func:`to_onnx` writes what a model predicts, :func:`from_onnx` makes a model of a file."""

from fastnn.interop.onnx.reading import from_onnx as from_onnx
from fastnn.interop.onnx.writing import to_onnx as to_onnx

__all__ = ["from_onnx", "to_onnx"]
