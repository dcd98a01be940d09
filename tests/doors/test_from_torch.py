"""Modules of PyTorch as models: the same numbers for every module and call that is known, and names of what is not."""

from __future__ import annotations

import numpy as np
import pytest
from oracles import torch_library

from fastnn.interop import from_torch, to_torch

torch = torch_library()
nn, F = torch.nn, torch.nn.functional
IMAGE, SIGNAL, VECTOR = (4, 8, 6), (4, 9), (6,)


def rows(*shapes, n=3, seed=0):
    made = torch.Generator().manual_seed(seed)
    return [torch.randn(n, *shape, generator=made) for shape in shapes]


def randomized(module, seed=0):
    """With statistics and weights that nothing hides."""
    torch.manual_seed(seed)
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if tensor.dtype.is_floating_point:
            with torch.no_grad():
                tensor.copy_(torch.rand(tensor.shape) + 0.5 if "var" in name else torch.randn(tensor.shape) * 0.4)
    return module.eval()


def flat(came):
    if isinstance(came, dict):
        return [one for key in sorted(came) for one in flat(came[key])]
    if isinstance(came, list | tuple):
        return [one for part in came for one in flat(part)]
    return [np.asarray(came.detach() if hasattr(came, "detach") else came)]


def assert_same(module, *xs, shapes=None, **told):
    shapes = shapes or [tuple(x.shape[1:]) for x in xs]
    model = from_torch(module, shapes, **told)
    with torch.no_grad():
        right = flat(module(*xs))
    arrays = [x.numpy() for x in xs]
    found = flat(model.predict(arrays if len(arrays) > 1 else arrays[0], verbose=0))
    assert len(found) == len(right)
    for y, wanted in zip(found, right, strict=True):
        assert y.shape == wanted.shape
        np.testing.assert_allclose(y, wanted, rtol=2e-5, atol=1e-5)
    return model


