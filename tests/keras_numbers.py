"""What Keras 3 computes, for tests without Keras: ``python tests/keras_numbers.py`` with Keras writes ``keras.json``.

Made with Keras 3.15 on PyTorch. Each record holds the configuration as Keras serialises it.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("keras.json")
STEPS, SHAPES = 10, ((4, 3), (3,))
OPTIMIZERS = {
    "SGD": ({}, {"momentum": 0.9}, {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1, "clipnorm": 0.5}),
    "RMSprop": ({}, {"centered": True, "momentum": 0.5}),
    "Adagrad": ({"initial_accumulator_value": 0.3},),
    "Adadelta": ({"learning_rate": 1.0},),
    "Adam": (
        {},
        {"amsgrad": True, "beta_2": 0.6},
        {"epsilon": 0.1, "weight_decay": 0.05, "global_clipnorm": 0.7},
        {"weight_decay": 0.05, "clipvalue": 0.3, "learning_rate": 0.01},
        {"clipnorm": 0.4, "amsgrad": True},
    ),
    "AdamW": ({}, {"learning_rate": 0.05, "weight_decay": 0.2, "amsgrad": True}),
    "Nadam": ({"weight_decay": 0.1},),
    "Adamax": ({},),
    "Lion": ({"weight_decay": 0.1},),
    "Ftrl": ({}, {"l1_regularization_strength": 0.02, "l2_regularization_strength": 0.1, "beta": 0.3,
                  "l2_shrinkage_regularization_strength": 0.05, "weight_decay": 0.1}),
}  # fmt: skip
SCHEDULES = (
    ("ExponentialDecay", (0.1, 7, 0.5)),
    ("ExponentialDecay", (0.1, 7, 0.5, True)),
    ("PiecewiseConstantDecay", ((5, 12), (0.1, 0.05, 0.01))),
    ("PolynomialDecay", (0.1, 12)),
    ("PolynomialDecay", (0.1, 12, 0.01, 0.5)),
    ("PolynomialDecay", (0.1, 12, 0.01, 2.0, True)),
    ("InverseTimeDecay", (0.1, 4, 0.5)),
    ("InverseTimeDecay", (0.1, 4, 0.5, True)),
    ("CosineDecay", (0.1, 20)),
    ("CosineDecay", (0.01, 20, 0.1, None, 0.2, 7)),
    ("CosineDecayRestarts", (0.1, 7)),
    ("CosineDecayRestarts", (0.1, 7, 1.0, 0.5, 0.1)),
    ("CosineDecayRestarts", (0.1, 7, 1.5, 0.9)),
)
STEPS_OF_SCHEDULES = (0, 1, 3, 4, 5, 6, 8, 11, 12, 13, 18, 25, 27, 33, 60, 100)


def start() -> list[np.ndarray]:
    """Weights before the first step."""
    return [np.cos(np.arange(np.prod(shape)) * 1.7).reshape(shape) for shape in SHAPES]


def gradients(step: int) -> list[np.ndarray]:
    """Gradients of a step, from 1."""
    return [np.sin(np.arange(np.prod(shape)) + 0.9 * step).reshape(shape) / (1 + step % 3) for shape in SHAPES]


def data() -> tuple[np.ndarray, np.ndarray]:
    """Inputs ``(20, 4)`` and targets ``(20, 2)`` of a fit."""
    return np.sin(np.arange(80) * 1.3).reshape(20, 4), np.cos(np.arange(40) * 0.7).reshape(20, 2)


def fit_start() -> list[np.ndarray]:
    """Weights of a network 4-5-2."""
    return [np.sin(np.arange(np.prod(s)) * 2.1).reshape(s) for s in ((4, 5), (5,), (5, 2), (2,))]


FITS = (
    {"activity_regularizer": {"class_name": "L2", "config": {"l2": 0.05}}},
    {"activity_regularizer": {"class_name": "L1L2", "config": {"l1": 0.02, "l2": 0.03}}},
    {"kernel_constraint": {"class_name": "MaxNorm", "config": {"max_value": 0.9, "axis": 0}}},
    {"kernel_constraint": {"class_name": "UnitNorm", "config": {"axis": 1}}},
    {"kernel_constraint": {"class_name": "MinMaxNorm",
                           "config": {"min_value": 0.5, "max_value": 0.8, "rate": 0.4, "axis": 0}}},
    {"kernel_constraint": {"class_name": "NonNeg", "config": {}},
     "bias_constraint": {"class_name": "MaxNorm", "config": {"max_value": 0.5, "axis": 0}},
     "kernel_regularizer": {"class_name": "L1", "config": {"l1": 0.01}}},
)  # fmt: skip


def main() -> None:
    """Ask Keras and write the file."""
    import keras

    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    records: dict[str, list] = {"keras": [keras.__version__], "optimizers": [], "schedules": [], "fits": []}
    for name, forms in OPTIMIZERS.items():
        for arguments in forms:
            optimizer = getattr(keras.optimizers, name)(**arguments)
            weights = [keras.Variable(w, dtype="float64") for w in start()]
            for step in range(1, STEPS + 1):
                optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients(step)], weights)
            config = optimizer.get_config()
            config["learning_rate"] = arguments.get("learning_rate", round(config["learning_rate"], 6))
            ends = [keras.ops.convert_to_numpy(w).tolist() for w in weights]
            records["optimizers"].append({"class_name": name, "config": config, "weights": ends})
    for name, arguments in SCHEDULES:
        keywords = {} if None not in arguments else {"warmup_target": arguments[4], "warmup_steps": arguments[5]}
        schedule = getattr(keras.optimizers.schedules, name)(*arguments[: 3 if keywords else 9], **keywords)
        rates = [float(schedule(step)) for step in STEPS_OF_SCHEDULES]
        records["schedules"].append({"class_name": name, "config": schedule.get_config(), "rates": rates})
    x, y = data()
    for arguments in FITS:
        layers = [keras.layers.Dense(5, "tanh", **arguments), keras.layers.Dense(2, **arguments)]
        model = keras.Sequential([keras.layers.Input((4,)), *layers])
        model.set_weights(fit_start())
        model.compile(keras.optimizers.AdamW(0.02, weight_decay=0.01), "mse")
        before = model.evaluate(x, y, verbose=0, batch_size=8)
        losses = model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"]
        ends = [w.tolist() for w in model.get_weights()]
        records["fits"].append({"layer": arguments, "evaluated": before, "losses": losses, "weights": ends})
    FILE.write_text(json.dumps(records, indent=1) + "\n")


if __name__ == "__main__":
    main()
