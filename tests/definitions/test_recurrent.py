"""SimpleRNN, LSTM and GRU: what they compute, on every backend, beside PyTorch and Keras; what they refuse."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from models import dtype_on, refused
from oracles import keras_library, torch_library
from tolerance import DIFFERENCE_STEP, assert_close, difference_limit

from fastnn import Input, Model, Sequential, _kernels, layers
from fastnn.layers import GRU, LSTM, Dense, SimpleRNN

FEATURES, UNITS = 3, 5
ORDERS = {"SimpleRNN": (0,), "LSTM": (0, 1, 2, 3), "GRU": (1, 0, 2)}  # PyTorch's gates by ours
KINDS = pytest.mark.parametrize("kind", ORDERS)
N_STATES = {"SimpleRNN": 1, "LSTM": 2, "GRU": 1}
VARIANTS = {
    "simple": ("SimpleRNN", {}),
    "simple of relu": ("SimpleRNN", {"activation": "relu"}),
    "lstm": ("LSTM", {}),
    "lstm of other activations": ("LSTM", {"activation": "elu", "recurrent_activation": "hard_sigmoid"}),
    "lstm without bias": ("LSTM", {"use_bias": False}),
    "gru": ("GRU", {}),
    "gru without bias": ("GRU", {"use_bias": False}),
    "gru that resets before": ("GRU", {"reset_after": False}),
    "gru of linear": ("GRU", {"activation": "linear", "reset_after": False}),
    "simple of gelu": ("SimpleRNN", {"activation": "gelu"}),
    "lstm of swish": ("LSTM", {"activation": "swish", "recurrent_activation": "softmax"}),
    "lstm of mish": ("LSTM", {"activation": "mish"}),
    "gru of hard_silu": ("GRU", {"activation": "softmax", "recurrent_activation": "hard_silu"}),
    "gru of gates of gelu": ("GRU", {"recurrent_activation": "gelu", "reset_after": False}),
}


@pytest.fixture
def name(backend):
    """The backend's name, for models; the instruction set is the one that the fixture forces."""
    return next(name for name in _kernels.PREFERENCE if not _kernels.why_not(name) and _kernels.load(name) is backend)


def drawn(model, rng):
    """The model with weights of no order."""
    model.set_weights([rng.normal(scale=0.5, size=w.shape) for w in model.get_weights()])
    return model


def in_gate_order(kind, array):
    """The last axis with PyTorch's order of the gates."""
    gates = np.split(np.asarray(array), len(ORDERS[kind]), axis=-1)
    return np.concatenate([gates[i] for i in ORDERS[kind]], axis=-1)


def in_their_form(kind, kernel, recurrent, bias):
    """Kernel, recurrent kernel and the two biases as PyTorch has them; it has two where we have one."""
    biases = bias if np.ndim(bias) == 2 else (bias, np.zeros_like(bias))
    return [in_gate_order(kind, kernel).T, in_gate_order(kind, recurrent).T, *(in_gate_order(kind, b) for b in biases)]


def theirs(kind, weights, **how):
    """PyTorch's module with these weights of ours, three a layer."""
    torch = torch_library()
    module = getattr(torch.nn, kind.removeprefix("Simple"))(FEATURES, UNITS, batch_first=True, **how).double()
    copied = [array for i in range(0, len(weights), 3) for array in in_their_form(kind, *weights[i : i + 3])]
    with torch.no_grad():
        for parameter, array in zip(module.parameters(), copied, strict=True):
            parameter.copy_(torch.tensor(array))
    return module


