"""Models of other libraries as ours, and ours as theirs, as ONNX files and as C code; each library is optional."""

__all__: list[str] = []
