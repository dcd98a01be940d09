"""Models of other libraries as ours, and ours as theirs, as ONNX files and as C code; each library is optional."""

from fastnn.interop.onnx import from_onnx as from_onnx
from fastnn.interop.onnx import to_onnx as to_onnx

__all__ = ["from_onnx", "to_onnx"]