def compare_gradients(kind, ours, module, k):
    """Gradients of our layers, three arrays each, with those that PyTorch has made."""
    found = [parameter.grad.numpy() for parameter in module.parameters()]
    for i in range(0, len(ours), 3):
        kernel, recurrent, *biases = found[i // 3 * 4 : i // 3 * 4 + 4]
        right = in_their_form(kind, *ours[i : i + 3])
        for mine, other in zip(right[: 4 if ours[i + 2].ndim == 2 else 3], (kernel, recurrent, *biases), strict=False):
            assert_close(mine, other, np.float64, k)


@KINDS
@pytest.mark.covering
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 31])
@pytest.mark.parametrize("batch", [1, 33])
def test_outputs_states_and_gradients_are_those_of_pytorch(name, rng, kind, return_sequences, steps, batch):
    torch, x = torch_library(), Input((steps, FEATURES))
    starts = [Input((UNITS,)) for _ in range(N_STATES[kind])]
    layer = getattr(layers, kind)(UNITS, return_sequences=return_sequences, return_state=True)
    model = drawn(Model([x, *starts], layer(x, initial_state=starts), dtype="float64", backend=name), rng)
    given = [rng.normal(size=(batch, steps, FEATURES)), *(rng.normal(size=(batch, UNITS)) for _ in starts)]
    module = theirs(kind, model.get_weights())
    tensors = [torch.tensor(array, requires_grad=True) for array in given]
    states = tuple(state[None] for state in tensors[1:])
    y, last = module(tensors[0], states if kind == "LSTM" else states[0])
    right = [y if return_sequences else y[:, -1], *(state[0] for state in (last if kind == "LSTM" else (last,)))]
    slopes, k = [rng.normal(size=tuple(one.shape)) for one in right], steps * batch * UNITS
    sum((one * torch.tensor(slope)).sum() for one, slope in zip(right, slopes, strict=True)).backward()
    for mine, other in zip(model.predict(given, verbose=0), right, strict=True):
        assert_close(mine, other.detach().numpy(), np.float64, k)
    for mine, other in zip(model.gradients(given, dy=slopes, wrt="inputs"), tensors, strict=True):
        assert_close(mine, other.grad.numpy(), np.float64, k)
    compare_gradients(kind, model.gradients(given, dy=slopes), module, k)


@KINDS
@pytest.mark.covering
@pytest.mark.parametrize("steps", [1, 31])
def test_a_layer_that_goes_backwards_is_the_other_direction_of_pytorch(name, rng, kind, steps):
    torch, entry = torch_library(), Input((steps, FEATURES))
    pair = [getattr(layers, kind)(UNITS, return_sequences=True, go_backwards=back) for back in (False, True)]
    model = drawn(Model(entry, [layer(entry) for layer in pair], dtype="float64", backend=name), rng)
    x, slopes = rng.normal(size=(4, steps, FEATURES)), rng.normal(size=(2, 4, steps, UNITS))
    module, k = theirs(kind, model.get_weights(), bidirectional=True), steps * 4 * UNITS
    tensor = torch.tensor(x, requires_grad=True)
    both = module(tensor)[0]
    (both * torch.tensor(np.concatenate((slopes[0], slopes[1, :, ::-1]), axis=-1))).sum().backward()
    one, other = model.predict(x, verbose=0)
    assert_close(np.concatenate((one, other[:, ::-1]), axis=-1), both.detach().numpy(), np.float64, k)
    assert_close(model.gradients(x, dy=[*slopes], wrt="inputs"), tensor.grad.numpy(), np.float64, k)
    compare_gradients(kind, model.gradients(x, dy=[*slopes]), module, k)


@KINDS
def test_stacked_layers_are_those_of_pytorch(name, rng, kind):
    torch, layer = torch_library(), getattr(layers, kind)
    stack = [layer(UNITS, return_sequences=True, input_shape=(7, FEATURES)), layer(UNITS)]
    model = drawn(Sequential(stack, dtype="float64", backend=name), rng)
    x, slope = rng.normal(size=(4, 7, FEATURES)), rng.normal(size=(4, UNITS))
    module, k = theirs(kind, model.get_weights(), num_layers=2), 7 * 4 * UNITS
    y = module(torch.tensor(x))[0][:, -1]
    (y * torch.tensor(slope)).sum().backward()
    assert_close(model.predict(x, verbose=0), y.detach().numpy(), np.float64, k)
    compare_gradients(kind, model.gradients(x, dy=slope), module, k)


