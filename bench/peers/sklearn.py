"""scikit-learn: MLPClassifier and MLPRegressor, without a penalty and without early stopping."""

import warnings

import numpy as np
import sklearn
from cases import SQUARES
from layers import Act, Dense
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

VERSION = sklearn.__version__


def setup(threads):
    """Threads of its BLAS are set by the environment; a fixed number of epochs is not a failure to converge."""
    warnings.simplefilter("ignore", ConvergenceWarning)


def _settings(network):
    """Those of the network; there are dense layers only."""
    if not all(isinstance(layer, (Dense, Act)) for layer in network.layers):
        raise ValueError("scikit-learn has dense layers only")
    widths = [layer.n for layer in network.layers if isinstance(layer, Dense)]
    return {"hidden_layer_sizes": widths[:-1], "activation": network.layers[1].name}


def train(network, x, y):
    kind = MLPRegressor if network.loss == SQUARES else MLPClassifier
    model = kind(
        **_settings(network),
        batch_size=network.batch,
        alpha=0.0,
        tol=0.0,
        n_iter_no_change=10**9,
        warm_start=True,  # later runs keep the weights, and do not draw new ones
    )
    return {"sklearn": lambda epochs: model.set_params(max_iter=epochs).fit(x, y)}


def predict(network, weights, x):
    model = MLPRegressor(**_settings(network), max_iter=1)
    model.fit(np.zeros((8, *network.shape), x.dtype), np.zeros((8, network.n_out), x.dtype).squeeze())
    model.coefs_, model.intercepts_ = map(list, zip(*weights, strict=True))
    return {"sklearn": lambda: model.predict(x)}
