"""Two towers of shared form, and the cosine of what they give: users and films."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(13)
users, films = rng.normal(size=(90, 7)), rng.normal(size=(90, 4))
liked = np.tanh(users[:, :1] * films[:, :1])


def tower(inputs, name):
    hidden = layers.Dense(9, activation="relu", name=name + "_hidden")(inputs)
    return layers.Dense(3, name=name + "_vector")(hidden)


user_input, film_input = keras.Input((7,), name="user"), keras.Input((4,), name="film")
user_vector, film_vector = tower(user_input, "user"), tower(film_input, "film")
cosine = layers.Dot(axes=1, normalize=True, name="cosine")([user_vector, film_vector])
product = layers.dot([user_vector, film_vector], axes=-1)
model = keras.Model(inputs=[user_input, film_input], outputs=cosine)
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mean_squared_error")
history = model.fit(x=[users, films], y=liked, batch_size=30, epochs=4, verbose=0)
scorer = keras.Model(inputs=[user_input, film_input], outputs=product)
scores = scorer.predict([users[:5], films[:5]])
cosines = model.predict([users[:5], films[:5]])
names = [layer.name for layer in model.layers if layer.name.startswith(("user", "film"))]