def test_three_epochs_end_with_the_weights_of_pytorch(name, rng):
    torch = torch_library()
    model = Sequential([LSTM(UNITS, input_shape=(9, FEATURES)), Dense(3, "softmax")], dtype="float64", backend=name)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.optimizer.learning_rate = 0.3
    weights = drawn(model, rng).get_weights()
    module, dense = theirs("LSTM", weights[:3]), torch.nn.Linear(UNITS, 3).double()
    with torch.no_grad():
        dense.weight.copy_(torch.tensor(weights[3].T))
        dense.bias.copy_(torch.tensor(weights[4]))
    module.bias_hh_l0.requires_grad = False  # we have one
    trained = [p for p in (*module.parameters(), *dense.parameters()) if p.requires_grad]
    x, labels = rng.normal(size=(50, 9, FEATURES)), rng.integers(3, size=50)
    model.fit(x, labels, epochs=3, batch_size=20, shuffle=False, verbose=0)
    optimizer = torch.optim.SGD(trained, 0.3)
    for first in [0, 20, 40] * 3:
        part = slice(first, first + 20)
        logits = dense(module(torch.tensor(x[part]))[0][:, -1])
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits, torch.tensor(labels[part])).backward()
        optimizer.step()
    ours = [*in_their_form("LSTM", *model.get_weights()[:3])[:3], *(w.T for w in model.get_weights()[3:])]
    for mine, other in zip(ours, trained, strict=True):
        assert_close(mine, other.detach().numpy(), np.float64, 9 * 50 * UNITS)