MODULES = {
    "Linear": (lambda: nn.Linear(6, 3), VECTOR),
    "Linear of steps": (lambda: nn.Linear(9, 3, bias=False), SIGNAL),
    "Conv1d": (lambda: nn.Conv1d(4, 5, 3, stride=2, padding=1), SIGNAL),
    "Conv1d same": (lambda: nn.Conv1d(4, 6, 3, padding="same", dilation=2, groups=2), SIGNAL),
    "Conv2d": (lambda: nn.Conv2d(4, 5, (3, 2), padding=(1, 0), bias=False), IMAGE),
    "Conv2d strides": (lambda: nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4), IMAGE),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(4, 3, 3, stride=2, padding=1, output_padding=1), SIGNAL),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 3, 2, stride=2), IMAGE),
    "MaxPool1d": (lambda: nn.MaxPool1d(2), SIGNAL),
    "MaxPool2d": (lambda: nn.MaxPool2d(3, 2, 1), IMAGE),
    "AvgPool1d": (lambda: nn.AvgPool1d(3, 2), SIGNAL),
    "AvgPool2d": (lambda: nn.AvgPool2d(2, padding=1, count_include_pad=False), IMAGE),
    "AdaptiveAvgPool1d": (lambda: nn.AdaptiveAvgPool1d(3), SIGNAL),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d(1), IMAGE),
    "AdaptiveMaxPool1d": (lambda: nn.AdaptiveMaxPool1d(1), SIGNAL),
    "AdaptiveMaxPool2d": (lambda: nn.AdaptiveMaxPool2d((2, None)), IMAGE),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(6, momentum=0.3), VECTOR),
    "BatchNorm1d of signals": (lambda: nn.BatchNorm1d(4, affine=False), SIGNAL),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4, eps=0.1), IMAGE),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(4, affine=True), SIGNAL),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(4, track_running_stats=True), IMAGE),
    "LayerNorm": (lambda: nn.LayerNorm((8, 6)), IMAGE),
    "LayerNorm of vectors": (lambda: nn.LayerNorm(6, bias=False), VECTOR),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), IMAGE),
    "Flatten": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), IMAGE),
    "Flatten of some": (lambda: nn.Sequential(nn.Flatten(2), nn.Conv1d(4, 2, 3)), IMAGE),
    "Unflatten": (lambda: nn.Sequential(nn.Unflatten(1, (2, 3)), nn.Linear(3, 2)), VECTOR),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), IMAGE),
    "Upsample": (lambda: nn.Upsample(scale_factor=2), IMAGE),
    "UpsamplingNearest2d": (lambda: nn.UpsamplingNearest2d((16, 12)), IMAGE),
    "ZeroPad1d": (lambda: nn.ZeroPad1d((1, 2)), SIGNAL),
    "ZeroPad2d": (lambda: nn.ZeroPad2d((1, 0, 2, 1)), IMAGE),
    "ConstantPad1d": (lambda: nn.ConstantPad1d(1, 2.5), SIGNAL),
    "ConstantPad2d": (lambda: nn.ConstantPad2d((1, -1, 0, 2), -1.5), IMAGE),
    "Identity": (lambda: nn.Sequential(nn.Identity(), nn.Linear(6, 1)), VECTOR),
    **{f"{kind.__name__}": (lambda kind=kind: nn.Sequential(nn.Linear(6, 5), kind()), VECTOR) for kind in (
        nn.Dropout, nn.AlphaDropout, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU,
        nn.Mish, nn.Sigmoid, nn.LogSigmoid, nn.Tanh, nn.Softplus, nn.Softsign, nn.Hardsigmoid, nn.Hardswish,
        nn.Hardtanh, nn.Tanhshrink, nn.Hardshrink, nn.Softshrink, nn.PReLU,
    )},
    "parameters of activations": (
        lambda: nn.Sequential(nn.ELU(0.5), nn.LeakyReLU(0.3), nn.Softplus(2.0), nn.Hardtanh(0.0, 2.0), nn.GELU("tanh")),
        VECTOR,
    ),
    "Softmax": (lambda: nn.Softmax(dim=-1), VECTOR),
    "LogSoftmax": (lambda: nn.LogSoftmax(dim=1), IMAGE),
    "Softmin": (lambda: nn.Softmin(dim=2), SIGNAL),
    "Softmax2d": (lambda: nn.Softmax2d(), IMAGE),
    "PReLU of channels": (lambda: nn.PReLU(4), IMAGE),
    "Dropout1d": (lambda: nn.Sequential(nn.Dropout1d(0.5), nn.Conv1d(4, 2, 1)), SIGNAL),
    "Dropout2d": (lambda: nn.Sequential(nn.Dropout2d(0.5), nn.Conv2d(4, 2, 1)), IMAGE),
}  # fmt: skip


CASES = [case if " " in case else pytest.param(case, marks=pytest.mark.long) for case in MODULES]


@pytest.mark.parametrize("case", CASES)
def test_a_module_gives_the_same_numbers(case):
    make, shape = MODULES[case]
    assert_same(randomized(make()), *rows(shape))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_modules_give_outputs_and_states(kind, num_layers, bidirectional):
    told = {"num_layers": num_layers, "bidirectional": bidirectional}
    (x,) = rows((7, 4))
    assert_same(StatesBehind(randomized(getattr(nn, kind)(4, 3, batch_first=True, **told))), x)
    steps_first = randomized(getattr(nn, kind)(4, 3, bias=False, **told))
    model = from_torch(steps_first, (7, 4), batch_axis=1)
    right = flat(steps_first(x.transpose(0, 1)))
    found = flat(model.predict(x.numpy(), verbose=0))
    for y, wanted in zip(found, right, strict=True):
        np.testing.assert_allclose(y, np.moveaxis(wanted, 1, 0), rtol=2e-5, atol=1e-5)


