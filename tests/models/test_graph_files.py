"""Files of graphs: what is shared, nested and frozen comes back so, and training goes on to the same bits."""

from __future__ import annotations

import copy
import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from graph_models import GRAPHS, data, sharing, told, trained
from models import EVERY_BACKEND, model_of, weights_of
from safetensors import safe_open

import fastnn
from fastnn import Input, Model, Sequential, losses, metrics
from fastnn.layers import Dense, Dropout

EVERY_GRAPH = pytest.mark.parametrize("case", GRAPHS)
RELEASED = Path(__file__).parent / "released"  # files that the released version 1 of the format wrote


def again(model, tmp_path, **more):
    model.save(tmp_path / "m")
    loaded = fastnn.load(tmp_path / "m", **more)
    loaded.backend = model.backend
    return loaded


def description(path) -> dict:
    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["model"])


def version(path) -> str:
    with safe_open(path, framework="numpy") as file:
        return file.metadata()["version"]


COPIES = {
    "file": again,
    "deepcopy": lambda model, _: copy.deepcopy(model),
    "copy": lambda model, _: copy.copy(model),
    "pickle": lambda model, _: pickle.loads(pickle.dumps(model)),
}


@EVERY_GRAPH
@pytest.mark.parametrize("way", COPIES)
def test_a_copy_is_the_same_model_and_goes_on_to_the_same_bits(case, way, tmp_path):
    model = trained(GRAPHS[case])
    twin = COPIES[way](model, tmp_path)
    assert (told(twin), sharing(twin)) == (told(model), sharing(model))
    assert (twin.epoch, twin.step, twin.metrics_names) == (1, 1, model.metrics_names)
    x, y = data(model, seed=1)
    first = weights_of(model)
    assert twin.fit(x, y, epochs=2, verbose=0).history != {}
    np.testing.assert_array_equal(weights_of(model), first, err_msg="the copy shares nothing with the model")
    model.fit(x, y, epochs=2, verbose=0)
    assert weights_of(twin).tobytes() == weights_of(model).tobytes()
    assert model.history.history == twin.history.history


@EVERY_GRAPH
def test_the_same_graph_gives_the_same_bytes(case, tmp_path):
    model = trained(GRAPHS[case])
    again(again(model, tmp_path), tmp_path).save(tmp_path / "again")
    model.save(tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == (tmp_path / "again").read_bytes()
    assert version(tmp_path / "m") == "2"


@pytest.mark.single
@EVERY_BACKEND
def test_a_loaded_graph_trains_on_every_backend_as_its_original(name, tmp_path):
    model = trained(GRAPHS["nested"])
    model.backend = name
    twin = again(model, tmp_path)
    for one in (model, twin):
        one.fit(*data(model), verbose=0)
    assert weights_of(twin).tobytes() == weights_of(model).tobytes()


def test_models_in_models_stay_models_that_share_their_weights(tmp_path):
    loaded = again(trained(GRAPHS["nested"]), tmp_path)
    encoder = loaded.get_layer("encoder")
    assert isinstance(encoder, Sequential)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in GRAPHS["nested"]().layers]
    encoder.set_weights([w + 1 for w in encoder.get_weights()])
    at = loaded.layers.index(encoder.layers[0])
    np.testing.assert_array_equal(loaded.layers[at].kernel, encoder.layers[0].kernel)
    assert encoder.predict(np.ones((2, 4))).shape == (2, 3)


def test_a_model_inside_keeps_how_it_is_trained_and_how_far(tmp_path):
    """Such as the discriminator of a pair of networks, which is trained alone in turns."""
    judge = Sequential([Dense(5, "tanh", input_shape=(2,)), Dense(1, "sigmoid")], name="judge", backend="numpy")
    judge.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    x, y = np.random.default_rng(1).normal(size=(30, 2)), np.arange(30) % 2
    judge.fit(x, y, epochs=2, verbose=0)
    pair = Sequential([Dense(2, input_shape=(3,)), judge], backend="numpy")
    judge.trainable = False
    pair.compile("sgd", "binary_crossentropy")
    loaded = again(pair, tmp_path).get_layer("judge")
    loaded.backend = "numpy"
    assert (loaded.epoch, loaded.step, loaded.trainable) == (2, 2, False)
    for one in (judge, loaded):
        one.trainable = True
        one.fit(x, y, epochs=2, verbose=0)
    assert weights_of(loaded).tobytes() == weights_of(judge).tobytes()


