"""The NEON kernels on any machine: built by a cross compiler, run by an emulator of 64-bit ARM.

:class:`Emulated` offers what the tests use of the native backend, so that the same call runs on both. Every call
starts the emulator once, with the arrays on its standard input; :meth:`Emulated.together` puts many into one start.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import shutil
import struct
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from fastnn._plan import outputs

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "fastnn/_kernels/native/c"
DRIVER = Path(__file__).with_name("neon_driver.c")
COMPILER = "aarch64-linux-gnu-gcc"
EMULATORS = ("qemu-aarch64", "qemu-aarch64-static")
GEMM, MATH, ACTIVATE, ACTIVATE_BACK, FORWARD, LOSS, UPDATE, TRAIN, PREDICT = range(9)  # as in neon_driver.c
REQUEST = struct.Struct("<4i8q2d")
NOTHING = np.zeros(0)


def emulator() -> str | None:
    """Path of the emulator."""
    return next(filter(None, map(shutil.which, EMULATORS)), None)


def why_not() -> str | None:
    """None when the kernels can be built and run here, else the reason."""
    if not (ROOT / "setup.py").exists():
        return "the sources are not there"
    if shutil.which(COMPILER) is None:
        return f"{COMPILER} is missing (Debian: gcc-aarch64-linux-gnu libc6-dev-arm64-cross)"
    return None if emulator() else f"{EMULATORS[0]} is missing (Debian: qemu-user)"


def program(whole: bool) -> Path:
    """The driver with all kernels, from the folder ``build`` when it was made from these very sources.

    Without ``whole``, with those of float32 alone and not optimised, which takes a twentieth of the time.
    """
    sources = [
        ROOT / "setup.py",
        DRIVER,
        Path(__file__),
        *sorted(path for path in SOURCES.rglob("*") if path.is_file()),
    ]
    text = b"".join(path.read_bytes() for path in sources)
    import fcntl  # not on Windows, where nothing of this runs

    kept = ROOT / "build/neon" / (hashlib.sha256(text).hexdigest()[:16] + ("" if whole else "-f32"))
    kept.parent.mkdir(parents=True, exist_ok=True)
    with open(kept.parent / "lock", "w") as lock:  # of several processes that test, one compiles
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
                build(Path(folder), whole).replace(kept)
    return kept


def build(folder: Path, whole: bool) -> Path:
    """Compile the driver and the kernels of NEON with the flags of setup.py; the program.

    What ``fnn_select`` names besides is never called, and stands at the address 0.
    """
    wanted = _constants(ROOT / "setup.py", "COMMON", "BASELINE", "ISAS")
    flags = [*wanted["COMMON"], *([] if whole else ["-O0"]), "-Werror", f"-I{SOURCES}"]
    kernels = {f"{isa}_{kind}": own for isa, own in wanted["ISAS"]["arm"].items() for kind in ("f32", "f64")}
    tested = ("neon_f32", "neon_f64") if whole else ("neon_f32",)
    jobs = [(SOURCES / f"isa_{name}.c", kernels[name]) for name in tested]  # the long ones first
    jobs += [(source, []) for source in (*(SOURCES / f"{name}.c" for name in wanted["BASELINE"]), DRIVER)]

    def compiled(job):
        target = folder / f"{job[0].stem}.o"
        _run([COMPILER, *flags, *job[1], "-c", str(job[0]), "-o", str(target)])
        return str(target)

    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(compiled, jobs))
    linked, absent = folder / "neon_driver", [f"-Wl,--defsym=fnn_{name}=0" for name in kernels.keys() - {*tested}]
    _run([COMPILER, "-static", *objects, *absent, "-o", str(linked), "-lm", "-lpthread"])
    return linked


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _constants(path: Path, *names: str) -> dict:
    """Values of a script's constants, without running what else it does."""
    found: dict = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            with contextlib.suppress(Exception):  # those that call something
                found[node.targets[0].id] = eval(compile(ast.Expression(node.value), path, "eval"), {}, found)
    return {name: found[name] for name in names}


class Emulated:
    """The NEON kernels behind the functions of the native backend; arrays are changed in place."""

    def __init__(self, whole: bool = True):
        self.command = [str(emulator()), str(program(whole)), "neon"]
        self.waiting: list | None = None

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
        sent = []
        for head, arrays in calls:
            sent.append(head)
            for array in arrays:
                sent += [struct.pack("<q", array.nbytes), array.tobytes()]
        done = subprocess.run(self.command, input=b"".join(sent), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        at = 0
        for array in (array for _, arrays in calls for array in arrays):
            if array.flags.writeable:
                array[...] = np.frombuffer(done.stdout, array.dtype, array.size, at).reshape(array.shape)
            at += array.nbytes
        assert at == len(done.stdout)

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
