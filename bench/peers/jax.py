"""JAX: all epochs of a run in one jitted scan, so that Python is left out of training; networks of images also step by
step, each a call of a jitted function ("jax.step"), because XLA compiles convolutions within a loop to slower code.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from cases import BINARY, CLASSES, SQUARES, weights
from jax import lax
from layers import (
    EPSILON,
    MOMENTUM,
    Act,
    Attention,
    Average,
    Conv,
    Dense,
    Embedding,
    Flatten,
    MaxPool,
    Norm,
    Recurrent,
    Residual,
    walk,
)

VERSION = jax.__version__


def setup(threads):
    """Threads are set by the environment, before JAX is loaded."""


def train(network, x, y):
    jax.config.update("jax_enable_x64", x.dtype == "float64")  # else such arrays would silently become float32
    dtype = x.dtype.name
    ids = isinstance(network.layers[0], Embedding)
    y = jnp.asarray(y, jnp.int32 if network.loss == CLASSES else x.dtype)
    x = jnp.asarray(x, jnp.int32 if ids else x.dtype)
    runs = {"jax": _scanned(network, x, y, _start(network, dtype))}
    if len(network.shape) == 3:
        runs["jax.step"] = _stepped(network, x, y, _start(network, dtype))
    return runs


def _start(network, dtype):
    """Parameters, both moments, the arrays behind the trained ones (moving statistics), number of steps."""
    given = [list(map(jnp.asarray, arrays)) for arrays in weights(network, dtype)]
    layers = [layer for layer, shape in walk(network.layers, network.shape) if layer.arrays(shape)]
    params = [arrays[: layer.n_trained] for layer, arrays in zip(layers, given, strict=True)]
    m, v = (jax.tree.map(jnp.zeros_like, params) for _ in range(2))
    moving = [arrays[len(trained) :] for trained, arrays in zip(params, given, strict=True)]
    return params, m, v, moving, jnp.zeros((), dtype)


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
        has_arrays = bool(layer.arrays(x.shape[1:]))
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
            return x.mean(tuple(range(1, x.ndim - 1)))
        case Flatten():
            return x.reshape(len(x), -1)
        case Recurrent():
            return _last_state(layer, params, x)
        case Attention():
            return _attention(layer, params, x)
        case Embedding():
            return params[0][x]


def _last_state(layer, params, x):
    """A scan over the steps; the products with the input are made for all steps at once before it."""
    kernel, recurrent, bias = params
    of_input, of_state = bias if layer.kind == "gru" else (bias, 0)

    def step(states, given):
        a, there = given
        new = _next_states(layer.kind, states, a, states[0] @ recurrent + of_state)
        return [jnp.where(there, *pair) for pair in zip(new, states, strict=True)] if layer.there else new, None

    there = (x != 0).any(-1, keepdims=True).swapaxes(0, 1) if layer.there else None
    start = [jnp.zeros((len(x), layer.n), x.dtype)] * (2 if layer.kind == "lstm" else 1)
    return lax.scan(step, start, ((x @ kernel + of_input).swapaxes(0, 1), there))[0][0]


def _next_states(kind, states, a, b):
    """``a`` is what the input makes, ``b`` what the state does."""
    if kind == "rnn":
        return [jnp.tanh(a + b)]
    if kind == "gru":
        (az, ar, ag), (bz, br, bg) = jnp.split(a, 3, 1), jnp.split(b, 3, 1)
        z = jax.nn.sigmoid(az + bz)
        return [z * states[0] + (1 - z) * jnp.tanh(ag + jax.nn.sigmoid(ar + br) * bg)]
    i, f, g, o = jnp.split(a + b, 4, 1)
    c = jax.nn.sigmoid(f) * states[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
    return [jax.nn.sigmoid(o) * jnp.tanh(c), c]


def _attention(layer, params, x):
    heads = (*x.shape[:2], layer.heads, layer.width)
    q, k, v = ((x @ params[i] + params[i + 1]).reshape(heads) for i in (0, 2, 4))
    return jax.nn.dot_product_attention(q, k, v).reshape(*x.shape[:2], -1) @ params[6] + params[7]


def _norm(params, moving, x):
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    moving = [MOMENTUM * old + (1 - MOMENTUM) * new for old, new in zip(moving, (mean, variance), strict=True)]
    return (x - mean) * (params[0] * lax.rsqrt(variance + EPSILON)) + params[1], moving
