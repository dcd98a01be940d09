"""What a prediction saves where values take the places of those that nobody reads any more: memory and time.

    python bench/reuse.py [--rounds 9] [--rows 1024]

On one thread, float32. The model is a residual network of 20 layers on images of 32 x 32, as He et al. (2016) have it
for CIFAR-10. With and without shared places take turns; the time is the least CPU time of many.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ["FASTNN_NUM_THREADS"] = "1"

import numpy as np

from fastnn import Model, _kernels
from fastnn._plan import Plan, allocate, compile_plan
from fastnn._plan import compile as compiling
from fastnn.layers import Add, BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, Input, ReLU


def convolved(x, filters: int, strides: int = 1, size: int = 3):
    return BatchNormalization()(Conv2D(filters, size, strides, padding="same", use_bias=False)(x))


def residual(blocks: int = 3) -> Model:
    """``6 * blocks + 2`` layers: a convolution, blocks of two on 16, 32 and 64 channels, and a dense layer."""
    image = Input((32, 32, 3))
    x = ReLU()(convolved(image, 16))
    for filters in (16, 32, 64):
        for i in range(blocks):
            strides = 2 if i == 0 and filters > 16 else 1
            shortcut = convolved(x, filters, strides, 1) if strides > 1 else x
            x = ReLU()(Add()([shortcut, convolved(ReLU()(convolved(x, filters, strides)), filters)]))
    return Model(image, Dense(10, "softmax")(GlobalAveragePooling2D()(x)), seed=0)


def plans(model: Model) -> tuple[Plan, Plan]:
    """Without and with places that are shared."""
    shared, found = compile_plan(model.layout, batch_size=compiling.MAX_BLOCK), compiling.last_reads
    compiling.last_reads = lambda graph: [[] for _ in graph.operations]
    apart = compile_plan(model.layout, batch_size=compiling.MAX_BLOCK)
    compiling.last_reads = found
    return apart, shared


def main(rounds: int, rows: int) -> None:
    model = residual()
    x = np.random.default_rng(0).normal(size=(rows, 32 * 32 * 3)).astype(np.float32)
    both = plans(model)
    _, backend = _kernels.select(both[0], "cython")
    memories = [allocate(plan, model._state.params) for plan in both]
    outs, times = [np.empty((rows, 10), np.float32) for _ in both], []
    for _ in range(rounds):
        for plan, memory, out in zip(both, memories, outs, strict=True):
            start = time.process_time()
            backend.predict(plan, memory, (x,), (out,))
            times.append(time.process_time() - start)
    least = np.min(np.reshape(times, (rounds, 2)), axis=0)
    for name, plan, seconds in zip(("apart", "shared"), both, least, strict=True):
        block = int(plan.header["block_rows"])
        print(
            f"{name:6} places, blocks of {block} rows: {plan.workspace_size * 4 / 2**20:7.1f} MiB of workspace, "
            f"{seconds * 1e3:8.1f} ms for {rows} rows"
        )
    print(f"ratio of times {least[1] / least[0]:.3f}, same bits: {np.array_equal(*outs)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--rows", type=int, default=1024)
    main(**vars(parser.parse_args()))
