"""Networks of PyTorch's whose exported files are read: what they take is the shape of one sample."""

from __future__ import annotations


def networks(torch):
    """By name, the network in the mode of evaluation, the shape of a sample, and how many whole numbers there are."""
    torch.manual_seed(0)
    nn, image = torch.nn, (3, 16, 16)
    made = {
        "mlp": (nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3), nn.Softmax(-1)), (6,)),
        "activations": (_bent(nn), (6,)),
        "lenet": (
            nn.Sequential(
                *(nn.Conv2d(3, 4, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(4, 6, 3), nn.Tanh(), nn.AvgPool2d(2)),
                *(nn.Flatten(), nn.Linear(24, 8), nn.Tanh(), nn.Linear(8, 3)),
            ),
            image,
        ),
        "residual": (
            nn.Sequential(
                *(nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1)),
                *(_residual(torch, 8, 1, 8), _residual(torch, 8, 2, 12)),
                *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 4)),
            ),
            (3, 32, 32),
        ),
        "squeezed": (nn.Sequential(nn.Conv2d(3, 8, 3), _squeezed(torch, 8), nn.Conv2d(8, 2, 1)), image),
        "convnext": (nn.Sequential(nn.Conv2d(3, 6, 2, 2), _convnext(torch, 6)), image),
        "normalised": (
            nn.Sequential(
                nn.Conv2d(3, 8, 3), nn.GroupNorm(4, 8), nn.InstanceNorm2d(8, affine=True), nn.PReLU(8), nn.PReLU()
            ),
            image,
        ),
        "signals": (
            nn.Sequential(
                *(nn.Conv1d(3, 4, 3, padding=1), nn.BatchNorm1d(4), nn.ReLU(), nn.MaxPool1d(2)),
                *(nn.Conv1d(4, 4, 3, 2, 1, groups=4), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(4, 2)),
            ),
            (3, 12),
        ),
        "decoder": (
            nn.Sequential(
                *(nn.ConvTranspose2d(3, 4, 3, 2, 1, 1), nn.ReLU(), nn.Upsample(scale_factor=2)),
                *(nn.ZeroPad2d((1, 2, 0, 1)), nn.ConvTranspose2d(4, 2, 4, 2, 1), nn.Sigmoid()),
            ),
            (3, 4, 4),
        ),
        "unet": (_unet(torch), image),
        "shuffled": (_shuffled(torch), image),
        "vit": (_vit(torch), image),
        "gpt": (_gpt(torch), (6,)),
        "encoder": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (5, 8)),
        "steps first": (_steps_first(torch), (5, 3)),
    }
    for kind in (nn.LSTM, nn.GRU, nn.RNN):
        for layers in (1, 2):
            made[f"{kind.__name__} {layers}"] = _recurrent(torch, kind, layers), (5, 3)
    for module, _ in made.values():
        _settle(nn, module)
    return made


def _settle(nn, module):
    for part in module.modules():
        if getattr(part, "running_mean", None) is not None:
            nn.init.normal_(part.running_mean)
            nn.init.uniform_(part.running_var, 0.5, 2)
    module.eval()


def _bent(nn):
    bent = [nn.ReLU6(), nn.Hardswish(), nn.Hardsigmoid(), nn.Hardtanh(-0.5, 2), nn.SELU(), nn.Mish(), nn.Softplus()]
    bent += [nn.Softsign(), nn.LogSigmoid(), nn.Tanhshrink(), nn.GELU("tanh"), nn.GELU(), nn.CELU(0.5), nn.SiLU()]
    bent += [nn.ELU(0.5), nn.LeakyReLU(0.1), nn.LogSoftmax(-1)]
    return nn.Sequential(*(part for activation in bent for part in (nn.Linear(6, 6), activation)))


def _residual(torch, n, stride, out):
    nn = torch.nn

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(n, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU())
            self.second = nn.Sequential(nn.Conv2d(out, out, 3, 1, 1), nn.BatchNorm2d(out))
            self.beside = nn.Conv2d(n, out, 1, stride) if stride > 1 else nn.Identity()

        def forward(self, x):
            return torch.relu(self.second(self.first(x)) + self.beside(x))

    return Residual()


