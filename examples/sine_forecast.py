"""An LSTM learns to continue a wave, and then goes on by itself, step by step.

    python examples/sine_forecast.py [--epochs 80] [--seed 0] [--backend cython]

The wave is a sum of two sines, with noise. What the network says of the next step is what it reads as the step after.
"""

import argparse

import numpy as np

from fastnn import Sequential
from fastnn.layers import LSTM, Dense, Input
from fastnn.optimizers import Adam
from fastnn.schedules import CosineDecay

LENGTH, AHEAD, NOISE = 120, 100, 0.02


def wave(first, n):
    """``n`` steps of the wave from step ``first`` on."""
    t = np.arange(first, first + n)
    return (np.sin(2 * np.pi * t / 25) + 0.5 * np.sin(2 * np.pi * t / 60)).astype(np.float32)


def network(seed=0, backend=None):
    """One step in, the next one out, at every step of sequences of any length."""
    layers = [Input((None, 1)), LSTM(32, return_sequences=True), Dense(1)]
    return Sequential(layers, seed=seed, backend=backend)


def go_on(model, begin, n):
    """``n`` steps behind those of ``begin``, each read from the one before."""
    f, made = model.predictor(), []
    for value in begin:
        y = f.step(np.array([value], np.float32))
    for _ in range(n):
        made.append(float(y[0]))
        y = f.step(y)
    return np.array(made)


def main(epochs=80, seed=0, backend=None):
    """Train and return the mean error of steps that the network gives by itself."""
    noisy = wave(0, 2000) + np.random.default_rng(0).normal(scale=NOISE, size=2000).astype(np.float32)
    starts = np.arange(0, len(noisy) - LENGTH - 1, 7)
    x = np.stack([noisy[i : i + LENGTH] for i in starts])[..., None]
    y = np.stack([noisy[i + 1 : i + LENGTH + 1] for i in starts])[..., None]
    model = network(seed, backend)
    model.compile(Adam(CosineDecay(1e-2, epochs * -(-len(x) // 32))), "mse")
    model.fit(x, y, batch_size=32, epochs=epochs, verbose=0)
    made = go_on(model, wave(3000, 120), AHEAD)
    error = float(np.abs(made - wave(3120, AHEAD)).mean())
    print(f"mean error of {AHEAD} steps ahead: {error:.3f} of a wave between -1.5 and 1.5 (backend {model.backend_})")
    return error


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend")
    main(**vars(parser.parse_args()))
