"""The builder of models from operations whose channels come first, operation by operation against PyTorch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from onnx_models import compare, listed
from oracles import torch_library

from fastnn.interop.channels_first import LENGTH, ROWS, ChannelsFirst
from fastnn.layers import Permute

IMAGE = (3, 4, 3)


def array(tensor):
    return tensor.detach().numpy()


def check(function, module, *shapes, below=None):
    """The model that ``function(build, *values)`` says gives what ``module`` gives; returns it."""
    torch = torch_library()
    xs = [torch.randn(2, *shape) if below is None else torch.randint(0, below, (2, *shape)) for shape in shapes]
    with torch.no_grad():
        wanted = module(*xs)
    build = ChannelsFirst()
    made = function(build, *(build.input(shape, name=f"x{i}") for i, shape in enumerate(shapes)))
    model = build.model(made if isinstance(made, list) else [made])
    got = listed(model.predict([array(x) for x in xs] if len(xs) > 1 else array(xs[0])))
    compare(got, [array(y) for y in (wanted if isinstance(wanted, list | tuple) else [wanted])])
    return model


class Parts:
    """Layers of PyTorch's, and a convolution in front, so that the channels are last when an operation begins."""

    def __init__(self):
        self.torch = torch_library()
        self.torch.manual_seed(1)
        self.conv = self.torch.nn.Conv2d(3, 4, 3, padding=1)
        self.wide, self.narrow = self.torch.nn.Linear(48, 5), self.torch.nn.Linear(4, 7)

    def ours(self, build, x):
        return build.conv(x, array(self.conv.weight), array(self.conv.bias), pads=[(1, 1)] * 2)

    @staticmethod
    def weights(linear):
        return array(linear.weight).T, array(linear.bias)


def test_flattened_images_reach_a_linear_layer_without_a_permute():
    p = Parts()
    model = check(
        lambda b, x: b.linear(b.flatten(p.ours(b, x)), *p.weights(p.wide)),
        lambda x: p.wide(p.conv(x).flatten(1)),
        IMAGE,
    )
    assert sum(isinstance(layer, Permute) for layer in model.layers) == 1  # of the input
    model = check(lambda b, x: b.flatten(p.ours(b, x)), lambda x: p.conv(x).flatten(1), IMAGE)
    assert sum(isinstance(layer, Permute) for layer in model.layers) == 2


def test_transposes_and_reshapes_are_no_layers():
    p = Parts()
    model = check(
        lambda b, x: b.linear(b.transpose(p.ours(b, x), (0, 2, 3, 1)), *p.weights(p.narrow)),
        lambda x: p.narrow(p.conv(x).permute(0, 2, 3, 1)),
        IMAGE,
    )
    assert sum(isinstance(layer, Permute) for layer in model.layers) == 1
    tokens = check(
        lambda b, x: b.linear(b.transpose(b.flatten(p.ours(b, x), 2), (0, 2, 1)), *p.weights(p.narrow)),
        lambda x: p.narrow(p.conv(x).flatten(2).transpose(1, 2)),
        IMAGE,
    )
    assert sum(isinstance(layer, Permute) for layer in tokens.layers) == 1
    shuffle = p.torch.nn.functional.pixel_shuffle

    def shuffled(b, x):
        split = b.reshape(p.ours(b, x), (ROWS, 1, 2, 2, 4, 3))
        return b.reshape(b.transpose(split, (0, 1, 4, 2, 5, 3)), (ROWS, 1, 8, 6))

    check(shuffled, lambda x: shuffle(p.conv(x), 2), IMAGE)
    check(lambda b, x: b.reshape(p.ours(b, x), (ROWS, 2, -1)), lambda x: p.conv(x).reshape(len(x), 2, -1), IMAGE)


WINDOWS = [
    case
    for case in itertools.product((1, 2, 3, 4), (1, 2, 3), (0, 1, 2), (1, 2), (1, 2))
    if case[0] > 1 or case[3] == 1  # a window of one number has no gaps
]


@pytest.mark.parametrize("number", range(0, len(WINDOWS), 7))
def test_convolutions(number):
    check_convolution(*WINDOWS[number])


@pytest.mark.long
@pytest.mark.parametrize("case", WINDOWS, ids=str)
def test_all_convolutions(case):
    check_convolution(*case)