def _squeezed(torch, n):
    nn = torch.nn

    class Squeezed(nn.Module):
        def __init__(self):
            super().__init__()
            parts = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n, 4), nn.SiLU(), nn.Linear(4, n), nn.Sigmoid()
            self.factors = nn.Sequential(*parts)

        def forward(self, x):
            return x * self.factors(x).unsqueeze(-1).unsqueeze(-1)

    return Squeezed()


def _convnext(torch, n):
    nn = torch.nn

    class ConvNext(nn.Module):
        def __init__(self):
            super().__init__()
            self.depthwise, self.norm = nn.Conv2d(n, n, 7, padding=3, groups=n), nn.LayerNorm(n)
            self.wide, self.narrow, self.gamma = nn.Linear(n, 3 * n), nn.Linear(3 * n, n), nn.Parameter(torch.randn(n))

        def forward(self, x):
            y = self.wide(self.norm(self.depthwise(x).permute(0, 2, 3, 1)))
            return x + (self.gamma * self.narrow(nn.functional.gelu(y))).permute(0, 3, 1, 2)

    return ConvNext()


def _unet(torch):
    nn = torch.nn

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)
            self.up, self.c = nn.ConvTranspose2d(8, 4, 2, 2), nn.Conv2d(8, 2, 3, padding=1)

        def forward(self, x):
            a = nn.functional.elu(self.a(x))
            b = nn.functional.leaky_relu(self.b(nn.functional.max_pool2d(a, 2)))
            return self.c(torch.cat([a, self.up(b)], 1))

    return UNet()


def _shuffled(torch):
    nn = torch.nn

    class Shuffled(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.pixels = nn.Conv2d(3, 8, 3, padding=1), nn.PixelShuffle(2)

        def forward(self, x):
            a, b = self.conv(x).chunk(2, 1)
            y = torch.cat([b, a], 1)
            n, c, h, w = y.shape
            return self.pixels(y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w))

    return Shuffled()


def _vit(torch):
    nn = torch.nn

    class ViT(nn.Module):
        def __init__(self):
            super().__init__()
            layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True, norm_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.patches = nn.Conv2d(3, 8, 4, 4)
            self.token, self.places = nn.Parameter(torch.randn(1, 1, 8)), nn.Parameter(torch.randn(1, 17, 8))
            self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 5)

        def forward(self, x):
            x = self.patches(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
            return self.head(self.norm(self.encoder(x))[:, 0])

    return ViT()


def _gpt(torch):
    nn = torch.nn

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.places, self.qkv = nn.Embedding(11, 8), nn.Embedding(6, 8), nn.Linear(8, 24)
            self.out, self.norm, self.head = nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 11, bias=False)

        def forward(self, ids):
            x = self.tokens(ids) + self.places(torch.arange(ids.shape[1]))
            n, t, c = x.shape
            q, k, v = (part.view(n, t, 2, 4).transpose(1, 2) for part in self.qkv(self.norm(x)).split(8, 2))
            y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.head(x + self.out(y.transpose(1, 2).reshape(n, t, c)))

    return GPT()


def _steps_first(torch):
    nn = torch.nn

    class StepsFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.memory, self.out = nn.LSTM(3, 4), nn.Linear(4, 2)

        def forward(self, x):
            y, (h, _) = self.memory(x.transpose(0, 1))
            return self.out(y).transpose(0, 1), h[-1]

    return StepsFirst()


def _recurrent(torch, kind, layers):
    nn = torch.nn

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            both = layers > 1
            self.memory = kind(3, 4, layers, batch_first=True, bidirectional=both)
            self.out = nn.Linear(8 if both else 4, 2)

        def forward(self, x):
            y = self.memory(x)[0]
            return self.out(y), self.out(y[:, -1])

    return Recurrent()
