"""fastnn, driven through its public interface only; single convolutions, through the backend's functions."""

import numpy as np
from timed import convolution, make, recurrent

import fastnn
from fastnn import Sequential
from fastnn.layers import Input

VERSION = f"{fastnn.__version__}, backend {fastnn.get_backend()}"
setup = fastnn.set_num_threads


def train(network, x, y, label="fastnn", backend=None):
    model = make(network, dtype=x.dtype.name, backend=backend)
    return {label: lambda epochs: model.fit(x, y, epochs=epochs, batch_size=network.batch, verbose=0)}


def predict(network, weights, x):
    model = make(network, dtype=x.dtype.name, output=False)
    model.set_weights([array for layer in weights for array in layer])
    predictor, out = model.predictor(), np.empty((len(x), network.n_out), x.dtype)
    return {
        "fastnn": lambda: predictor(x, out=out),
        "fastnn f(x)": lambda: predictor(x),
        "fastnn predict": lambda: model.predict(x, verbose=0),
    }


def step(layer, arrays, x):
    model = Sequential([Input((None, len(x))), recurrent(layer)], dtype=x.dtype.name)
    model.set_weights(arrays)
    first, second = model.predictor().step, model.predictor().step
    out = np.empty(layer.n, x.dtype)
    return {"fastnn": lambda: first(x, out=out), "fastnn step(x)": lambda: second(x)}


def convolve(conv, part, arrays):
    call, result = convolution(conv, part, arrays)
    return {"fastnn": (call, lambda _: result())}