def mine(target, prediction):
    return (target - prediction) ** 2


def test_losses_weights_and_metrics_of_several_outputs_come_back(tmp_path):
    model = GRAPHS["several"]()
    model.compile(
        "adam",
        [losses.Huber(0.5), None, "mae"],
        metrics=[["mse", metrics.MeanAbsoluteError(name="far")], [], "mae"],
        weighted_metrics=[None, None, ["mse"]],
        loss_weights=[0.5, 1.0, 2.0],
    )
    loaded = again(model, tmp_path)
    assert loaded.losses == model.losses
    assert (loaded.loss_weights, loaded.metrics) == ([0.5, 1.0, 2.0], model.metrics)
    assert (loaded.weighted_metrics, loaded.metrics_names) == (model.weighted_metrics, model.metrics_names)


def test_losses_of_ones_own_for_several_outputs_are_asked_for_again(tmp_path):
    model = GRAPHS["several"]()
    model.compile("adam", [mine, "mse", None], metrics=[[mine], [], []])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert again(model, tmp_path).optimizer is None
    loaded = again(model, tmp_path, custom_objects={"mine": mine})
    assert [getattr(loss, "name", None) for loss in loaded.losses] == ["mine", "mean_squared_error", None]


def test_a_model_compiled_without_a_loss_comes_back_so(tmp_path):
    model = Sequential([Dense(2, input_shape=(3,))], backend="numpy")
    model.compile("sgd")
    loaded = again(model, tmp_path)
    assert (version(tmp_path / "m"), repr(loaded.optimizer), loaded.has_loss) == ("2", "SGD()", False)


def test_a_model_alone_is_written_without_what_others_have_in_its_store(tmp_path):
    base = Sequential([Dense(50), Dense(40), Dense(3)], backend="numpy")
    base.build((4,))
    small = Sequential([Input((4,)), base.layers[0], Dense(2)], seed=1, backend="numpy")
    small.compile("adam", "mse")
    small.fit(*data(small), verbose=0)
    loaded = again(small, tmp_path)
    assert (tmp_path / "m").stat().st_size < 5000 + 3 * 4 * (400 + 50)
    assert version(tmp_path / "m") == "1"
    for one in (small, loaded):
        one.fit(*data(small), epochs=2, verbose=0)
    assert weights_of(loaded).tobytes() == weights_of(small).tobytes()


@pytest.mark.parametrize("name", ["trained", "shaped"])
def test_files_of_the_released_version_load_and_are_written_again_byte_for_byte(name, tmp_path):
    path = RELEASED / f"{name}.safetensors"
    again(fastnn.load(path), tmp_path)
    assert (tmp_path / "m").read_bytes() == path.read_bytes()


def test_a_released_file_predicts_what_it_did():
    model = fastnn.load(RELEASED / "trained.safetensors")
    x = np.linspace(-1, 1, 8).reshape(2, 4)
    np.testing.assert_array_equal(
        model.predict(x, backend="numpy"), np.float32([[-0.5324132442474365], [0.34214529395103455]])
    )
    assert (model.step, model.epoch, [layer.name for layer in model.layers]) == (4, 2, ["h", "dropout", "dense"])


def test_nothing_is_drawn_when_a_graph_is_loaded(tmp_path, monkeypatch):
    trained(GRAPHS["nested"]).save(tmp_path / "m")

    def draw(*_):
        raise AssertionError("drawn")

    monkeypatch.setattr(fastnn.initializers.VarianceScaling, "__call__", draw)
    assert fastnn.load(tmp_path / "m").built


def test_what_load_would_refuse_is_not_written(tmp_path):
    model = model_of(Dense(4), Dense(4), Dense(4), n_in=4)
    for _ in range(12):
        x = Input((4,))
        model = Model(x, model(model(x)))
    with pytest.raises(ValueError, match="uses of layers follow"):
        model.save(tmp_path / "m")
    assert not list(tmp_path.iterdir())


# -- weights alone ----------------------------------------------------------------------------------


