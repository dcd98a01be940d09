"""What this installation is: ``fastnn.show_config()``."""

from __future__ import annotations

import platform

import numpy as np

from fastnn import _kernels
from fastnn._base.threads import get_num_threads
from fastnn._version import __version__


def show_config() -> None:
    """Print version, backends (and why not), instruction sets, threads, Python and NumPy.

    >>> import fastnn
    >>> fastnn.show_config()  # doctest: +ELLIPSIS
    fastnn ..., Python ..., NumPy ...
    backend in use: ...
    """
    print("\n".join(config_lines()))


def config_lines() -> list[str]:
    """The lines that :func:`show_config` prints."""
    lines = [
        f"fastnn {__version__}, Python {platform.python_version()}, NumPy {np.__version__}, "
        f"{platform.system()} {platform.machine()}",
        f"backend in use: {_kernels.get_backend()}",
    ]
    for name in _kernels.PREFERENCE:
        reason = _kernels.why_not(name)
        lines.append(f"  {name:7} {'available' if reason is None else reason}")
    for name in _kernels.third_party():
        lines.append(f"  {name:7} of another package, loaded when named")
    if _kernels.why_not("cython") is None:
        native = _kernels.load("cython")
        for isa, compiled, runs in native.isas():
            state = "not compiled" if not compiled else "compiled" if runs else "compiled, not on this machine"
            lines.append(f"  isa {isa:9} {state}{', in use' if isa == native.isa() else ''}")
        prefix = {"avx512": "avx512_", "avx2": "avx_"}.get(native.isa(), "no other")
        if extras := [name for name in native.extras() if name.startswith(prefix)]:
            lines.append(f"  with {', '.join(extras)}")
    lines.append(f"threads: at most {get_num_threads()}")
    return lines