def check_convolution(k, s, p, d, groups):
    nn = torch_library().nn
    for rank in (1, 2):
        theirs = getattr(nn, f"Conv{rank}d")(4, 6, k, s, p, d, groups)
        told = {"strides": (s,) * rank, "pads": [(p, p)] * rank, "dilations": (d,) * rank, "groups": groups}
        weights = array(theirs.weight), array(theirs.bias)
        check(lambda b, x, weights=weights, told=told: b.conv(x, *weights, **told), theirs, (4, 9, 8)[: 1 + rank])


BACK = [case for case in itertools.product((1, 2, 3), (1, 2, 3), (0, 1), (0, 1, 2), (1, 2)) if case[3] < case[1]]


@pytest.mark.parametrize("case", BACK, ids=str)
def test_transposed_convolutions(case):
    k, s, p, more, groups = case
    if (9 - 1) * s - 2 * p + k + more < 1:
        pytest.skip("nothing is left of the output")
    theirs = torch_library().nn.ConvTranspose2d(4, 6, k, s, p, more, groups)
    told = {"strides": (s, s), "pads": [(p, p)] * 2, "output_padding": (more, more), "groups": groups}
    weights = array(theirs.weight), array(theirs.bias)
    check(lambda b, x: b.conv_transpose(x, *weights, **told), theirs, (4, 9, 8))


POOLS = [
    case
    for case in itertools.product((1, 2, 3, 4, 5), (1, 2, 3), (0, 1, 2), (False, True), (False, True))
    if case[2] <= case[0] // 2
]


@pytest.mark.parametrize("number", range(0, len(POOLS), 5))
def test_poolings(number):
    check_pooling(*POOLS[number])


@pytest.mark.long
@pytest.mark.parametrize("case", POOLS, ids=str)
def test_all_poolings(case):
    check_pooling(*case)


def check_pooling(k, s, p, ceil, counted):
    nn = torch_library().nn
    told = {"strides": (s, s), "pads": [(p, p)] * 2, "ceil": ceil}
    largest = nn.MaxPool2d(k, s, p, ceil_mode=ceil)
    check(lambda b, x: b.pool(x, "max", (k, k), **told), largest, (4, 9, 8))
    bent = nn.Sequential(nn.ReLU(), largest)
    check(lambda b, x: b.pool(b.activation(x, "relu"), "max", (k, k), **told), bent, (4, 9, 8))
    mean = nn.AvgPool2d(k, s, p, ceil_mode=ceil, count_include_pad=counted)
    check(lambda b, x: b.pool(x, "average", (k, k), counts_padding=counted, **told), mean, (4, 9, 8))


def test_joins_repeat_axes_of_one_number():
    p = Parts()
    torch = p.torch
    check(
        lambda b, x: b.join("Multiply", [y := p.ours(b, x), b.activation(b.global_pool(y, "average"), "sigmoid")]),
        lambda x: p.conv(x) * torch.sigmoid(p.conv(x).mean((2, 3), keepdim=True)),
        IMAGE,
    )
    check(
        lambda b, x: b.join("Add", [p.ours(b, x), b.reduce(x, "max", [1])]),
        lambda x: p.conv(x) + x.amax(1, keepdim=True),
        IMAGE,
    )
    check(
        lambda b, x: b.join("Add", [p.ours(b, x), b.slice(b.slice(x, 2, 0, 1), 1, 0, 1)]),
        lambda x: p.conv(x) + x[:, :1, :1],
        IMAGE,
    )
    check(
        lambda b, x: b.join("Subtract", [b.slice(x, 1, 0, 1), b.slice(x, 2, 0, 1)]),
        lambda x: x[:, :1] - x[..., :1],
        (3, 4),
    )


