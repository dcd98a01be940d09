"""The kernels on other machines: built by a cross compiler, run by an emulator of 64-bit ARM, or by Wine as on Windows.

:class:`Emulated` offers what the tests use of the native backend, so that the same call runs on both. Arrays
go to the program's standard input and come back from its output. ARM's runs until :meth:`Emulated.close`; for Windows
every call starts it once, and :meth:`Emulated.together` puts many into one start.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import shutil
import struct
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cross
import numpy as np
from cross import DRIVER, ROOT, SOURCES, run

from fastnn._plan import outputs

GEMM, MATH, ACTIVATE, ACTIVATE_BACK, FORWARD, LOSS, UPDATE, TRAIN, PREDICT = range(9)  # as in kernel_driver.c
REQUEST = struct.Struct("<4i8q2d")
NOTHING = np.zeros(0)
GCC = "aarch64-linux-gnu-gcc"
BUILT = ROOT / "build/machines"


@dataclass(frozen=True)
class Machine:
    """A kind of machine: the target of the compiler, and programs that can run what was compiled, the first found."""

    target: cross.Target
    runners: tuple[str, ...]
    packages: str  # of Debian, for what is missing

    @property
    def runner(self) -> str | None:
        """Path of what runs programs of this machine."""
        return next(filter(None, map(shutil.which, self.runners)), None)

    @property
    def compiler(self) -> list[str]:
        """GCC's cross compiler, else zig; without any, nothing."""
        if self.target.triple.startswith("aarch64-linux") and shutil.which(GCC):
            return [GCC, "-static"]
        if self.target.triple == "x86_64-linux-gnu":
            return ["gcc", "-static"]
        command = cross.zig()
        return [*command, "-target", self.target.triple, "-fno-sanitize=undefined"] if command else []

    def why_not(self) -> str | None:
        """None when kernels can be built and run here, else the reason."""
        if not (ROOT / "setup.py").exists():
            return "the sources are not there"
        if self.runner is None:
            return f"{self.runners[0]} is missing (Debian: {self.packages})"
        return None if self.compiler else f"there is no compiler (Debian: {self.packages}), and no zig; {cross.INSTALL}"


ARM = Machine(
    cross.Target("aarch64-linux-musl", "arm"),
    ("qemu-aarch64", "qemu-aarch64-static"),
    "gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user",
)
HERE = Machine(cross.Target("x86_64-linux-gnu", "x86"), ("env",), "gcc libc6-dev")  # what others are compared with
WINDOWS = Machine(cross.Target("x86_64-windows-gnu", "x86", "platform/win32"), ("wine", "wine64"), "wine wine64")


def program(machine: Machine, isas: tuple[str, ...], whole: bool = True) -> Path:
    """The driver with the kernels of these instruction sets, from the folder ``build`` when made of these very sources.

    Without ``whole``, with those of float32 alone and not optimised, which takes a twentieth of the time.
    """
    sources = [ROOT / "setup.py", DRIVER, Path(__file__), Path(cross.__file__)]
    sources += sorted(path for path in SOURCES.rglob("*") if path.is_file())
    text = repr((machine, machine.compiler, isas, whole)).encode() + b"".join(path.read_bytes() for path in sources)
    import fcntl  # not on Windows, where nothing of this runs

    kept = BUILT / f"{hashlib.sha256(text).hexdigest()[:16]}.exe"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with open(kept.parent / "lock", "w") as lock:  # of several processes that test, one compiles
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
                build(machine, isas, Path(folder), whole).replace(kept)
    return kept


