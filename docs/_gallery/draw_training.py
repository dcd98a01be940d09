"""
Curves, rates, errors of a classifier
=====================================

The bundled digits: images of 8 x 8 pixels by 43 people, a hidden layer of 16 units.
"""

from pictures import digits_model

from fastnn import plot
from fastnn.datasets import load_digits

(images, classes), (new_images, new_classes) = load_digits()
model = digits_model(images, classes)
plot.history(model)

# %%
# The learning rate of every update: it rises for 200 updates, and falls along a cosine.

plot.learning_rate(model)

# %%
# Images of people whose hand the network has never seen.

plot.confusion_matrix(new_classes, model.predict(new_images))

# %%
# What the units of the first layer look for, and how the weights of the last one are spread.

plot.first_layer_images(model, (8, 8))

# %%

plot.weights(model, -1)
