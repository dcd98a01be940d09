"""Models of other libraries as ours, and ours as theirs, as ONNX files and as C code; each library is optional."""

from fastnn.interop.c import to_c as to_c

__all__ = ["to_c"]
