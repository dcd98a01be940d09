"""Programs as users write them, with what they are told of types: ``make lint`` asks mypy, ``.ci/run`` pyright as well.

``test_typed_uses.py`` runs them, so that what is said of types is true, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import numpy as np

import fastnn
from fastnn import Input, Model, Sequential, activations, constraints, initializers, layers, losses, metrics, optimizers
from fastnn.callbacks import Callback, EarlyStopping, History
from fastnn.initializers import Initializer
from fastnn.layers import Dense, Edge, Layer
from fastnn.models import Gradients

X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(12, 2)
Y = np.cos(9 * X).sum(axis=1)


def network() -> Sequential:
    hidden = Dense(8, "relu", kernel_initializer="he_normal", trainable=True, dtype="float32", input_shape=(2,))
    hidden.trainable = True
    model = Sequential([hidden, layers.Dropout(0.1, seed=1), Dense(1)], seed=1)
    model.compile(optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model


def training() -> None:
    model = network()
    history = model.fit(X, Y, epochs=2, verbose=0, validation_split=0.25, callbacks=[EarlyStopping(patience=5)])
    assert isinstance(assert_type(history, History), History)
    assert_type(history.history, dict[str, list[float]])
    model.optimizer.learning_rate = 0.001  # no question whether there is one
    assert isinstance(assert_type(model.evaluate(X, Y, return_dict=True), dict[str, float]), dict)
    assert isinstance(assert_type(model.train_on_batch(X, Y, return_dict=True), dict[str, float]), dict)
    loss, mae = model.evaluate(X, Y)
    assert loss >= 0
    assert mae >= 0


def prediction() -> None:
    model = network()
    y = assert_type(model.predict(X), np.ndarray)
    assert isinstance(y, np.ndarray)
    assert_type(model.get_weights(), list[np.ndarray])
    assert model.predictor()(X).shape == y.shape


def own_loop() -> None:
    model = network()
    loss, grads = assert_type(model.gradients(X, Y), tuple[float, Gradients])
    assert (type(loss), type(grads)) == (float, Gradients)
    assert isinstance(assert_type(model.gradients(X, dy=np.ones((12, 1))), Gradients), Gradients)
    assert_type(grads[0], np.ndarray)
    model.apply_gradients(grads)


def files(folder: Path) -> None:
    model = network()
    model.save(folder / "model.safetensors")
    loaded = assert_type(fastnn.load(folder / "model.safetensors"), Model)
    assert isinstance(loaded, Model)


def graphs() -> None:
    x = assert_type(Input((2,)), Edge)
    left = assert_type(Dense(4, "tanh")(x), Edge)
    joined = assert_type(layers.Add()([left, Dense(4)(x)]), Edge)
    model = assert_type(Model(x, Dense(1)(joined)), Model)
    model.compile("adam", losses.Huber(delta=0.5))
    model.fit(X, Y, verbose=0)
    assert_type(losses.get("mse"), losses.LossRecord)
    assert isinstance(assert_type(layers.deserialize(layers.serialize(Dense(3))), Layer), Dense)
    assert isinstance(assert_type(Dense.from_config(Dense(3).get_config()), Dense), Dense)


def own_definitions() -> None:
    class Half(Layer):
        def call(self, x: np.ndarray) -> np.ndarray:
            return x / 2

        def backward(self, dy: np.ndarray) -> np.ndarray:
            return dy / 2

    def absolute(target: np.ndarray, y: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.abs(target - y)
        return found

    model = Sequential([Input((2,)), Half(), Dense(1)])
    model.compile("sgd", absolute)
    model.fit(X, Y, verbose=0)


def names() -> None:
    """What arguments may be is told by names that editors complete; attributes are what the names stand for."""
    dense = Dense(4, "relu", kernel_initializer="HeNormal", kernel_regularizer="l2", kernel_constraint="non_neg")
    assert isinstance(assert_type(dense.activation, activations.Activation), activations.Activation)
    assert isinstance(assert_type(dense.kernel_initializer, Initializer), Initializer)
    assert Dense(4, activations.get("relu".lower())).activation == dense.activation  # a name that a program computes
    assert Dense(4, layers.LeakyReLU(0.1), kernel_initializer=initializers.HeNormal(seed=1)).activation.parameter == 0.1
    layers.Conv1D(4, 3, padding="causal", data_format="channels_last", input_shape=(None, 2))
    pooled = layers.MaxPooling2D(2, padding="same")
    assert assert_type(pooled.strides, tuple[int, ...]) == (2, 2)
    model = Sequential([Input((2,)), dense, Dense(2, None)], dtype=np.float64)
    model.compile("adam", "MSE", metrics=["mae", "r2", losses.Huber()], weighted_metrics="mse")
    model.compile({"name": "sgd", "momentum": 0.9}, losses.mean_squared_error, metrics=metrics.R2Score())
    losses.Huber(reduction="sum")
    EarlyStopping(monitor="loss", mode="min")


def arguments() -> None:
    """What is given is told apart from what the attribute is then."""
    x = assert_type(Input((4, 6, 1), name="image", dtype="float32"), Edge)
    assert Input(batch_shape=(None, 3)).shape == (None, 3)
    assert_type(layers.add([x, x], name="twice", trainable=False), Edge)
    assert_type(layers.concatenate([x, x], axis=-1, dtype="float32"), Edge)
    assert assert_type(layers.UpSampling2D(2).size, tuple[int, ...]) == (2, 2)
    assert assert_type(layers.LayerNormalization([-2, -1]).axis, int | tuple[int, ...]) == (-2, -1)
    assert assert_type(layers.RandomRotation((0, 0.5)).factor, float | tuple[float, float]) == (0, 0.5)
    assert assert_type(layers.Dropout(0.1, noise_shape=[None, 1]).noise_shape, tuple[int | None, ...] | None) == (
        None,
        1,
    )
    known = layers.Normalization(axis=None, mean=0.5, variance=np.ones(1))
    assert assert_type(known.mean, tuple[float, ...] | None) == (0.5,)
    both = layers.Bidirectional(layers.GRU(3, return_sequences=True))
    assert both.layer.units == 3
    assert isinstance(assert_type(layers.TimeDistributed(Dense(2)).layer, Layer), Dense)
    y, state = layers.GRU(3, return_state=True)(Input((4, 2)))
    assert (y.shape, state.shape) == ((None, 3), (None, 3))
    assert assert_type(metrics.AUC().name, str) == "auc"
    assert_type(metrics.mean_absolute_error([[1.0]], [[3.0]]), np.ndarray)
    assert constraints.MaxNorm(2, axis=[0, 1]).axis == (0, 1)
    adam = optimizers.Adam(optimizers.schedules.CosineDecay(0.1, 10))
    adam.learning_rate = 0.5
    adam.learning_rate.assign(0.25 * adam.learning_rate)
    assert float(adam.learning_rate) == 0.125
    model = network()
    model.trainable = True
    assert (
        model.predictor(precision="bfloat16")(X).shape
        == model.predictor(fold=True)(X, out=np.empty((12, 1), "f4")).shape
    )


def own_classes() -> None:
    class Scale(Layer):
        def __init__(self, start: float = 1.0, name: str | None = None):
            super().__init__(name=name, dtype="float32")
            self.start = start

        def build(self, input_shape: tuple[int, ...]) -> None:
            begin = initializers.Constant(self.start)
            self.scale = self.add_weight(
                shape=input_shape[-1:], initializer=begin, regularizer="l2", constraint="non_neg"
            )

        def call(self, x: np.ndarray, training: bool = False) -> np.ndarray:
            self.x = x
            found: np.ndarray = x * self.scale
            return found

        def backward(self, dy: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
            return dy * self.scale, [(dy * self.x).sum(axis=0)]

    class Rates(Callback):
        def set_model(self, model: Model) -> None:
            super().set_model(model)
            self.seen = [float(model.optimizer.learning_rate)]

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            assert_type(self.model, Model)
            self.model.optimizer.learning_rate.assign(0.1 / (1 + epoch))
            self.seen.append(float(self.model.optimizer.learning_rate))

    class Largest(metrics.Metric):
        def __init__(self, name: str = "largest"):
            super().__init__(name=name)
            self.largest = self.add_variable(())

        def update_state(self, y_true: np.ndarray, y_pred: np.ndarray, sample_weight: np.ndarray | None = None) -> None:
            self.largest.assign(max(self.largest, np.abs(y_true - y_pred).max()))

        def result(self) -> float:
            return float(self.largest)

    class Quartic(losses.Loss):
        def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
            found: np.ndarray = ((y_pred - y_true) ** 4).mean(axis=-1)
            return found

    model = Sequential([Input((2,)), Scale(2.0, name="scale"), Dense(1)])
    model.compile("sgd", Quartic(), metrics=[Largest()])
    rates = Rates()
    history = model.fit(X, Y[:, None], epochs=2, verbose=0, callbacks=[rates])
    assert list(history.history) == ["loss", "largest"]
    assert rates.seen == [0.01, 0.1, 0.05]


def slips() -> None:
    """Each is an error of types, or the comment on its line would be one; no program runs this."""
    Dense(4, "rleu")  # type: ignore[arg-type]
    Dense(4, kernel_initializer="he_norml")  # type: ignore[arg-type]
    Dense(4, kernel_regularizer="l3")  # type: ignore[arg-type]
    Dense(4, bias_constraint="positive")  # type: ignore[arg-type]
    Dense(4, dtype="float16")  # type: ignore[arg-type]
    layers.Conv2D(4, 3, padding="smae")  # type: ignore[arg-type]
    layers.MaxPooling2D(2, padding="causal")  # type: ignore[arg-type]
    layers.GRU(4, recurrent_activation="sigmod")  # type: ignore[arg-type]
    layers.RandomFlip("sideways")  # type: ignore[arg-type]
    Sequential([Dense(1)], dtype="mixed_float16")  # type: ignore[arg-type]
    model = network()
    model.compile("adma", "mse")  # type: ignore[arg-type]
    model.compile("adam", "msee")  # type: ignore[arg-type]
    model.compile("adam", "mse", metrics=["accuraccy"])  # type: ignore[list-item]
    model.fit(X, Y, checkpoint=1)  # type: ignore[arg-type]
    model.fit(X, Y, class_weight=[1.0, 2.0])  # type: ignore[arg-type]
    Dense(3)(X)  # type: ignore[arg-type]
    layers.Add()([Dense(3), Dense(3)])  # type: ignore[list-item]
    layers.GRU(3)(Input((2, 3)), initial_state="zeros")  # type: ignore[arg-type]
    Model(X, Y)  # type: ignore[arg-type]
    losses.mean_squared_error({"y": Y}, Y)  # type: ignore[arg-type]
    metrics.binary_accuracy(Y, None)  # type: ignore[arg-type]
    fastnn.load("model.safetensors", custom_objects=[Dense])  # type: ignore[arg-type]
    model.fit(X, Y, distribution=2)  # type: ignore[arg-type]
    model.summary(print_fn="text")  # type: ignore[arg-type]
    losses.Huber(reduction="average")  # type: ignore[arg-type]
    metrics.F1Score("makro")  # type: ignore[arg-type]
    optimizers.Adam(form="torch")  # type: ignore[arg-type]
    EarlyStopping(mode="maximum")  # type: ignore[arg-type]
    layers.add([Input((2,)), Input((2,))], nmae="sum")  # type: ignore[call-arg]
    Input("4")  # type: ignore[arg-type]
    layers.UpSampling2D("2")  # type: ignore[arg-type]
    layers.LayerNormalization(axis="last")  # type: ignore[arg-type]
    layers.Normalization(axis="last")  # type: ignore[arg-type]
    layers.RandomTranslation("0.1", 0.1)  # type: ignore[arg-type]
    layers.Bidirectional(3)  # type: ignore[arg-type]
    layers.Dot("last")  # type: ignore[arg-type]
    Dense(1, input_dim="2")  # type: ignore[arg-type]
    Dense(1).trainable = "no"  # type: ignore[assignment]
    model.name = 3  # type: ignore[assignment]
    metrics.AUC(name=3)  # type: ignore[arg-type]
    metrics.mean_absolute_error(Y, None)  # type: ignore[arg-type]
    optimizers.Adam(learning_rate="fast")  # type: ignore[arg-type]
    optimizers.Adam().learning_rate = "fast"  # type: ignore[assignment]
    constraints.MaxNorm(2, axis="rows")  # type: ignore[arg-type]
    model.predictor(precision="int4")  # type: ignore[arg-type]
    model.predictor().steps(X)  # type: ignore[attr-defined]


def estimators() -> None:
    from fastnn.sklearn import MLPClassifier, MLPRegressor

    classifier = MLPClassifier((8,), "relu", solver="adam", early_stopping=False, max_iter=3, random_state=1)
    classifier = assert_type(classifier.fit(X, Y > 0), MLPClassifier)
    assert isinstance(assert_type(classifier.predict_proba(X), np.ndarray), np.ndarray)
    assert isinstance(assert_type(classifier.score(X, Y > 0), float), float)
    by_class: dict[int, float] = {0: 1.0, 1: 2.0}
    MLPClassifier(4, class_weight=by_class, max_iter=3).fit(X, Y > 0)
    regressor = MLPRegressor(loss="huber", hidden_layer_sizes=4, max_iter=3).fit(X, Y)
    assert isinstance(assert_type(regressor.predict(X), np.ndarray), np.ndarray)


def backends() -> None:
    assert isinstance(assert_type(fastnn.get_backend(), str), str)
    assert isinstance(assert_type(fastnn.available_backends(), list[str]), list)
    with fastnn.use_backend("numpy"):
        assert network().predict(X).shape == (12, 1)
