"""NumPy: predictions as one would write them by hand."""

import numpy as np
from reference import outputs

VERSION = np.__version__


def setup(threads):
    """Threads of its BLAS are set by the environment."""


def predict(network, weights, x):
    return {"numpy": lambda: outputs(network, weights, x)}
