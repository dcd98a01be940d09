"""What folding BatchNormalization into convolutions saves a predictor: the least CPU time of many, in microseconds.

    python bench/folding.py [--rounds 9]

On one thread. The models are the residual networks of ``cases``, and a chain of convolutions that are normalised. With
and without folding take turns.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ["FASTNN_NUM_THREADS"] = "1"

import numpy as np
import timed
from cases import NETWORKS

from fastnn import Model, Sequential, utils
from fastnn.layers import BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, Input, ReLU

ROWS = (1, 128)
TURN = 0.03  # seconds of one, at least


def chain(n_convolutions: int = 4, channels: int = 16) -> Sequential:
    """Convolutions on images of 32 x 32, each normalised before its activation."""
    layers = [Input((32, 32, 3))]
    for _ in range(n_convolutions):
        layers += [Conv2D(channels, 3, padding="same", use_bias=False), BatchNormalization(), ReLU()]
    return Sequential([*layers, GlobalAveragePooling2D(), Dense(10)], seed=0)


def once(call: Callable[[], object]) -> float:
    """Microseconds of a call, the mean of as many as fill a turn."""
    count, start = 0, time.process_time()
    while (passed := time.process_time() - start) < TURN or not count:
        call()
        count += 1
    return passed / count * 1e6


def compare(name: str, model: Model, rounds: int) -> None:
    """A line for each number of rows."""
    before, after = model.predictor(), model.predictor(fold=True)
    kinds = [sum(isinstance(layer, BatchNormalization) for layer in m.layers) for m in (model, utils.fold(model))]
    for n in ROWS:
        x = np.random.default_rng(0).normal(size=(n, *model.input_shape[1:])).astype(np.float32)
        outs = [np.empty((n, *model.output_shape[1:]), np.float32) for _ in range(2)]
        calls = [lambda f=f, x=x, out=out: f(x, out=out) for f, out in zip((before, after), outs, strict=True)]
        best = np.min([[once(call) for call in calls] for _ in range(rounds)], axis=0)
        off = np.abs(outs[0] - outs[1]).max() / np.abs(outs[0]).max()
        print(
            f"{name:34} {n:4} rows {best[0]:10.1f} {best[1]:10.1f} us, ratio {best[1] / best[0]:.3f}; "
            f"{kinds[0]} -> {kinds[1]} normalisations, outputs {off:.0e} apart"
        )


def main(rounds: int) -> None:
    print(f"{'':44} as it is     folded")
    for name in ("residual16", "residual32"):
        compare(NETWORKS[name].text, timed.make(NETWORKS[name], output=False), rounds)
    compare("4 convolutions 32x32x16 in a chain", chain(), rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    main(parser.parse_args().rounds)
