"""
All activations
===============

Every activation that works on single numbers, and, dashed, its derivative.
"""

import matplotlib.pyplot as plt
import numpy as np

from fastnn.activations import ACTIVATIONS

z = np.linspace(-4, 4, 401)
shown = [record for record in ACTIVATIONS.values() if not record.rowwise]
figure, axes = plt.subplots(7, 4, figsize=(9, 13), sharex=True, layout="constrained")
for ax, record in zip(axes.flat, shown, strict=False):
    y = record(z)
    ax.plot(z, y)
    ax.plot(z, record.backward(z, y, np.ones_like(z)), "--")
    ax.set_title(record.name, fontsize=9)
    ax.set_ylim(max(y.min() - 0.3, -2), min(y.max() + 0.3, 3))
for ax in axes.flat[len(shown) :]:
    ax.set_axis_off()