class StatesBehind(nn.Module):
    """States with the batch as first axis."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, x):
        y, states = self.cell(x)
        told = (states[0], states[1]) if isinstance(self.cell, nn.LSTM) else (states,)
        return y, [state.transpose(0, 1) for state in told]


def test_sequences_of_any_length():
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.cell, self.head = nn.Embedding(9, 4), nn.GRU(4, 3, batch_first=True), nn.Linear(3, 2)

        def forward(self, tokens):
            _, h = self.cell(self.table(tokens))
            return self.head(h[-1])

    module = randomized(Last())
    model = from_torch(module, (None,))
    for length in (3, 8):
        x = torch.randint(0, 9, (4, length))
        np.testing.assert_allclose(model.predict(x.numpy(), verbose=0), module(x).detach(), rtol=1e-5, atol=1e-5)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm, self.second = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        y = F.relu(self.norm(self.first(x)), inplace=True)
        y = F.max_pool2d(self.second(y) + x, 2)
        y = F.adaptive_avg_pool2d(y, (1, 1))
        return self.head(torch.flatten(y, 1))


class Calls(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.randn(9)), nn.Parameter(torch.randn(4, 1))
        self.register_buffer("known", torch.randn(9, 2))
        self.shared = nn.Linear(9, 9)

    def forward(self, x, y):
        n, c = x.shape[0], x.size(1)
        x = (self.shared(x) * self.scale + self.shift - 1) / 2
        y = torch.tanh(self.shared(y)).permute(0, 2, 1).transpose(1, 2)
        parts = torch.chunk(torch.cat([x, -y], dim=1), 2, dim=1)
        z = torch.stack([parts[0], parts[1], x * y], dim=1).view(n, 3 * c, -1)
        last = z[:, -1] + z[:, 0, :].sigmoid() - z[..., 1:5].mean(dim=-1).amax(1, keepdim=True)
        wide = torch.matmul(x, self.known).reshape(n, -1).unsqueeze(1).squeeze(1)
        both = x @ y.mT
        return {
            "last": last,
            "wide": wide.clamp(min=0),
            "both": both,
            "norm": F.normalize(z, dim=-1),
            "sq": (1 - x) ** 2,
        }


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(8, 8) for _ in range(4))

    def forward(self, x):
        n, t, e = x.shape
        q, k, v = (layer(x).view(n, t, 2, 4).transpose(1, 2) for layer in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(n, t, e)) + F.dropout(x, 0.3, self.training)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.LSTM(4, 3, batch_first=True), nn.LSTM(2, 3, batch_first=True)

    def forward(self, x, y):
        begin = torch.zeros(1, x.size(0), 3), torch.zeros(1, x.size(0), 3)
        _, states = self.encoder(x, begin)
        made, _ = self.decoder(y, states)
        return made


class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.MultiheadAttention(8, 2, batch_first=True)
        self.other = nn.MultiheadAttention(8, 4, kdim=5, vdim=6, bias=False, batch_first=True)

    def forward(self, x, k, v):
        y, weights = self.heads(x, x, x)
        z, _ = self.other(y, k, v, need_weights=False)
        return y, weights, z


def encoder(**told):
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, **told)
    return nn.Sequential(
        nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(8), enable_nested_tensor=False), nn.Linear(8, 3)
    )


class Language(nn.Module):
    """Causal attention as it is often written, and places from a table of their own."""

    def __init__(self, steps=8, n=12):
        super().__init__()
        self.tokens, self.places = nn.Embedding(20, n), nn.Embedding(steps, n)
        self.norm, self.qkv, self.out = nn.LayerNorm(n), nn.Linear(n, 3 * n), nn.Linear(n, 20, bias=False)
        self.register_buffer("mask", torch.tril(torch.ones(steps, steps)).view(1, 1, steps, steps))

    def forward(self, tokens):
        rows, steps = tokens.size()
        x = self.tokens(tokens) + self.places(torch.arange(steps))
        q, k, v = self.qkv(self.norm(x)).split(12, dim=2)
        q, k, v = (t.view(rows, steps, 3, 4).transpose(1, 2) for t in (q, k, v))
        weights = (q @ k.transpose(-2, -1)) * 0.5
        weights = weights.masked_fill(self.mask[:, :, :steps, :steps] == 0, float("-inf"))
        y = (F.softmax(weights, dim=-1) @ v).transpose(1, 2).contiguous().view(rows, steps, 12)
        return self.out(x + y)


class Patches(nn.Module):
    """A transformer on images: a token of its own in front, places, the first token at the end."""

    def __init__(self, n=8):
        super().__init__()
        self.patches, self.head = nn.Conv2d(4, n, 2, 2), nn.Linear(n, 3)
        self.token, self.places = nn.Parameter(torch.randn(1, 1, n)), nn.Parameter(torch.randn(1, 13, n))
        self.blocks = nn.TransformerEncoderLayer(n, 2, 16, batch_first=True, norm_first=True)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(x.shape[0], -1, -1), x), dim=1) + self.places
        return self.head(self.blocks(x)[:, 0])


NETWORKS = {
    "residual": (Residual, [IMAGE]),
    "patches": (Patches, [IMAGE]),
    "calls": (Calls, [SIGNAL, SIGNAL]),
    "attention": (Attention, [(5, 8)]),
    "decoder": (Decoder, [(7, 4), (5, 2)]),
    "heads": (Heads, [(5, 8), (4, 5), (4, 6)]),
    "encoder": (encoder, [(5, 8)]),
    "encoder, norms first": (lambda: encoder(norm_first=True, activation="gelu"), [(5, 8)]),
    "lenet": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 20), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(20, 10), nn.Softmax(1),
        ),
        [(1, 28, 28)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NETWORKS)
def test_networks_give_the_same_numbers(case):
    make, shapes = NETWORKS[case]
    assert_same(randomized(make()), *rows(*shapes))


def test_images_may_have_their_channels_last():
    module = randomized(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    (x,) = rows((3, 6, 5))
    model = from_torch(module, (3, 6, 5), channels_last=True)
    assert model.input_shape == (None, 6, 5, 3)
    found = model.predict(x.permute(0, 2, 3, 1).numpy(), verbose=0)
    np.testing.assert_allclose(found, module(x).permute(0, 2, 3, 1).detach(), rtol=1e-5, atol=1e-5)
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Conv2D", "Activation"]


def test_shapes_come_from_examples_too():
    module = randomized(nn.Linear(6, 2))
    (x,) = rows(VECTOR)
    for inputs in (x, [x], (6,), [(6,)], x.numpy()):
        np.testing.assert_allclose(from_torch(module, inputs).predict(x.numpy()), module(x).detach(), rtol=1e-5)


def test_a_language_model_gives_the_same_numbers():
    module = Language().eval()
    x = torch.randint(0, 20, (4, 8), generator=torch.Generator().manual_seed(0))
    model = from_torch(module, (8,))
    np.testing.assert_allclose(model.predict(x.numpy(), verbose=0), module(x).detach(), rtol=1e-5, atol=1e-5)


def test_layers_have_the_names_of_modules_and_a_shared_one_is_one():
    model = assert_same(randomized(Calls()), *rows(SIGNAL, SIGNAL))
    assert sum(layer.name.startswith("shared") for layer in model.layers) == 1
    assert {"first", "norm", "second", "head"} <= {layer.name for layer in from_torch(Residual(), IMAGE).layers}


def test_what_is_not_trained_there_is_not_trained_here():
    module = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    module[0].requires_grad_(False)
    model = from_torch(module, VECTOR)
    assert [tuple(w.shape) for w in model.trainable_weights] == [(4, 2), (2,)]


def test_dropout_keeps_its_rate_and_batches_their_share():
    model = from_torch(nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.3), nn.BatchNorm1d(6, momentum=0.2)), VECTOR)
    told = {type(layer).__name__: layer for layer in model.layers}
    assert told["Dropout"].rate == 0.3
    assert told["BatchNormalization"].momentum == pytest.approx(0.8)
    assert any(type(layer).__name__ == "Dropout" for layer in from_torch(Attention(), (5, 8)).layers)


def test_the_module_stays_as_it_is():
    module = nn.Sequential(nn.Linear(6, 6), nn.Sequential(nn.Dropout(), nn.BatchNorm1d(6)))
    module[1][1].eval()
    from_torch(module, VECTOR)
    assert [part.training for part in module.modules()] == [True, True, True, True, False]


def test_precision_is_that_of_the_module():
    assert from_torch(nn.Linear(6, 2).double(), VECTOR).dtype == np.float64
    assert from_torch(nn.Linear(6, 2).half(), VECTOR).dtype == np.float32


@pytest.mark.parametrize("case", ["Conv2d strides", "BatchNorm2d", "LSTM", "encoder"])
def test_a_module_comes_back(case):
    module = nn.LSTM(4, 3, batch_first=True) if case == "LSTM" else (MODULES | NETWORKS)[case][0]()
    shape = (7, 4) if case == "LSTM" else (5, 8) if case == "encoder" else IMAGE
    module = randomized(module)
    (x,) = rows(shape)
    back = to_torch(from_torch(module, shape))
    for y, right in zip(flat(back(x))[:1], flat(module(x))[:1], strict=True):
        np.testing.assert_allclose(y, right, rtol=1e-5, atol=1e-5)


def test_what_is_changed_in_place_is_so_for_all_who_read_it_later():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.bend = nn.Linear(6, 6), nn.ELU(inplace=True)

        def forward(self, x):
            y, z, w = self.first(x), x * 2, x - 1
            made = [F.relu(y, inplace=True), self.bend(z), w.tanh_()]
            w += 1
            return y * made[0], z * made[1], w * 3

    assert_same(randomized(Own()), *rows(VECTOR))


def of(function):
    class Own(nn.Module):
        def forward(self, x):
            return function(x)

    return Own()


REFUSED = {
    r"module '0' \(Bilinear\)|forward": lambda: nn.Sequential(nn.Conv3d(4, 2, 1)),
    r"module '1' \(Conv2d\): padding_mode='circular'": lambda: nn.Sequential(
        nn.ReLU(), nn.Conv2d(4, 2, 3, padding=1, padding_mode="circular")
    ),
    r"\(sort\): this function has no counterpart": lambda: of(lambda x: x.sort()[0]),
    r"\(div\)|\(truediv\): division by": lambda: of(lambda x: x / (x + 1)),
    r"\(mean\): the mean of a whole batch": lambda: of(lambda x: x.mean()),
    "cannot be traced by torch.fx": lambda: of(lambda x: x if x.sum() > 0 else -x),
    r"\(BatchNorm2d\): without running statistics": lambda: nn.BatchNorm2d(4, track_running_stats=False),
    r"\(Upsample\): mode 'bilinear'": lambda: nn.Upsample(scale_factor=2, mode="bilinear"),
    r"\(sigmoid_\): it changes in place what is read": lambda: of(lambda x: x[:, 0].sigmoid_() + x.mean(1)),
    r"\(cat\): axis 0 has the rows": lambda: of(lambda x: torch.cat([x, x])),
}  # fmt: skip


@pytest.mark.parametrize("words", REFUSED)
def test_what_has_no_counterpart_is_named(words):
    words_, make = (words, REFUSED[words])
    with pytest.raises(ValueError, match=words_.replace("Bilinear", "Conv3d")):
        from_torch(make(), IMAGE)


def test_wrong_arguments_are_told():
    with pytest.raises(TypeError, match=r"module must be a torch\.nn\.Module, got 3"):
        from_torch(3, (4,))
    for inputs in ("x", [], [(0,)], {"a": 1}):
        with pytest.raises(TypeError, match="shape"):
            from_torch(nn.Linear(4, 1), inputs)
    with pytest.raises(ValueError, match="forward takes 1 inputs"):
        from_torch(nn.Linear(4, 1), [(4,), (4,)])
    with pytest.raises(ValueError, match=r"'0' \(Linear\): a kernel \(4, 1\) does not fit"):
        from_torch(nn.Linear(4, 1), (5,))
    with pytest.raises(ValueError, match="forward takes 'y'"):
        from_torch(Calls(), SIGNAL)
