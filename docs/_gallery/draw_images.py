"""
What a convolution sees
=======================

A network with one convolution on the bundled digits.
"""

from pictures import filters_model

from fastnn import plot
from fastnn.datasets import load_digits

(images, classes), (new_images, new_classes) = load_digits()
model = filters_model(images, classes)
plot.filters(model)

# %%
# What the layer makes of an image.

plot.feature_maps(model, new_images[2])

# %%
# The pixels that an answer depends on: its gradient by the input.

plot.saliency(model, new_images[:4])

# %%
# The images that it is most wrong about, with the true class and the one it tells.

plot.misclassified(model, new_images, new_classes, n=6)