def build(machine: Machine, isas: tuple[str, ...], folder: Path, whole: bool) -> Path:
    """Compile the driver and these kernels with the flags of setup.py; the program.

    What ``cpu.c`` names besides is never called, and is an empty table.
    """
    flags = [*cross.settings()["COMMON"], *([] if whole else ["-O0"]), "-Werror", f"-I{SOURCES}"]
    jobs, absent = [], ['#include "kernels.h"\n']
    for source, own in cross.files(machine.target.family, machine.target.system):
        of_kernels, isa, kind = (f"{source.stem}__").split("_")[:3]
        if of_kernels == "isa" and (isa not in isas or (kind == "f64" and not whole)):
            absent.append(f"const fnn_kernels fnn_{isa}_{kind} = {{0}};\n")
        else:
            jobs.append((source, own))
    stub = folder / "absent.c"
    stub.write_text("".join(absent))

    def compiled(job):
        target = folder / f"{job[0].stem}.o"
        own = [flag.replace("x86_64_v2", "x86-64-v2") if "gcc" in machine.compiler[0] else flag for flag in job[1]]
        run([*machine.compiler, *flags, *own, "-c", str(job[0]), "-o", str(target)])
        return str(target)

    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(compiled, [*jobs, (stub, ["-Wno-missing-field-initializers"])]))
    linked = folder / "kernel_driver.exe"
    run([*machine.compiler, *objects, "-o", str(linked), "-lm", "-lpthread"])
    return linked


@cache
def windows() -> str:
    """The folder of Wine's Windows, which goes with this process; its server runs on between calls, not to begin anew.

    Not among the sources: it has a link to the whole file system, which setuptools would follow.
    """
    folder = tempfile.mkdtemp(prefix="fastnn-wine-")
    told, server = os.environ | {"WINEDEBUG": "-all", "WINEPREFIX": folder}, shutil.which("wineserver")

    def serve(*words: str) -> None:
        if server:
            quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
            subprocess.run([server, *words], env=told, check=False, **quiet)

    def end() -> None:
        serve("-k")
        serve("-w")
        shutil.rmtree(folder, ignore_errors=True)

    serve("-p600")  # seconds after the last call: one that starts while the server ends would fail
    atexit.register(end)
    return folder


def _asked(head: bytes, arrays: list) -> bytes:
    """A call as the program reads it."""
    return b"".join([head, *(part for array in arrays for part in (struct.pack("<q", array.nbytes), array.tobytes()))])


def _answered(arrays: list) -> int:
    """Bytes of the answer to a call: all its arrays."""
    return sum(array.nbytes for array in arrays)


def _take(arrays: list, came: bytes) -> None:
    """Put what came into the arrays that can be written."""
    assert len(came) == _answered(arrays)
    at = 0
    for array in arrays:
        if array.flags.writeable:
            array[...] = np.frombuffer(came, array.dtype, array.size, at).reshape(array.shape)
        at += array.nbytes


