"""What figures depend on beside the code: the machine, the build, the versions."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import fastnn
from fastnn import _kernels
from fastnn._base import threads
from fastnn._kernels.peak import last_cache


def native():
    """The native backend, or None where it is not built."""
    return None if _kernels.why_not("cython") else _kernels.load("cython")


def isas() -> list[str]:
    """Instruction sets of the native backend that run here, best first."""
    return [name for name, _, runs in native().isas() if runs] if native() else []


def cores() -> int:
    """Processors that this process may use."""
    return threads.machine_threads()


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def describe() -> dict:
    """All of it, to stand beside the figures."""
    return {
        "cpu": _cpu(),
        "cores": cores(),
        "last_cache": last_cache(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "isa": native().isa() if native() else None,
        "compiler": native().compiler() if native() else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "fastnn": fastnn.__version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