@pytest.mark.covering
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("zero_output_for_mask", [False, True])
def test_arguments_and_masks_act_as_in_keras(
    name, rng, variant, return_sequences, go_backwards, masked, zero_output_for_mask
):
    """Keras multiplies matrices in float32 on PyTorch, whatever a layer's dtype."""
    keras, torch = keras_library(), torch_library()
    kind, how = VARIANTS[variant]
    how = how | {"return_sequences": return_sequences, "go_backwards": go_backwards}
    how |= {"zero_output_for_mask": zero_output_for_mask}
    front = [layers.Masking()] if masked else []
    stack = [Input((6, FEATURES)), *front, getattr(layers, kind)(UNITS, **how)]
    model = drawn(Sequential(stack, dtype="float64", backend=name), rng)
    x = rng.normal(size=(4, 6, FEATURES))
    x[rng.random((4, 6)) < 0.4] = 0
    x[0], x[1, -1], x[2, 0] = 0, 0, 1
    tensor, counts = torch.tensor(x, requires_grad=True), torch.tensor((x != 0).any(axis=2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = getattr(keras.layers, kind)(UNITS, **how, dtype="float64")
        other.build((None, 6, FEATURES))
        other.set_weights(model.get_weights())
        y = other(tensor, mask=counts if masked else None)
    slope = rng.normal(size=tuple(y.shape))
    (y * torch.tensor(slope)).sum().backward()
    assert_close(model.predict(x, verbose=0), y.detach().numpy(), np.float32, 6 * UNITS)
    own = model.gradients(x, dy=slope, wrt="inputs"), *model.gradients(x, dy=slope)
    for mine, right in zip(own, (tensor, *(w.value for w in other.weights)), strict=True):
        assert_close(mine, right.grad.numpy(), np.float32, 24 * UNITS)


@pytest.mark.covering
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("return_sequences", [False, True])
def test_gradients_are_central_differences(name, rng, variant, return_sequences):
    """Of weights, rows and first states, with steps that are masked."""
    kind, how = VARIANTS[variant]
    layer = getattr(layers, kind)(3, return_sequences=return_sequences, return_state=True, **how)
    x, starts = Input((4, 2)), [Input((3,)) for _ in range(N_STATES[kind])]
    outputs = layer(layers.Masking()(x), initial_state=starts)
    model = drawn(Model([x, *starts], outputs, dtype="float64", backend=name), rng)
    given = [rng.normal(size=(3, 4, 2)), *(rng.normal(size=(3, 3)) for _ in starts)]
    given[0][0, 1:3] = given[0][1, 3] = 0
    slopes = [rng.normal(size=y.shape) for y in model.predict(given, verbose=0)]
    counts = [(given[0] != 0).any(axis=2, keepdims=True), *(1 for _ in starts)]  # moved, a blank step would be another

    def along(arrays, read):
        """Central difference and slope along one direction for each array, of the sum of slopes times outputs."""
        for i, array in enumerate(arrays):
            way, sums = rng.normal(size=array.shape) * (counts[i] if arrays is given else 1), []
            for sign in (1, -1):
                moved = [a + sign * DIFFERENCE_STEP * way if i == j else a for j, a in enumerate(arrays)]
                sums.append(sum((y * slope).sum() for y, slope in zip(read(moved), slopes, strict=True)))
            yield (sums[0] - sums[1]) / (2 * DIFFERENCE_STEP), way

    def with_weights(weights):
        model.set_weights(weights)
        return model.predict(given, verbose=0)

    weights = model.get_weights()
    found = [*model.gradients(given, dy=slopes, wrt="inputs"), *model.gradients(given, dy=slopes)]
    differences = [*along(given, lambda moved: model.predict(moved, verbose=0)), *along(weights, with_weights)]
    for gradient, (numeric, way) in zip(found, differences, strict=True):
        assert abs((gradient * way).sum() - numeric) <= difference_limit(numeric)


@KINDS
def test_where_no_step_counts_the_output_and_all_gradients_are_zero(name, rng, kind):
    layer = getattr(layers, kind)(UNITS)
    stack = [Input((4, FEATURES)), layers.Masking(), layer]
    model, x = drawn(Sequential(stack, dtype="float64", backend=name), rng), np.zeros((2, 4, FEATURES))
    assert not model.predict(x, verbose=0).any()
    slope = np.ones((2, UNITS))
    assert not model.gradients(x, dy=slope, wrt="inputs").any()
    assert not any(gradient.any() for gradient in model.gradients(x, dy=slope))


@KINDS
def test_padding_changes_no_row(name, rng, kind):
    layer = getattr(layers, kind)(UNITS)
    padded = Sequential([Input((6, FEATURES)), layers.Masking(), layer], dtype="float64", backend=name)
    short = Sequential([Input((2, FEATURES)), layer], dtype="float64", backend=name)
    drawn(padded, rng)
    x = np.concatenate((rng.normal(size=(3, 2, FEATURES)), np.zeros((3, 4, FEATURES))), axis=1)
    np.testing.assert_array_equal(padded.predict(x, verbose=0), short.predict(x[:, :2], verbose=0))


def test_recurrent_dropout_leaves_out_the_same_numbers_of_the_state_at_every_step(name):
    """With the identity for a kernel the state is multiplied by the same factor again and again: 0 or 2."""
    x, start = Input((3, 1)), Input((40,))
    how = {"kernel_initializer": "zeros", "recurrent_initializer": "identity", "recurrent_dropout": 0.5}
    edge = SimpleRNN(40, "linear", **how)(x, initial_state=start)
    model = Model([x, start], edge, seed=2, dtype=dtype_on(name), backend=name)
    given = [np.ones((8, 3, 1)), np.ones((8, 40))]
    found = model(given, training=True)
    assert set(found.ravel()) == {0.0, 8.0}
    assert np.ptp((found == 0).sum(axis=1)) > 0  # each sequence has its own
    np.testing.assert_array_equal(model.predict(given, verbose=0), np.ones((8, 40)))


def test_an_lstm_begins_with_ones_in_the_bias_of_its_forget_gate():
    biases = [
        Sequential([LSTM(2, input_shape=(3, 1), unit_forget_bias=ones)]).get_weights()[2].tolist()
        for ones in (True, False)
    ]
    assert biases == [[0, 0, 1, 1, 0, 0, 0, 0], [0] * 8]


@KINDS
def test_recurrent_kernels_begin_orthogonal_gate_by_gate_together(kind):
    recurrent = Sequential([getattr(layers, kind)(UNITS, input_shape=(3, 1))], dtype="float64").get_weights()[1]
    assert_close(recurrent @ recurrent.T, np.eye(UNITS), np.float64, UNITS)


WRONG = {
    "rank": (lambda: Sequential([LSTM(2, input_shape=(4,))]).build(), ("LSTM", "(steps, features)", "(4,)")),
    "one state too few": (
        lambda: LSTM(2)(Input((3, 1)), initial_state=Input((2,))),
        ("LSTM", "2 states", "(2,)"),
    ),
    "width of a state": (lambda: GRU(2)(Input((3, 1)), initial_state=Input((3,))), ("GRU", "(2,)", "(3,)")),
    "activation": (lambda: GRU(2, recurrent_activation="gelo"), ("activation", "gelo", "gelu")),
    "units": (lambda: LSTM(0), ("units", "0")),
    "dropout": (lambda: LSTM(2, recurrent_dropout=1.0), ("recurrent_dropout", "1")),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_is_said(case):
    call, words = WRONG[case]
    refused(call, ValueError, words)
