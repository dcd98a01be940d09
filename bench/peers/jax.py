"""JAX: all epochs of a run in one jitted scan, so that Python is left out of training."""

import functools

import jax
import jax.numpy as jnp
from cases import BINARY, CLASSES, SQUARES
from jax import lax

VERSION = jax.__version__


def setup(threads):
    """Threads are set by the environment, before JAX is loaded."""


def train(network, x, y):
    jax.config.update("jax_enable_x64", x.dtype == "float64")  # else such arrays would silently become float32
    x, y = jnp.asarray(x), jnp.asarray(y, jnp.int32 if network.loss == CLASSES else x.dtype)
    key = jax.random.key(0)
    gradient = jax.grad(functools.partial(_loss, network))

    def step(state, rows):
        params, m, v, t = state
        g = gradient(params, x[rows], y[rows])
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        params = jax.tree.map(functools.partial(_adam, t), params, m, v)
        return (params, m, v, t), None

    def epoch(state, key):
        order = jax.random.permutation(key, jnp.arange(network.rows, dtype=jnp.int32))
        return lax.scan(step, state, order.reshape(-1, network.batch))[0], None

    @functools.partial(jax.jit, donate_argnums=0)
    def epochs_of(state, keys):
        return lax.scan(epoch, state, keys)[0]

    state = _start(network, key, x.dtype)

    def run(epochs):
        nonlocal state
        state = jax.block_until_ready(epochs_of(state, jax.random.split(key, epochs)))

    return run


def _start(network, key, dtype):
    """Parameters, both moments, number of steps."""
    params = [
        (jax.random.normal(jax.random.fold_in(key, i), size, dtype) / size[0] ** 0.5, jnp.zeros(size[1], dtype))
        for i, size in enumerate(network.sizes)
    ]
    return params, jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params), jnp.zeros((), dtype)


def _adam(t, p, m, v):
    return p - 1e-3 * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)


def _loss(network, params, x, y):
    *hidden, (w, b) = params
    for w_hidden, b_hidden in hidden:
        x = x @ w_hidden + b_hidden
        x = jax.nn.relu(x) if network.hidden == "relu" else jnp.tanh(x)
    z = x @ w + b
    if network.loss == SQUARES:
        return jnp.mean((z - y) ** 2)
    if network.loss == BINARY:
        z = z[:, 0]
        return jnp.mean(jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z))))
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - jnp.take_along_axis(z, y[:, None], 1)[:, 0])
