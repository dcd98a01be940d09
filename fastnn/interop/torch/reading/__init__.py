"""Modules of PyTorch as models: :func:`fastnn.interop.from_torch`."""
