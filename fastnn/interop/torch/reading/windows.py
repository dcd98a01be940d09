"""Convolutions and pooling of ``torch.nn.functional``, on the builder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastnn.interop.torch.reading.building import Builder, Nothing, numbers, pair, value

if TYPE_CHECKING:
    from torch import Tensor

    from fastnn.interop.building.values import Value


def conv(
    b: Builder, input: object, weight: Tensor, bias: object = None, stride: object = 1, padding: object = 0,
    dilation: object = 1, groups: int = 1,
) -> Value:  # fmt: skip
    weight = numbers(weight)
    rank = weight.ndim - 2
    dilations, sizes = pair(dilation, rank), weight.shape[2:]
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(dilations, sizes, strict=True)]
        pads = [(n // 2, n - n // 2) for n in total]
    else:
        pads = [(p, p) for p in pair(0 if padding == "valid" else padding, rank)]
    return b.conv(
        value(input),
        weight,
        numbers(bias),
        strides=pair(stride, rank),
        pads=pads,
        dilations=dilations,
        groups=groups,
        name=b.module_name,
    )


def conv_transpose(
    b: Builder, input: object, weight: Tensor, bias: object = None, stride: object = 1, padding: object = 0,
    output_padding: object = 0, groups: int = 1, dilation: object = 1,
) -> Value:  # fmt: skip
    weight = numbers(weight)
    rank = weight.ndim - 2
    return b.conv_transpose(
        value(input),
        weight,
        numbers(bias),
        strides=pair(stride, rank),
        pads=[(p, p) for p in pair(padding, rank)],
        output_padding=pair(output_padding, rank),
        dilations=pair(dilation, rank),
        groups=groups,
        name=b.module_name,
    )


def _rank(input: object) -> int:
    return int(value(input).rank) - 2


def max_pool(
    b: Builder, input: object, kernel_size: object, stride: object = None, padding: object = 0, dilation: object = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Value:  # fmt: skip
    if return_indices:
        raise ValueError("places of the largest numbers have no counterpart here")
    rank = _rank(input)
    size = pair(kernel_size, rank)
    return b.pool(
        value(input),
        "max",
        size,
        strides=pair(stride, rank) if stride else size,
        pads=[(p, p) for p in pair(padding, rank)],
        ceil=ceil_mode,
        dilations=pair(dilation, rank),
        name=b.module_name,
    )


def avg_pool(
    b: Builder, input: object, kernel_size: object, stride: object = None, padding: object = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: object = None,
) -> Value:  # fmt: skip
    if divisor_override is not None:
        raise ValueError("divisor_override has no counterpart here")
    rank = _rank(input)
    size = pair(kernel_size, rank)
    return b.pool(
        value(input),
        "average",
        size,
        strides=pair(stride, rank) if stride else size,
        pads=[(p, p) for p in pair(padding, rank)],
        ceil=ceil_mode,
        counts_padding=count_include_pad,
        name=b.module_name,
    )


def adaptive(b: Builder, input: object, output_size: object, kind: str) -> Value:
    """Windows that share an axis equally."""
    x, rank = value(input), _rank(input)
    wanted = output_size if isinstance(output_size, list | tuple) else (output_size,) * rank
    have: Any = x.shape[2:]
    sizes = [n if want is None else want for want, n in zip(wanted, have, strict=True)]
    if all(size == 1 for size in sizes):
        return b.global_pool(x, kind, name=b.module_name)
    if any(n is None or n % size for n, size in zip(have, sizes, strict=True)):
        raise ValueError(f"windows that make {tuple(sizes)} of {tuple(have)} are not equal, which has no counterpart")
    size = tuple(n // want for n, want in zip(have, sizes, strict=True))
    return b.pool(x, kind, size, strides=size, name=b.module_name)


def adaptive_avg_pool(b: Builder, input: object, output_size: object) -> Value:
    return adaptive(b, input, output_size, "average")


def adaptive_max_pool(b: Builder, input: object, output_size: object, return_indices: bool = False) -> object:
    made = adaptive(b, input, output_size, "max")
    return (made, Nothing("places of the largest numbers")) if return_indices else made


def interpolate(
    b: Builder,
    input: object,
    size: object = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    **told: object,
) -> Value:
    if mode != "nearest":
        raise ValueError(f"mode {mode!r} computes new numbers, which has no counterpart here; 'nearest' repeats them")
    x, rank = value(input), _rank(input)
    if size is not None:
        wanted, have = pair(size, rank), list[Any](x.shape[2:])
        if any(n is None or want % n for want, n in zip(wanted, have, strict=True)):
            raise ValueError(f"{tuple(have)} numbers are not repeated equally in {wanted}")
        factors = [want // n for want, n in zip(wanted, have, strict=True)]
    else:
        given = scale_factor if isinstance(scale_factor, list | tuple) else (scale_factor,) * rank
        if any(float(factor) != int(factor) for factor in given):
            raise ValueError(f"scale_factor {scale_factor} repeats no whole number of times")
        factors = [int(factor) for factor in given]
    return b.upsample(x, (1, 1, *factors))
