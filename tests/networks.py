"""Networks, data and arenas for the tests.

All numbers are drawn so that float32 holds them exactly: the same network then stands before every
backend in both dtypes. Every array lies inside a larger buffer filled with NaN, so that a write
outside is seen by :meth:`Memory.check` and a read outside (or of workspace never written) by its NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from fastnn import _plan as plan
from fastnn import losses, metrics, optimizers
from fastnn._base.sparse import SparseRows
from fastnn._base.windows import WindowRows
from fastnn._kernels import reference
from fastnn._kernels.contract import Course, Rows
from fastnn.layers import Dense
from fastnn.losses.records import EVERY_KERNEL

GUARD = 256  # bytes before and behind every array
SPARSE_ARRAYS = ("values", "columns", "starts")
SIZES = (1, 2, 3, 7, 8, 9, 15, 16, 17, 19, 31, 33, 37, 67)  # around the vector lengths 4, 8, 16 and 32; primes

SMOOTHED = (losses.BinaryCrossentropy(label_smoothing=0.1), losses.CategoricalCrossentropy(label_smoothing=0.3))
FOCAL = (
    losses.BinaryFocalCrossentropy(gamma=0.0),
    losses.BinaryFocalCrossentropy(True, alpha=0.3, gamma=0.5, label_smoothing=0.2),
    losses.CategoricalFocalCrossentropy(gamma=0.5, label_smoothing=0.2),
    losses.SparseCategoricalFocalCrossentropy(0.75, gamma=3.5),
)
EVERY_LOSS = (
    *(*EVERY_KERNEL, losses.Huber(0.3), losses.Pinball(0.8)),
    *(*SMOOTHED, *(loss.on_logits() for loss in SMOOTHED)),
    *(*FOCAL, *(loss.on_logits() for loss in FOCAL)),
)


def reading(name: str) -> metrics.Reading:
    """A metric as a regression reads it."""
    return metrics.resolve(metrics.get(name), metrics.Task())


def loss_id(loss) -> str:
    """What a case is called after its loss."""
    return "-".join([loss.code.name.lower(), *(str(value) for value in loss.parameters if value)])


def output_activation(loss) -> str:
    """An activation whose range is the loss's domain, and which the plan does not take into the loss."""
    if loss.from_logits:
        return "linear"
    return {
        "binary_crossentropy": "hard_sigmoid",
        "binary_focal_crossentropy": "hard_sigmoid",
        "categorical_crossentropy": "sigmoid",
        "categorical_focal_crossentropy": "sigmoid",
        "poisson": "softplus",
        "poisson_deviance": "softplus",
        "sparse_categorical_crossentropy": "softplus",
        "sparse_categorical_focal_crossentropy": "softplus",
        "kl_divergence": "softmax",
        "mean_squared_logarithmic_error": "softplus",
    }.get(loss.name, "linear")


def draw(rng, shape, deviation: float = 1.0) -> np.ndarray:
    """Normal numbers that float32 holds, float64."""
    return rng.normal(0.0, deviation, shape).astype(np.float32).astype(np.float64)


def draw_target(rng, loss, rows: int, shape) -> np.ndarray:
    """A target in the domain of the loss: ``(rows, n)`` float64, or ``(rows, repeat)`` int32 when sparse."""
    repeat, n_out = math.prod(shape[:-1]), shape[-1]
    if loss.sparse:
        return rng.integers(0, n_out, (rows, repeat)).astype(np.int32)
    full = (rows, repeat, n_out)
    if loss.name in ("categorical_crossentropy", "categorical_focal_crossentropy", "kl_divergence"):
        target = rng.dirichlet(np.ones(n_out), full[:2])
    elif loss.name in ("binary_crossentropy", "binary_focal_crossentropy"):
        target = rng.random(full)
    elif loss.name == "categorical_hinge":
        target = np.eye(n_out)[rng.integers(0, n_out, full[:2])]
    elif loss.name == "mean_absolute_percentage_error":
        target = np.where(rng.random(full) < 0.5, -1, 1) * (0.5 + rng.random(full))
    elif loss.signs:
        target = rng.integers(0, 2, full) * 2.0 - 1.0
    elif loss.name in ("poisson", "poisson_deviance"):
        target = rng.integers(0, 5, full) * 1.0
    else:
        target = draw(rng, full)
    return target.astype(np.float32).astype(np.float64).reshape(rows, -1)


