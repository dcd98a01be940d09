"""A convolutional autoencoder of images and a network of signals that sees the past alone."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(43)
signals = np.cumsum(rng.normal(size=(40, 24, 2)), axis=1).astype("float32") / 5
slopes = (signals[:, -1, 0] - signals[:, 0, 0]).reshape(-1, 1)

network = keras.Sequential([keras.Input((24, 2))], name="past")
for rate in (1, 2, 4):
    network.add(layers.Conv1D(5, 2, padding="causal", dilation_rate=rate, activation="relu"))
network.add(layers.LayerNormalization())
network.add(layers.MaxPooling1D(3, strides=2, padding="same"))
network.add(layers.GlobalAveragePooling1D())
network.add(layers.Dense(1))
network.compile("adam", "mse", metrics=["mae"])
history = network.fit(signals, slopes, epochs=3, batch_size=8, verbose=0)

images = rng.uniform(size=(30, 8, 8, 1)).astype("float32")
image = keras.Input((8, 8, 1))
h = layers.SeparableConv2D(6, 3, strides=2, padding="same", activation="elu")(image)
h = layers.GroupNormalization(groups=3)(layers.DepthwiseConv2D(3, padding="same")(h))
code = layers.Cropping2D(((0, 1), (1, 0)))(layers.ZeroPadding2D(((0, 1), (1, 0)))(h))
h = layers.UpSampling2D(2)(layers.Conv2D(4, 3, padding="same", activation="relu")(code))
h = layers.Conv2DTranspose(1, 3, padding="same", activation="sigmoid")(layers.Permute((2, 1, 3))(h))
autoencoder = keras.Model(image, h)
autoencoder.compile("rmsprop", "mse")
losses = autoencoder.fit(images, images.swapaxes(1, 2), epochs=3, batch_size=10, verbose=0)
again = autoencoder.predict(images[:3], verbose=0)
