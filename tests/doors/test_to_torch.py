"""Networks as modules of PyTorch: the same numbers for every kind of layer, names, training, what cannot travel."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from exchange_cases import ALL, CHAINS, MODELS, OWN, as_list, model_of, outputs_of, rows_for
from listed import assert_listed
from oracles import torch_library
from spaces import OF_MODELS

from fastnn import Sequential, layers
from fastnn.errors import NotReadyError
from fastnn.interop import to_torch
from fastnn.interop.torch.chart import chart_of, weights_of
from fastnn.interop.torch.names import TAKEN
from fastnn.interop.torch.parts import PARTS

TOLERANCE = 1e-5


def answers(network, xs):
    torch = torch_library()
    with torch.no_grad():
        made = network(*[torch.from_numpy(x) for x in xs])
    return [y.detach().numpy() for y in as_list(made)]


def assert_same(made, wanted):
    assert len(made) == len(wanted)
    for y, right in zip(made, wanted, strict=True):
        assert y.shape == right.shape
        np.testing.assert_allclose(y, right, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("case", [*ALL, *OWN, "with_mask"])
def test_a_module_gives_what_predict_gives(case):
    torch_library()
    model = model_of(case)
    xs = rows_for(model)
    assert_same(answers(to_torch(model), xs), outputs_of(model, xs))


def test_every_layer_and_every_operation_has_a_case():
    found = {type(layer) for case in [*CHAINS.values(), *OWN.values()] for layer in case[0]}
    for name in (*MODELS, "with_mask"):
        found |= {type(layer) for layer in model_of(name).layout.layers}
    wanted = set(layers.LAYERS.values()) - {layers.InputLayer, layers.Lambda}
    assert_listed(found & wanted, wanted, "CHAINS or OWN of tests/exchange_cases.py")
    assert_listed(PARTS.keys() | {"own"}, OF_MODELS, "PARTS of fastnn/interop/torch/parts.py")


def test_an_operation_without_a_counterpart_is_named(monkeypatch):
    torch_library()
    monkeypatch.delitem(PARTS, "scale")
    with pytest.raises(TypeError, match="is an operation 'scale', which PyTorch has no counterpart for"):
        to_torch(Sequential([layers.Scale(input_shape=(2,))]))


@pytest.mark.parametrize("case", ["conv2d", "transposed1d", "translator", "encoder", "gru_before"])
def test_double_precision_travels(case):
    torch_library()
    model = model_of(case, "float64") if case in CHAINS else model_of("lstm", "float64")
    xs = rows_for(model)
    (y,), (right,) = answers(to_torch(model), xs), outputs_of(model, xs)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, right, rtol=1e-12, atol=1e-12)


def test_modules_have_the_names_of_layers_and_those_of_pytorch():
    nn = torch_library().nn
    network = to_torch(model_of("nested"))
    names = list(network.state_dict())
    assert {"encoder.dense.weight", "heads.dense.bias", "again.weight"} <= set(names)
    stack = [
        layers.Conv2D(3, 2, name="look", input_shape=(4, 4, 2)),
        layers.BatchNormalization(name="train"),
        layers.Bidirectional(layers.LSTM(2), name="both"),
    ]
    network = to_torch(
        Sequential([*stack[:2], layers.Reshape((3, 9)), layers.TimeDistributed(layers.Dense(2)), stack[2]])
    )
    kinds = {"look": nn.Conv2d, "train_": nn.BatchNorm2d, "both.forward_layer": nn.LSTM, "both.backward_layer": nn.LSTM}
    for name, kind in kinds.items():
        assert isinstance(network.get_submodule(name), kind)


def test_no_layer_can_hide_what_every_module_has():
    public = {name for name in dir(torch_library().nn.Module()) if not name.startswith("_")}
    assert public <= TAKEN


def test_what_is_trained_here_is_trained_there():
    torch_library()
    network = to_torch(model_of("frozen_layers"))
    assert {name for name, p in network.named_parameters() if p.requires_grad} == {"dense_1.weight", "dense_1.bias"}
    network = to_torch(model_of("batch_normalization"))
    assert not network.get_parameter("batch_normalization_1.weight").requires_grad  # that the layer has not


@pytest.mark.parametrize("case", ["batch_normalization", "masked_batch_normalization"])
def test_batches_move_statistics_by_the_same_share(case):
    torch = torch_library()
    model = model_of(case, "float64")
    xs = rows_for(model, n=400)
    network = to_torch(model).train()
    model(xs[0], training=True)
    network(torch.from_numpy(xs[0]))
    moved = {name: buffer.numpy() for name, buffer in network.named_buffers() if "running" in name}
    wanted = to_torch(model)
    for name, buffer in moved.items():  # variances differ by 1 / (rows - 1)
        np.testing.assert_allclose(buffer, wanted.get_buffer(name).numpy(), rtol=1e-3)


def test_gradients_are_those_of_fastnn():
    torch = torch_library()
    model = model_of("encoder")
    model.compile("sgd", "mse")
    (x,) = rows_for(model)
    y = np.random.default_rng(0).normal(size=(len(x), 3)).astype(np.float32)
    network = to_torch(model)
    torch.nn.functional.mse_loss(network(torch.from_numpy(x)), torch.from_numpy(y)).backward()
    theirs = weights_of(model, chart_of(model)[0], {name: p.grad.numpy() for name, p in network.named_parameters()})
    for gradient, right in zip(theirs, model.gradients(x, y)[1], strict=True):
        np.testing.assert_allclose(gradient, right, rtol=1e-4, atol=1e-6)


def test_dropout_and_augmentation_act_in_training_alone():
    torch = torch_library()
    for case in ("dropouts", "spatial_dropout", "spatial_dropout_2d", "random_images", "random_crops", "lstm_dropout"):
        model = model_of(case)
        (x,) = rows_for(model)
        network = to_torch(model)
        calm = network(torch.from_numpy(x))
        assert not torch.equal(network.train()(torch.from_numpy(x)), calm)
        assert torch.equal(network.eval()(torch.from_numpy(x)), calm)


def test_dropout_of_channels_drops_all_of_a_channel():
    torch = torch_library()
    network = to_torch(Sequential([layers.SpatialDropout1D(0.5, input_shape=(9, 64)), layers.Dense(1)])).train()
    y = network.get_submodule("spatial_dropout1d")(torch.ones(4, 1, 9, 64))
    assert set(y.unique().tolist()) == {0.0, 2.0}
    assert (y == y[:, :, :1]).all()


def test_states_go_from_batch_to_batch_until_they_are_reset():
    torch = torch_library()
    model = model_of("stateful")
    (x,) = rows_for(model)
    network = to_torch(model)
    model.reset_states()
    for _ in range(3):
        np.testing.assert_allclose(network(torch.from_numpy(x)).detach(), model.predict(x), rtol=1e-5, atol=1e-5)
    network.reset_states()
    model.reset_states()
    np.testing.assert_allclose(network(torch.from_numpy(x)).detach(), model.predict(x), rtol=1e-5, atol=1e-5)


def test_a_network_of_any_length_takes_any_length():
    torch_library()
    model = model_of("any_length")
    network = to_torch(model)
    for length in (3, 9, 14):
        xs = rows_for(model, length=length)
        assert_same(answers(network, xs), outputs_of(model, xs))


def test_a_network_is_copied_and_pickled():
    torch_library()
    for case in ("conv2d", "translator"):
        model = model_of(case)
        xs = rows_for(model)
        for made in (copy.deepcopy(to_torch(model)), pickle.loads(pickle.dumps(to_torch(model)))):
            assert_same(answers(made, xs), outputs_of(model, xs))


@pytest.mark.long
def test_a_network_is_exported():
    torch = torch_library()
    model = model_of("encoder")
    xs = rows_for(model)
    exported = torch.export.export(to_torch(model), tuple(torch.from_numpy(x) for x in xs)).module()
    assert_same(answers(exported, xs), outputs_of(model, xs))


def test_inputs_of_other_shapes_are_refused():
    torch = torch_library()
    network = to_torch(model_of("dense"))
    with pytest.raises(ValueError, match=r"takes \(None, 6\), got \(None, 5\)"):
        network(torch.zeros(2, 5))
    with pytest.raises(ValueError, match=r"takes \(None, None, 4\), got \(None, 3, 5\)"):
        to_torch(model_of("any_length"))(torch.zeros(2, 3, 5))


def test_what_has_no_counterpart_is_named():
    torch_library()
    model = Sequential([layers.Dense(3, input_shape=(4,)), layers.Lambda(np.square, name="squared"), layers.Dense(1)])
    with pytest.raises(TypeError, match=r"layer 'squared' \(Lambda\) is NumPy code of your own"):
        to_torch(model)
    with pytest.raises(TypeError, match="must be a Sequential or a Model, got 3"):
        to_torch(3)
    with pytest.raises(NotReadyError):
        to_torch(Sequential([layers.Dense(3)]))
