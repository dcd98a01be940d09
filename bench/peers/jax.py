"""JAX: all epochs of a run in one jitted scan, so that Python is left out of training; networks of images also step by
step, each a call of a jitted function ("jax.step"), because XLA compiles convolutions within a loop to slower code.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from cases import BINARY, CLASSES, SQUARES, weights
from jax import lax
from layers import EPSILON, MOMENTUM, Act, Average, Conv, Dense, Flatten, Layer, MaxPool, Norm, Residual

VERSION = jax.__version__


def setup(threads):
    """Threads are set by the environment, before JAX is loaded."""


def train(network, x, y):
    jax.config.update("jax_enable_x64", x.dtype == "float64")  # else such arrays would silently become float32
    dtype = x.dtype.name
    x, y = jnp.asarray(x), jnp.asarray(y, jnp.int32 if network.loss == CLASSES else x.dtype)
    runs = {"jax": _scanned(network, x, y, _start(network, dtype))}
    if len(network.shape) == 3:
        runs["jax.step"] = _stepped(network, x, y, _start(network, dtype))
    return runs


def _start(network, dtype):
    """Parameters, both moments, the arrays behind the trained ones (moving statistics), number of steps."""
    given = [list(map(jnp.asarray, arrays)) for arrays in weights(network, dtype)]
    params = [arrays[: Layer.n_trained] for arrays in given]
    m, v = (jax.tree.map(jnp.zeros_like, params) for _ in range(2))
    return params, m, v, [arrays[Layer.n_trained :] for arrays in given], jnp.zeros((), dtype)


def _step(network, x, y, state, rows):
    params, m, v, moving, t = state
    g, moving = jax.grad(functools.partial(_loss, network), has_aux=True)(params, moving, x[rows], y[rows])
    t = t + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
    return jax.tree.map(functools.partial(_adam, t), params, m, v), m, v, moving, t


def _adam(t, p, m, v):
    return p - 1e-3 * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)


def _scanned(network, x, y, state):
    def epoch(state, key):
        order = jax.random.permutation(key, jnp.arange(network.rows, dtype=jnp.int32))
        batches = order.reshape(-1, network.batch)
        return lax.scan(lambda state, rows: (_step(network, x, y, state, rows), None), state, batches)[0], None

    @functools.partial(jax.jit, donate_argnums=0)
    def epochs_of(state, keys):
        return lax.scan(epoch, state, keys)[0]

    def run(epochs):
        nonlocal state
        state = jax.block_until_ready(epochs_of(state, jax.random.split(jax.random.key(0), epochs)))

    return run


def _stepped(network, x, y, state):
    step = jax.jit(functools.partial(_step, network), donate_argnums=2)
    rng = np.random.default_rng(0)

    def run(epochs):
        nonlocal state
        for _ in range(epochs):
            for rows in rng.permutation(network.rows).astype(np.int32).reshape(-1, network.batch):
                state = step(x, y, state, rows)
        jax.block_until_ready(state)

    return run


def _loss(network, params, moving, x, y):
    """Mean over the rows, and the moving statistics after them."""
    followed = []
    z = _through(network.layers, iter(zip(params, moving, strict=True)), x, followed)
    if network.loss == SQUARES:
        return jnp.mean((z - y) ** 2), followed
    if network.loss == BINARY:
        z = z[:, 0]
        return jnp.mean(jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z)))), followed
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - jnp.take_along_axis(z, y[:, None], 1)[:, 0]), followed


def _through(layers, given, x, followed):
    """What the layers make of ``x`` in training; moving statistics are appended to ``followed``, layer by layer."""
    for layer in layers:
        if isinstance(layer, Residual):
            x = x + _through(layer.layers, given, x, followed)
            continue
        has_arrays = isinstance(layer, (Dense, Conv, Norm))
        params, moving = next(given) if has_arrays else ([], [])
        x, moving = _norm(params, moving, x) if isinstance(layer, Norm) else (_one(layer, params, x), moving)
        if has_arrays:
            followed.append(moving)
    return x


def _one(layer, params, x):
    match layer:
        case Dense():
            return x @ params[0] + params[1]
        case Conv():
            numbers, around = ("NHWC", "HWIO", "NHWC"), [[layer.around] * 2] * 2
            y = lax.conv_general_dilated(x, params[0], (1, 1), around, dimension_numbers=numbers)
            return y + params[1] if layer.bias else y
        case Act(name):
            return jax.nn.relu(x) if name == "relu" else jnp.tanh(x)
        case MaxPool(size):
            return lax.reduce_window(x, -jnp.inf, lax.max, (1, size, size, 1), (1, size, size, 1), "VALID")
        case Average():
            return x.mean((1, 2))
        case Flatten():
            return x.reshape(len(x), -1)


def _norm(params, moving, x):
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    moving = [MOMENTUM * old + (1 - MOMENTUM) * new for old, new in zip(moving, (mean, variance), strict=True)]
    return (x - mean) * (params[0] * lax.rsqrt(variance + EPSILON)) + params[1], moving