def test_arrays_stand_one_behind_the_other_along_any_axis():
    p = Parts()
    cat = p.torch.cat
    check(lambda b, x: b.concatenate([p.ours(b, x), x], 1), lambda x: cat([p.conv(x), x], 1), IMAGE)
    check(
        lambda b, x: b.concatenate([y := p.ours(b, x), b.slice(y, 2, 0, 1)], 2),
        lambda x: cat([p.conv(x), p.conv(x)[:, :, :1]], 2),
        IMAGE,
    )
    check(
        lambda b, x: b.concatenate([b.flatten(p.ours(b, x)), b.flatten(x)], 1),
        lambda x: cat([p.conv(x).flatten(1), x.flatten(1)], 1),
        IMAGE,
    )
    check(
        lambda b, x: b.concatenate([b.constant(x, np.full((2, 4), 1.5)), x], 1),
        lambda x: cat([p.torch.full((len(x), 2, 4), 1.5), x], 1),
        (3, 4),
    )


@pytest.mark.parametrize("shape", [(4, 1, 1), (4, 4, 3), (4, 3), (4, 1), (1,), ()], ids=str)
def test_known_numbers_scale_and_shift(shape):
    p = Parts()
    known = p.torch.randn(shape)
    check(lambda b, x: b.scaled(p.ours(b, x), array(known)), lambda x: p.conv(x) * known, IMAGE)
    check(lambda b, x: b.scaled(p.ours(b, x), 1.0, array(known)), lambda x: p.conv(x) + known, IMAGE)


def test_products_and_reductions():
    p = Parts()
    check(lambda b, x: b.matmul(x, b.transpose(x, (0, 2, 1))), lambda x: x @ x.transpose(1, 2), (3, 4))
    check(lambda b, x: b.matmul(x, b.transpose(x, (0, 1, 3, 2))), lambda x: x @ x.transpose(2, 3), (2, 3, 4))
    names = {"mean": "mean", "sum": "sum", "max": "amax", "min": "amin"}
    for kind, axes in itertools.product(names, ([1], [2, 3], [-1], [1, 3])):
        theirs = getattr(p.torch, names[kind])
        check(
            lambda b, x, kind=kind, axes=axes: b.reduce(p.ours(b, x), kind, axes, False),
            lambda x, theirs=theirs, axes=axes: theirs(p.conv(x), dim=axes),
            IMAGE,
        )


def test_numbers_are_moved():
    p = Parts()
    pad, resized = p.torch.nn.functional.pad, p.torch.nn.functional.interpolate
    check(
        lambda b, x: b.pad(p.ours(b, x), [(0, 0), (1, 0), (2, -1), (1, 1)], 1.5),
        lambda x: pad(p.conv(x), (1, 1, 2, -1, 1, 0), value=1.5),
        IMAGE,
    )
    check(lambda b, x: b.pad(x, [(0, 0), (1, 0), (2, -1)]), lambda x: pad(x, (2, -1, 1, 0)), (3, 4))
    check(lambda b, x: b.upsample(p.ours(b, x), [1, 1, 2, 3]), lambda x: resized(p.conv(x), scale_factor=(2, 3)), IMAGE)
    check(lambda b, x: b.upsample(x, [1, 1, 2]), lambda x: resized(x, scale_factor=2), (3, 4))
    check(lambda b, x: b.slice(p.ours(b, x), 1, 1, 4, 2), lambda x: p.conv(x)[:, 1:4:2], IMAGE)
    check(lambda b, x: b.split(p.ours(b, x), 1, [1, 3]), lambda x: p.conv(x).split([1, 3], 1), IMAGE)
    check(lambda b, x: b.expand(b.slice(x, 1, 0, 1), (ROWS, 5, 4)), lambda x: x[:, :1].expand(-1, 5, -1), (3, 4))


