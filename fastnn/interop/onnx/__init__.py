"""ONNX files: :func:`to_onnx` writes what a model predicts, :func:`from_onnx` makes a model of a file."""

from fastnn.interop.onnx.writing import to_onnx as to_onnx

__all__ = ["to_onnx"]