@dataclass
class Network:
    """A compiled plan and the parameters it starts from, ``(n_params,)`` float64."""

    plan: plan.Plan
    params: np.ndarray

    @property
    def depth(self) -> int:
        """Length of all sums on one way through the network: the ``k`` of its tolerance."""
        return int(self.plan.ops["n_in"].sum() + self.plan.ops["n_out"].sum())


def network(
    rng,
    layers,
    input_shape,
    *,
    loss=None,
    optimizer=None,
    metrics=(),
    batch_size=64,
    n_samples=None,
    seed=5,
    reduction=plan.KERAS,
    **more,
) -> Network:
    """Lay out and compile; names become definitions, parameters are normal with variance ``1 / fan_in``."""
    laid = plan.lay_out(layers, input_shape)
    loss = None if loss is None else losses.get(loss)
    optimizer = None if optimizer is None else optimizers.get(optimizer)
    compiled = plan.compile_plan(
        laid,
        batch_size=batch_size,
        losses=[] if loss is None else [loss],
        optimizer=optimizer,
        metrics=[(*metric, 0) for metric in metrics],
        n_samples=n_samples or batch_size,
        seed=seed,
        reduction=reduction,
        **more,
    )
    params = np.zeros(laid.n_params)
    for variable in laid.variables:
        fan_in = variable.parameter.shape[0] if len(variable.parameter.shape) > 1 else 4
        params[variable.offset : variable.offset + variable.size] = draw(rng, variable.size, fan_in**-0.5)
    return Network(compiled, params)


def dense(rng, widths, activation="tanh", output="linear", **compiled) -> Network:
    """A stack of Dense layers over ``widths[0]`` inputs."""
    hidden = [Dense(n, activation) for n in widths[1:-1]]
    return network(rng, [*hidden, Dense(widths[-1], output)], (widths[0],), **compiled)


@dataclass
class Memory:
    """Hands out arrays that have a pattern around them."""

    kept: list = field(default_factory=list)

    def array(self, shape, dtype, fill=np.nan, align: int = 64, shift: int = 0) -> np.ndarray:
        """C-contiguous array whose first byte is ``shift`` elements behind a multiple of ``align``."""
        dtype = np.dtype(dtype)
        size = math.prod(np.atleast_1d(shape)) * dtype.itemsize
        raw = np.full(size + 2 * GUARD + align + shift * dtype.itemsize, 0xFF, np.uint8)
        start = GUARD + -(raw.__array_interface__["data"][0] + GUARD) % align + shift * dtype.itemsize
        self.kept.append((raw, start, start + size))
        inside = raw[start : start + size].view(dtype).reshape(shape)
        inside[...] = fill
        return inside

    def copy(self, values, dtype=None, **place) -> np.ndarray:
        """The values in guarded memory."""
        values = np.asarray(values)
        return self.array(values.shape, dtype or values.dtype, values, **place)

    def check(self) -> None:
        """Fail when something was written around an array."""
        for number, (raw, start, stop) in enumerate(self.kept):
            assert (raw[:start] == 0xFF).all(), f"written before array {number}"
            assert (raw[stop:] == 0xFF).all(), f"written behind array {number}"


