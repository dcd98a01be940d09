"""What int8 saves a predictor: the least CPU time of many, beside float32 and onnxruntime's int8, in milliseconds.

    python bench/int8.py [--rounds 15]

On one thread, all in turns. onnxruntime's is quantised statically (QDQ, inputs uint8, kernels int8 for each output, of
reduced range), the form that it runs fastest here.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["FASTNN_NUM_THREADS"] = "1"

import machine
import numpy as np

from fastnn import Input, Sequential
from fastnn._kernels.peak import flops
from fastnn.interop import to_onnx
from fastnn.layers import Conv2D, Dense
from fastnn.models.work import ops_of

ROWS = (1, 1024)


def dense(*widths: int) -> Sequential:
    """Layers of these widths."""
    return Sequential([Input(widths[:1]), *(Dense(n, "relu") for n in widths[1:])], seed=0)


def images(channels: int) -> Sequential:
    """A convolution of images of 16 x 16."""
    return Sequential([Conv2D(channels, 3, activation="relu", input_shape=(16, 16, channels))], seed=0)


def work(model: Sequential) -> float:
    """Operations of a row's products, two each."""
    return sum(op.flop(training=False) for op in ops_of(model.prediction_plan(), 1))


NETWORKS = {
    "784-512-512-10": dense(784, 512, 512, 10),
    "1024 x 4": dense(*[1024] * 5),
    "20-64-32-1": dense(20, 64, 32, 1),
    "convolution 16 x 16 x 64": images(64),
}


def peer(model: Sequential, x: np.ndarray) -> Callable[[np.ndarray], Any] | None:
    """onnxruntime's predictor in int8, None where it is not installed."""
    try:
        import onnxruntime
        from onnxruntime import quantization
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        plain, small = str(Path(folder, "plain.onnx")), str(Path(folder, "small.onnx"))
        to_onnx(model, plain)
        name = onnxruntime.InferenceSession(plain).get_inputs()[0].name
        rows = iter([{name: x}])
        reader = type("Rows", (quantization.CalibrationDataReader,), {"get_next": lambda self: next(rows, None)})()
        kinds = {"activation_type": quantization.QuantType.QUInt8, "weight_type": quantization.QuantType.QInt8}
        quantization.quantize_static(plain, small, reader, per_channel=True, reduce_range=True, **kinds)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(small, options)
    return lambda rows: session.run(None, {name: rows})


def compare(name: str, model: Sequential, rounds: int) -> None:
    """A line for each number of rows."""
    x = np.random.default_rng(0).random((max(ROWS), *model.input_shape[1:])).astype(np.float32)
    calls = [model.predictor(), model.predictor(precision="int8", calibrate=x[:256]), peer(model, x[:64])]
    for n in ROWS:
        best = np.full(len(calls), np.nan)
        for _ in range(rounds):
            for i, call in enumerate(calls):
                if call is not None:
                    start = time.process_time()
                    call(x[:n])
                    best[i] = np.fmin(best[i], (time.process_time() - start) * 1e3)
        least = work(model) * n / (flops("int8") or np.inf) * 1e3
        print(
            f"{name:26} {n:4} rows: float32 {best[0]:9.3f}, int8 {best[1]:9.3f}, onnxruntime {best[2]:9.3f} ms; "
            f"float32 / int8 {best[0] / best[1]:.2f}, onnxruntime / int8 {best[2] / best[1]:.2f}; "
            f"{least / best[1]:.0%} of the peak of such products"
        )


def main(rounds: int) -> None:
    print(machine.describe())
    for name, model in NETWORKS.items():
        compare(name, model, rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    main(parser.parse_args().rounds)
