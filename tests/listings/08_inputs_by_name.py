"""Inputs by name: dictionaries of arrays in fit, evaluate and predict."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(8)
title = rng.random((70, 12))
tags = rng.integers(0, 2, size=(70, 4)).astype("float32")
department = keras.utils.to_categorical(tags.sum(axis=1).astype(int) % 3, 3)

title_input = keras.Input(shape=(12,), name="title")
tags_input = keras.Input(shape=(4,), name="tags")
features = layers.Concatenate(name="features")([title_input, tags_input])
features = layers.Dense(10, activation="relu", name="mix")(features)
answer = layers.Dense(3, activation="softmax", name="department")(features)
model = keras.Model(inputs=[title_input, tags_input], outputs=answer, name="tickets")
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
history = model.fit({"title": title, "tags": tags}, department, epochs=3, batch_size=14)
scores = model.evaluate({"tags": tags, "title": title}, department, return_dict=True)
by_name = model.predict({"tags": tags, "title": title})
in_order = model.predict([title, tags])
same = bool(np.allclose(by_name, in_order))
names = [model.name, *model.output_names]