class Emulated:
    """Kernels of another machine behind the functions of the native backend; arrays are changed in place."""

    def __init__(self, machine: Machine, isa: str, isas: tuple[str, ...] = (), whole: bool = True):
        """Of the instruction set ``isa``, in a program that has all of ``isas``."""
        self.command = [str(machine.runner), str(program(machine, isas or (isa,), whole)), isa]
        self.told = os.environ | ({"WINEDEBUG": "-all", "WINEPREFIX": windows()} if machine is WINDOWS else {})
        self.waiting: list | None = None
        self.lasting = machine is not WINDOWS  # one program for all calls
        self.running: subprocess.Popen | None = None

    @contextlib.contextmanager
    def together(self):
        """A block whose calls all run at its end; their results are there only then."""
        self.waiting = []
        try:
            yield
            self._run(self.waiting)
        finally:
            self.waiting = None

    def _call(self, command: int, arrays: list, item_size: int, whole: tuple = (), real: tuple = ()) -> None:
        numbers = [*whole, *[0] * (8 - len(whole)), *real, *[0.0] * (2 - len(real))]
        call = REQUEST.pack(command, item_size, len(arrays), 0, *numbers), arrays
        if self.waiting is None:
            self._run([call])
        else:
            self.waiting.append(call)

    def _run(self, calls: list) -> None:
        if self.lasting:
            for head, arrays in calls:
                _take(arrays, self._answer(_asked(head, arrays), _answered(arrays)))
            return
        came = self._answers(b"".join(_asked(head, arrays) for head, arrays in calls))
        _take([array for _, arrays in calls for array in arrays], came)

    def _answers(self, requests: bytes) -> bytes:
        """What the program answers; one start of the machine."""
        room = tempfile.TemporaryFile
        with room() as asks, room() as answers, room() as says:  # Wine's services would keep a pipe open for long
            asks.write(requests)
            asks.seek(0)
            done = subprocess.run(self.command, stdin=asks, stdout=answers, stderr=says, env=self.told)
            for file in (answers, says):
                file.seek(0)
            came = answers.read()
            assert done.returncode == 0, f"it ended with {done.returncode}: {says.read().decode(errors='replace')}"
        return came

    def _answer(self, asked: bytes, length: int) -> bytes:
        """What the running program answers: the emulator has translated its code once for all calls."""
        if self.running is None:
            self.says = tempfile.TemporaryFile()  # noqa: SIM115, `close` does
            self.running = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.says, env=self.told
            )
        with contextlib.suppress(BrokenPipeError):
            self.running.stdin.write(asked)
            self.running.stdin.flush()
        came = self.running.stdout.read(length)
        if len(came) < length:
            self.running.wait()
            self.says.seek(0)
            raise AssertionError(f"the program ended with {self.running.returncode}: {self.says.read().decode()}")
        return came

    def close(self) -> None:
        """End the program, if it runs."""
        if self.running is not None:
            with contextlib.suppress(BrokenPipeError):
                self.running.communicate()
            self.says.close()
            self.running = None

    def gemm(self, a, b, c, accumulate=False):
        """As the native backend's; ``a`` is dense or the transposed of a dense array."""
        strides = [stride // a.itemsize for stride in a.strides]
        flat = a if a.flags.c_contiguous else a.T
        sizes = (*c.shape, a.shape[1], *strides, b.shape[1], c.shape[1], accumulate)
        self._call(GEMM, [flat, b, c], a.itemsize, sizes)

    def math(self, function, x, y):
        self._call(MATH, [x, y], x.itemsize, (function, x.size))

    def activate(self, code, parameter, z, y):
        self._call(ACTIVATE, [z, y], z.itemsize, (code, *z.shape), (parameter,))

    def activate_back(self, code, parameter, z, y, dy):
        self._call(ACTIVATE_BACK, [NOTHING if z is None else z, y, dy], y.itemsize, (code, *y.shape), (parameter,))

    def _with_model(self, command, plan, arenas, own, whole=(), real=()):
        tables = plan.tables
        held = [arenas.params, arenas.slots, arenas.states, arenas.grads, arenas.workspace]
        own = [NOTHING if array is None else array for array in own]
        self._call(command, [*tables, *held, *own], arenas.params.itemsize, whole, real)

    def supports(self, plan):
        return None

    def forward(self, plan, memory, inputs):
        self._with_model(FORWARD, plan, memory, inputs)
        return outputs(plan, memory, len(inputs[0]))

    def loss(self, plan, memory, targets, weights, sums, scale):
        rows = np.arange(len(targets[0]), dtype=np.int32)
        self._with_model(LOSS, plan, memory, [targets[0], weights[0], rows, sums], real=(scale,))

    def update(self, plan, arenas, step, learning_rate, penalty_scale=1.0):
        penalty = np.zeros(1)
        self._with_model(UPDATE, plan, arenas, [penalty], (step,), (learning_rate, penalty_scale))
        return penalty[0]

    def train(self, plan, memory, rows, course):
        own = [rows.inputs[0], rows.targets[0], rows.weights[0], course.order, course.run, course.rates, course.sums]
        self._with_model(TRAIN, plan, memory, own)

    def predict(self, plan, memory, inputs, out):
        self._with_model(PREDICT, plan, memory, [inputs[0], out[0]])
