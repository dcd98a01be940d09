"""
Residuals, and the graph of a model
===================================

A number is predicted: the product of two others, with noise of standard deviation 0.2.
"""

import numpy as np
from pictures import product_model, two_towers

from fastnn import plot

rng = np.random.default_rng(0)
x = rng.uniform(-2, 2, (20000, 2))
y = x[:, :1] * x[:, 1:] + rng.normal(0, 0.2, (20000, 1))
plot.residuals(y, product_model(x, y).predict(x))

# %%
# A graph with two inputs that share a layer, and two outputs.

plot.graph(two_towers())