@pytest.mark.parametrize("write", ["save", "save_weights"])
def test_weights_by_name_go_to_layers_of_that_name_alone(write, tmp_path):
    first = Sequential([Dense(5, name="a", input_shape=(4,)), Dense(3, name="b")], seed=1)
    second = Sequential([Dense(4, name="x", input_shape=(4,)), Dense(5, name="a"), Dense(3, name="b")], seed=2)
    getattr(first, write)(tmp_path / "w")
    before = second.get_weights()
    second.load_weights(tmp_path / "w", by_name=True)
    np.testing.assert_array_equal(second.get_weights()[0], before[0])
    for ours, theirs in zip(second.get_weights()[2:], first.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("write", ["save", "save_weights"])
def test_a_model_inside_goes_by_its_name_as_one_layer(write, tmp_path):
    encoder = Sequential([Dense(3, input_shape=(4,)), Dropout(0.5), Dense(2)], name="encoder")
    whole = Sequential([encoder, Dense(1)])
    getattr(whole, write)(tmp_path / "w")
    other = Sequential([Dense(4, name="first", input_shape=(4,)), copy.deepcopy(encoder)])
    other.set_weights([w + 1 for w in other.get_weights()])
    other.load_weights(tmp_path / "w", by_name=True)
    for ours, theirs in zip(other.get_layer("encoder").get_weights(), encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("by_name", [True, False])
def test_layers_of_other_shapes_are_an_error_or_skipped_with_a_warning(by_name, tmp_path):
    first = Sequential([Dense(3, name="a", input_shape=(4,)), Dense(3, name="b"), Dense(2, name="c")], seed=1)
    second = Sequential([Dense(3, name="a", input_shape=(4,)), Dense(3, name="b"), Dense(7, name="c")], seed=2)
    first.save_weights(tmp_path / "w")
    before = second.get_weights()
    with pytest.raises(ValueError, match=r"\(3, 2\)"):
        second.load_weights(tmp_path / "w", by_name=by_name)
    for ours, theirs in zip(second.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.warns(UserWarning, match=r"layer 'c' wants arrays of the shapes \(3, 7\), \(7,\), and it has \(3, 2\)"):
        second.load_weights(tmp_path / "w", skip_mismatch=True, by_name=by_name)
    for ours, theirs in zip(second.get_weights(), [*first.get_weights()[:4], *before[4:]], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_more_or_fewer_layers_than_the_file_has_are_skipped_where_that_is_asked_for(tmp_path):
    short = Sequential([Dense(3, input_shape=(4,))], seed=1)
    long = Sequential([Dense(3, input_shape=(4,)), Dense(2)], seed=2)
    short.save_weights(tmp_path / "w")
    with pytest.warns(UserWarning, match=r"layer 'dense_1' wants .* and it has none"):
        long.load_weights(tmp_path / "w", skip_mismatch=True)
    np.testing.assert_array_equal(long.get_weights()[0], short.get_weights()[0])


def test_names_that_agree_nowhere_or_are_not_there_are_errors(tmp_path):
    first, second = Sequential([Dense(3, name="a", input_shape=(4,))]), Sequential([Dense(3, input_shape=(4,))])
    first.save_weights(tmp_path / "w")
    with pytest.raises(ValueError, match="no layer has a name"):
        second.load_weights(tmp_path / "w", by_name=True)
    old = fastnn.Sequential([Dense(8), Dense(1)])
    old.build((4,))
    with pytest.raises(ValueError, match="does not hold the names"):
        old.load_weights(RELEASED / "late.weights.safetensors", by_name=True)
    old.load_weights(RELEASED / "late.weights.safetensors")


@EVERY_GRAPH
@pytest.mark.parametrize("write", ["save", "save_weights"])
def test_weights_of_every_graph_come_back_by_order_and_by_name(case, write, tmp_path):
    model, other = GRAPHS[case](), GRAPHS[case]()
    getattr(model, write)(tmp_path / "w")
    for by_name in (False, True):
        other.set_weights([w + 1 for w in model.get_weights()])
        other.load_weights(tmp_path / "w", by_name=by_name)
        assert weights_of(other).tobytes() == weights_of(model).tobytes()
