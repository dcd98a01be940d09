"""Cases of the benches: every backend that runs here, and every instruction set of the native one."""

import machine
import pytest

import fastnn
from fastnn import _kernels


def _cases():
    for name in _kernels.available_backends():
        if name != "cython":
            yield name, None
            continue
        for isa, _, runs in _kernels.load(name).isas():
            if runs:
                yield name, isa


@pytest.fixture(params=list(_cases()), ids=lambda case: "-".join(filter(None, case)))
def backend(request):
    """Name of a backend, with its instruction set forced while the bench runs."""
    name, isa = request.param
    if isa is None:
        yield name
        return
    native = _kernels.load(name)
    before = native.isa()
    native.use_isa(isa)
    yield name
    native.use_isa(before)


def pytest_benchmark_update_machine_info(config, machine_info):
    """What ``compare.py`` looks at beside the machine that pytest-benchmark describes."""
    described = machine.describe()
    machine_info.update({key: described[key] for key in ("isa", "compiler", "numpy")}, threads=fastnn.get_num_threads())