class Stage:
    """One network on one backend in one dtype; results come back as float64 copies."""

    def __init__(self, backend, net: Network, dtype):
        self.backend, self.plan, self.dtype = backend, net.plan, np.dtype(dtype)
        self.memory, n_params = Memory(), len(net.params)
        record = net.plan.optimizer_record
        slots = self.memory.array(
            (record.n_slots if record else 0, n_params), dtype, np.reshape(record.slot_starts, (-1, 1)) if record else 0
        )
        self.arenas = plan.Memory(
            self.memory.copy(net.params, dtype),
            slots,
            self.memory.array(net.plan.states_size, dtype, 0),
            self.memory.array(n_params if net.plan.training else 0, dtype, 0),
            self.memory.array(net.plan.workspace_size, dtype),
        )
        self.sums = self.memory.array(int(net.plan.header["n_sums"]), np.float64, 0)

    def place(self, values, shift: int = 1):
        """Data as a user's: of the stage's dtype (indices stay), aligned to no more than an element."""
        if values is None:
            return None
        if isinstance(values, SparseRows):
            return replace(values, **{name: self.place(getattr(values, name), shift) for name in SPARSE_ARRAYS})
        if isinstance(values, WindowRows):
            return replace(values, values=self.place(values.values, shift), starts=self.place(values.starts, shift))
        values = np.asarray(values)
        return self.memory.copy(values, self.dtype if values.dtype.kind == "f" else values.dtype, shift=shift)

    def forward(self, x, **more):
        assert len(x) <= self.plan.header["block_rows"]
        self.x = self.place(x)
        return self.backend.forward(self.plan, self.arenas, (self.x,), **more)[0].astype(np.float64)

    def loss(self, target, weight=None, scale=1.0):
        """Sums after the loss, and the gradient it left in the output's ``dy``."""
        self.sums[...] = 0
        self.backend.loss(self.plan, self.arenas, (self.place(target),), (self.place(weight),), self.sums, scale)
        return self.sums.copy(), self.dy(len(target)).astype(np.float64)

    def dy(self, rows: int):
        """View of the output's gradient, ``(rows, n_output)``."""
        value = self.plan.outputs[0]
        return self.arenas.workspace[int(value["grad"]) :][: rows * int(value["size"])].reshape(rows, -1)

    def output(self, rows: int):
        """Copy of what the last op left, ``(rows, n_output)``."""
        return plan.outputs(self.plan, self.arenas, rows)[0].astype(np.float64)

    def backward(self, accumulate: bool = False, activity_scale: float = 0.0):
        self.backend.backward(self.plan, self.arenas, (self.x,), accumulate, activity_scale)
        return self.arenas.grads.astype(np.float64)

    def update(self, step: int, learning_rate: float):
        """The penalty; parameters and slots are in ``arenas``."""
        return self.backend.update(self.plan, self.arenas, step, learning_rate)

    def train(self, x, target, weight=None, *, epochs: int, rate=0.01, max_steps=None, shuffle=True, done=(0, 0)):
        """Train ``epochs`` in calls of at most ``max_steps``, after ``done`` epochs and steps.

        Returns sums, order and the run.
        """
        n, most = len(x), np.iinfo(np.int64).max
        data = Rows(*((self.place(array),) for array in (x, target, weight)))
        order = self.memory.copy(np.arange(n, dtype=np.int32))
        sums = self.memory.array((epochs, int(self.plan.header["n_sums"])), np.float64, 0)
        rates = np.atleast_1d(np.asarray(rate, np.float64))
        run = plan.new_run(n, (done[0], done[0] + epochs), step=done[1], shuffle=shuffle)
        run["max_steps"] = max_steps or most
        while run["epoch"] < run["last_epoch"] and not run["status"]:
            some = rates if len(rates) == 1 else rates[int(run["step"]) - done[1] :]
            self.backend.train(self.plan, self.arenas, data, Course(order, run, some, sums))
        return sums, order, run

    def params(self):
        return self.arenas.params.astype(np.float64)

    def check(self) -> None:
        """Fail when something was written around any array, or into the padding between parameters."""
        self.memory.check()
        padding = np.ones(len(self.arenas.params), bool)
        for variable in self.plan.layout.variables:
            padding[variable.offset : variable.offset + variable.size] = False
        assert not self.arenas.params[padding].any(), "padding of params was changed"
        assert not self.arenas.grads[padding[: len(self.arenas.grads)]].any(), "padding of grads was changed"


def both(backend, net: Network, dtype) -> tuple[Stage, Stage]:
    """The network on the backend, and on the reference in float64."""
    return Stage(backend, net, dtype), Stage(reference, net, np.float64)
