"""What each module of ``torch.nn`` is here, by its class."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import nn

from fastnn.interop.torch.reading import attending, calls, recurring, shaping, windows
from fastnn.interop.torch.reading.bending import BENDING
from fastnn.interop.torch.reading.building import Builder, numbers, value

if TYPE_CHECKING:
    from fastnn.interop.building.values import Value


def _conv(b: Builder, m: nn.Module, input: object) -> object:
    if m.padding_mode != "zeros":
        raise ValueError(f"padding_mode={m.padding_mode!r} has no counterpart here; zeros have")
    return windows.conv(b, input, m.weight, m.bias, m.stride, m.padding, m.dilation, m.groups)


def _conv_transpose(b: Builder, m: nn.Module, input: object, output_size: object = None) -> object:
    if output_size is not None:
        raise ValueError("output_size has no counterpart here; output_padding has")
    told = (m.stride, m.padding, m.output_padding, m.groups, m.dilation)
    return windows.conv_transpose(b, input, m.weight, m.bias, *told)


def _max_pool(b: Builder, m: nn.Module, input: object) -> Value:
    told = (m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, m.return_indices)
    return windows.max_pool(b, input, *told)


def _avg_pool(b: Builder, m: nn.Module, input: object) -> Value:
    told = (m.kernel_size, m.stride, m.padding, m.ceil_mode, m.count_include_pad)
    return windows.avg_pool(b, input, *told, getattr(m, "divisor_override", None))


def _batch_norm(b: Builder, m: nn.Module, input: object) -> Value:
    if m.running_mean is None:
        raise ValueError("without running statistics it measures each batch in prediction, which has no counterpart")
    arrays = [numbers(array) for array in (m.weight, m.bias, m.running_mean, m.running_var)]
    momentum = 0.99 if m.momentum is None else 1 - m.momentum
    gamma, beta, mean, variance = arrays
    return b.batch_norm(value(input), gamma, beta, mean, variance, m.eps, momentum=momentum, name=b.module_name)


def _instance_norm(b: Builder, m: nn.Module, input: object) -> object:
    if m.running_mean is not None:
        return _batch_norm(b, m, input)
    return calls.group_norm(b, input, value(input).sizes[1], m.weight, m.bias, m.eps)


def _upsample(b: Builder, m: nn.Module, input: object) -> Value:
    return windows.interpolate(b, input, m.size, m.scale_factor, m.mode)


def _pixel_shuffle(b: Builder, m: nn.Module, input: object) -> Value:
    x, r = value(input), m.upscale_factor
    rows, c, h, w = x.sizes
    x = b.reshape(x, (rows, c // (r * r), r, r, h, w))
    return b.reshape(b.transpose(x, (0, 1, 4, 2, 5, 3)), (rows, c // (r * r), h * r, w * r))


def _padded(b: Builder, m: nn.Module, input: object) -> Value:
    return calls.pad(b, input, list(m.padding), value=getattr(m, "value", 0.0))


def _bent(name: str, *arguments: str) -> Callable[..., object]:
    """An activation with these attributes of its module."""
    return lambda b, m, input: BENDING[name](b, input, *(getattr(m, argument) for argument in arguments))


def _dropped(kind: str) -> Callable[..., object]:
    return lambda b, m, input: b.dropout(value(input), m.p, kind, name=b.module_name)


LAYERS: dict[type, Callable[..., object]] = {
    nn.Identity: lambda b, m, input: value(input),
    nn.Linear: lambda b, m, input: calls.linear(b, input, m.weight, m.bias),
    **dict.fromkeys((nn.Conv1d, nn.Conv2d), _conv),
    **dict.fromkeys((nn.ConvTranspose1d, nn.ConvTranspose2d), _conv_transpose),
    **dict.fromkeys((nn.MaxPool1d, nn.MaxPool2d), _max_pool),
    **dict.fromkeys((nn.AvgPool1d, nn.AvgPool2d), _avg_pool),
    **dict.fromkeys(
        (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d),
        lambda b, m, input: windows.adaptive_avg_pool(b, input, m.output_size),
    ),
    **dict.fromkeys(
        (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d),
        lambda b, m, input: windows.adaptive_max_pool(b, input, m.output_size, m.return_indices),
    ),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d), _batch_norm),
    **dict.fromkeys((nn.InstanceNorm1d, nn.InstanceNorm2d), _instance_norm),
    nn.LayerNorm: lambda b, m, input: calls.layer_norm(b, input, m.normalized_shape, m.weight, m.bias, m.eps),
    nn.GroupNorm: lambda b, m, input: calls.group_norm(b, input, m.num_groups, m.weight, m.bias, m.eps),
    nn.Embedding: lambda b, m, input: calls.embedding(b, input, m.weight, max_norm=m.max_norm),
    nn.Flatten: lambda b, m, input: shaping.flatten(b, input, m.start_dim, m.end_dim),
    nn.Unflatten: lambda b, m, input: shaping.unflatten(b, input, m.dim, m.unflattened_size),
    nn.PixelShuffle: _pixel_shuffle,
    **dict.fromkeys((nn.Upsample, nn.UpsamplingNearest2d), _upsample),
    **dict.fromkeys((nn.ZeroPad1d, nn.ZeroPad2d, nn.ConstantPad1d, nn.ConstantPad2d), _padded),
    nn.Dropout: _dropped("Dropout"),
    nn.Dropout1d: _dropped("SpatialDropout1D"),
    nn.Dropout2d: _dropped("SpatialDropout2D"),
    nn.AlphaDropout: _dropped("AlphaDropout"),
    nn.ReLU: _bent("relu"),
    nn.ReLU6: _bent("relu6"),
    nn.LeakyReLU: _bent("leaky_relu", "negative_slope"),
    nn.ELU: _bent("elu", "alpha"),
    nn.SELU: _bent("selu"),
    nn.CELU: _bent("celu", "alpha"),
    nn.GELU: _bent("gelu", "approximate"),
    nn.SiLU: _bent("silu"),
    nn.Mish: _bent("mish"),
    nn.Sigmoid: _bent("sigmoid"),
    nn.LogSigmoid: _bent("logsigmoid"),
    nn.Tanh: _bent("tanh"),
    nn.Softplus: _bent("softplus", "beta", "threshold"),
    nn.Softsign: _bent("softsign"),
    nn.Hardsigmoid: _bent("hardsigmoid"),
    nn.Hardswish: _bent("hardswish"),
    nn.Hardtanh: _bent("hardtanh", "min_val", "max_val"),
    nn.Tanhshrink: _bent("tanhshrink"),
    nn.Hardshrink: _bent("hardshrink", "lambd"),
    nn.Softshrink: _bent("softshrink", "lambd"),
    nn.Softmax: _bent("softmax", "dim"),
    nn.LogSoftmax: _bent("log_softmax", "dim"),
    nn.Softmin: _bent("softmin", "dim"),
    nn.Softmax2d: lambda b, m, input: BENDING["softmax"](b, input, -3),
    nn.PReLU: _bent("prelu", "weight"),
    **dict.fromkeys(recurring.KINDS, recurring.recurrent),
    nn.MultiheadAttention: attending.multi_head,
    nn.TransformerEncoderLayer: attending.encoder_layer,
    nn.TransformerEncoder: attending.encoder,
}
