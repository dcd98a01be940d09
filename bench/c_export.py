"""Exported C beside that of emlearn and onnx2c: flash and RAM on a Cortex-M4, time on this machine.

Run: ``python bench/c_export.py``; it needs gcc, and for sizes gcc-arm-none-eabi and libnewlib-arm-none-eabi. emlearn
comes by ``pip install emlearn`` (it writes dense networks of scikit-learn, here with the same weights). onnx2c is a
program of its own that pip has not: it is used where it is on the PATH, with what ``to_onnx`` writes. What is missing
is told.

Flash is text and data of a program with ``-Os`` and without unused sections, less those of the same program without a
model: weights, code, and what it takes of the C library. RAM is its data and bss, input, output and the buffers that
the caller hands in among them. A time is the least of 30 runs, of one thread.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fastnn import Input, Sequential
from fastnn.interop import to_c
from fastnn.layers import LSTM, Conv2D, Dense, Flatten, MaxPooling2D

BOARD = Path(__file__).resolve().parents[1] / "tests"
ARM = ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", "-Os", "-ffunction-sections")
LINK = ("-fdata-sections", "-Wl,--gc-sections", "--specs=rdimon.specs", "-T", str(BOARD / "cortex_m4.ld"))
TIMED = """
#include <stdio.h>
#include <time.h>
{head}
static float x[{n_in}], y[{n_out}];
int main(void) {{
    double best = 1e18;
    for (int i = 0; i < {n_in}; ++i) x[i] = (float)(i % 7) / 7.0f;
    for (int run = 0; run < 30; ++run) {{
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        for (int i = 0; i < {calls}; ++i) {{ {call} x[0] = y[0]; }}
        clock_gettime(CLOCK_MONOTONIC, &b);
        const double took = ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec)) / {calls};
        if (took < best) best = took;
    }}
    printf("%.1f", best);
    return 0;
}}
"""
SIZED = """
{head}
extern volatile float x[{n_in}], y[{n_out}];
volatile float x[{n_in}], y[{n_out}];
int main(void) {{ {call} return 0; }}
"""


class Code(NamedTuple):
    """A network in C: what a program includes, the call, further sources and folders of headers."""

    head: str
    call: str
    sources: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


class Case(NamedTuple):
    """A network with rows for its scales."""

    name: str
    model: Sequential
    n_in: int
    n_out: int
    calls: int


def networks() -> list[Case]:
    """Of the sizes that run on microcontrollers."""
    mlp = Sequential([Input((64,)), Dense(64, "relu"), Dense(32, "relu"), Dense(10, "softmax")], seed=1)
    small = Sequential([Input((8,)), Dense(16, "relu"), Dense(3, "softmax")], seed=1)
    layers = Conv2D(8, 3, activation="relu"), MaxPooling2D(2), Conv2D(16, 3, activation="relu"), MaxPooling2D(2)
    cnn = Sequential([Input((28, 28, 1)), *layers, Flatten(), Dense(10, "softmax")], seed=1)
    lstm = Sequential([Input((20, 6)), LSTM(16), Dense(4, "softmax")], seed=1)
    return [
        Case("8-16-3", small, 8, 3, 100_000),
        Case("64-64-32-10", mlp, 64, 10, 10_000),
        Case("cnn 28x28", cnn, 784, 10, 100),
        Case("lstm 20x6-16", lstm, 120, 4, 500),
    ]


def of_fastnn(case: Case, folder: Path, weights: str, whole: bool) -> Code:
    rows = np.random.default_rng(0).normal(size=(50, *case.model.layout.input_shape)) if whole else None
    to_c(case.model, folder, name="own", weights=weights, calibrate=rows)
    head = '#include "own.h"\nstatic float work[OWN_WORK_SIZE];'
    return Code(head, "own_predict((const float *)x, (float *)y, work);", ("own.c",))


def of_emlearn(case: Case, folder: Path) -> Code:
    """Dense networks alone; the last softmax is part of them."""
    import emlearn
    from sklearn.neural_network import MLPClassifier

    layers = [layer for layer in case.model.layers if type(layer).__name__ != "Input"]
    if any(type(layer) is not Dense for layer in layers):
        raise ValueError("of layers other than dense ones it writes none")
    weights = case.model.get_weights()
    widths = tuple(len(bias) for bias in weights[1:-1:2])
    with warnings.catch_warnings(), contextlib.chdir(folder):  # where it stands it leaves files
        warnings.simplefilter("ignore")
        given = np.random.default_rng(0).normal(size=(4 * case.n_out, case.n_in))
        peer = MLPClassifier(widths, max_iter=1).fit(given, np.arange(len(given)) % case.n_out)
        peer.coefs_, peer.intercepts_ = weights[0::2], weights[1::2]
        emlearn.convert(peer, method="inline").save(file=str(folder / "peer.h"), name="peer")
    call = f"peer_predict_proba((const float *)x, {case.n_in}, (float *)y, {case.n_out});"
    if "peer_predict_proba" not in (folder / "peer.h").read_text():
        call = f"eml_net_predict_proba(&peer, (const float *)x, {case.n_in}, (float *)y, {case.n_out});"
    return Code('#include "peer.h"', call, (), (str(Path(emlearn.__file__).parent),))


def of_onnx2c(case: Case, folder: Path) -> Code:
    if shutil.which("onnx2c") is None:
        raise FileNotFoundError("there is no program onnx2c on the PATH")
    from fastnn import interop

    interop.to_onnx(case.model, folder / "net.onnx")
    made = subprocess.run(["onnx2c", str(folder / "net.onnx")], capture_output=True, text=True, check=True)
    (folder / "peer.c").write_text(made.stdout)
    shape = "".join(f"[{n}]" for n in (1, *case.model.layout.input_shape))
    head = f"void entry(const float x{shape}, float y[1][{case.n_out}]);"
    return Code(head, "entry((const void *)x, (void *)y);", ("peer.c",))


PEERS: dict[str, Callable[[Case, Path], Code]] = {
    "fastnn float32": lambda case, folder: of_fastnn(case, folder, "float32", False),
    "fastnn int8": lambda case, folder: of_fastnn(case, folder, "int8", False),
    "fastnn int8, whole": lambda case, folder: of_fastnn(case, folder, "int8", True),
    "emlearn float": of_emlearn,
    "onnx2c": of_onnx2c,
}


def compiled(compiler: str, code: Code, text: str, folder: Path, *options: str) -> Path:
    (folder / "program.c").write_text(text)
    sources = ["program.c", *code.sources]
    folders = [f"-I{path}" for path in (".", *code.folders)]
    command = [compiler, *options, *folders, *sources, "-o", "program.out", "-lm"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if made.returncode:
        raise RuntimeError(made.stderr.splitlines()[0] if made.stderr else "the compiler failed")
    return folder / "program.out"


def sizes(case: Case, code: Code, folder: Path) -> tuple[int, int]:
    """Bytes of text and data, and of data and bss, as the linker counts them."""
    text = SIZED.format(n_in=case.n_in, n_out=case.n_out, **code._asdict())
    program = compiled("arm-none-eabi-gcc", code, text, folder, *ARM, *LINK, str(BOARD / "cortex_m4.c"))
    made = subprocess.run(["arm-none-eabi-size", str(program)], capture_output=True, text=True, check=True)
    flash, data, bss = map(int, made.stdout.splitlines()[1].split()[:3])
    return flash + data, data + bss


def nanoseconds(case: Case, code: Code, folder: Path, *options: str) -> float:
    text = TIMED.format(n_in=case.n_in, n_out=case.n_out, calls=case.calls, **code._asdict())
    program = compiled("gcc", code, text, folder, "-std=gnu99", *options)
    return float(subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout)


def line(case: Case, name: str) -> str:
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        try:
            code = PEERS[name](case, folder)
            flash = ram = "-"
            if shutil.which("arm-none-eabi-gcc"):
                own, empty = sizes(case, code, folder), sizes(case, Code("", ""), folder)
                flash, ram = (f"{with_model - without:,}" for with_model, without in zip(own, empty, strict=True))
            times = [nanoseconds(case, code, folder, *options) for options in (("-O2",), ("-O3", "-march=native"))]
        except (ImportError, ValueError, OSError, RuntimeError) as error:
            return f"{case.name:14}{name:20}{error}"
    return f"{case.name:14}{name:20}{flash:>10}{ram:>10}{times[0]:>12,.0f}{times[1]:>12,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.parse_args()
    print(f"{'network':14}{'code':20}{'flash':>10}{'RAM':>10}{'ns -O2':>12}{'ns -O3':>12}")
    for case in networks():
        for name in PEERS:
            print(line(case, name), flush=True)


if __name__ == "__main__":
    main()