@pytest.mark.parametrize(
    "kind", ["BatchNorm2d", "GroupNorm", "InstanceNorm2d", "LayerNorm", "images", "RMSNorm", "PReLU"]
)
def test_normalisations(kind):
    p = Parts()
    nn = p.torch.nn
    made = {
        "BatchNorm2d": nn.BatchNorm2d(4),
        "GroupNorm": nn.GroupNorm(2, 4),
        "InstanceNorm2d": nn.InstanceNorm2d(4, affine=True),
        "LayerNorm": nn.LayerNorm(3),
        "images": nn.LayerNorm([4, 4, 3]),
        "RMSNorm": nn.RMSNorm(3, eps=1e-3),
        "PReLU": nn.PReLU(4),
    }[kind]
    for parameter in made.parameters():
        nn.init.normal_(parameter)
    if kind == "BatchNorm2d":
        nn.init.normal_(made.running_mean)
        nn.init.uniform_(made.running_var, 0.5, 2)
    weights = [array(parameter) for parameter in made.parameters()]
    ways = {
        "BatchNorm2d": lambda b, x: b.batch_norm(
            x, *weights, array(made.running_mean), array(made.running_var), made.eps
        ),
        "GroupNorm": lambda b, x: b.group_norm(x, 2, *weights, made.eps),
        "InstanceNorm2d": lambda b, x: b.group_norm(x, 4, *weights, made.eps),
        "LayerNorm": lambda b, x: b.layer_norm(x, *weights, made.eps),
        "images": lambda b, x: b.layer_norm(x, *weights, made.eps, axes=3),
        "RMSNorm": lambda b, x: b.rms_norm(x, *weights, made.eps),
        "PReLU": lambda b, x: b.prelu(x, *weights),
    }
    made.eval()
    check(lambda b, x: ways[kind](b, p.ours(b, x)), lambda x: made(p.conv(x)), IMAGE)


def test_rows_of_tables_and_softmax_along_any_axis():
    p = Parts()
    table = p.torch.nn.Embedding(10, 6)
    check(lambda b, x: b.embedding(x, array(table.weight)), table, (5,), below=10)
    check(lambda b, x: b.embedding(x, array(table.weight)), table, (), below=10)
    for axis in (1, 2, -1):
        check(
            lambda b, x, axis=axis: b.activation(p.ours(b, x), "softmax", axis),
            lambda x, axis=axis: p.conv(x).softmax(axis),
            IMAGE,
        )


def test_attention_takes_the_linear_layers_around_it():
    torch = torch_library()
    q, k, v, out = (torch.nn.Linear(8, 8) for _ in range(4))

    def heads(b, x):
        return b.transpose(b.reshape(x, (ROWS, -1, 2, 4)), (0, 2, 1, 3))

    def ours(b, x):
        parts = (heads(b, b.linear(x, *Parts.weights(layer))) for layer in (q, k, v))
        y = b.reshape(b.transpose(b.attention(*parts, causal=True), (0, 2, 1, 3)), (ROWS, 5, 8))
        return b.projected(y, *Parts.weights(out))

    def theirs(x):
        parts = (layer(x).reshape(2, 5, 2, 4).transpose(1, 2) for layer in (q, k, v))
        y = torch.nn.functional.scaled_dot_product_attention(*parts, is_causal=True)
        return out(y.transpose(1, 2).reshape(2, 5, 8))

    model = check(ours, theirs, (5, 8))
    assert [type(layer).__name__ for layer in model.layers[1:]] == ["MultiHeadAttention"]


def test_lengths_may_differ_from_batch_to_batch():
    build = ChannelsFirst()
    x = build.input((3, None), name="x")
    y = build.conv(x, np.ones((2, 3, 3)), pads=[(1, 1)])
    assert (y.shape, y.sizes) == ((None, 2, None), (ROWS, 2, LENGTH))
    model = build.model([build.global_pool(y, "max")])
    for n in (4, 9):
        assert model.predict(np.ones((1, 3, n))).tolist() == [[[9.0], [9.0]]]


def test_what_mixes_rows_of_the_batch_is_refused():
    build = ChannelsFirst()
    x = build.input((3, 4))
    for wrong, told in (
        (lambda: build.reshape(x, (3, ROWS, 4)), "mix rows of the batch"),
        (lambda: build.reshape(x, (ROWS, 5)), "cannot become"),
        (lambda: build.concatenate([x, x], 0), "rows of the batch"),
        (lambda: build.reduce(x, "mean", [0]), "several rows"),
        (lambda: build.activation(x, "softmax", 0), "across the rows"),
        (lambda: build.slice(x, 0, 0, 1), "of rows"),
        (lambda: build.linear(x, np.ones((3, 2))), "does not fit the last axis"),
        (lambda: build.conv(x, np.ones((2, 5, 1))), "5 channels does not fit"),
        (lambda: build.join("Add", [x, build.slice(x, 1, 0, 2)]), "do not fit each other"),
        (lambda: build.model([build.flatten(x, 0)]), "no axis by itself"),
    ):
        with pytest.raises(ValueError, match=told):
            wrong()
