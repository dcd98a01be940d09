"""Attention: ``scaled_dot_product_attention``, ``nn.MultiheadAttention``, layers of ``nn.TransformerEncoder``."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from fastnn.interop.channels_first import Value
from fastnn.interop.torch.reading.bending import BENDING
from fastnn.interop.torch.reading.building import Builder, Nothing, numbers, value

if TYPE_CHECKING:
    from torch import fx


def is_causal_mask(mask: object) -> bool:
    """Whether numbers that are added to scores, or words where a key does not count, leave out later keys alone."""
    mask = np.asarray(numbers(mask))
    if mask.ndim != 2 or mask.shape[0] != mask.shape[1]:
        return False
    later = np.triu(np.ones(mask.shape, bool), 1)
    if mask.dtype == bool:
        return bool(np.array_equal(mask, later))
    return bool(np.isneginf(mask[later]).all() and not mask[~later].any())


def _causal(mask: object, what: str, said: bool = False) -> bool:
    if mask is None:
        return said
    if isinstance(mask, Value) or not is_causal_mask(mask):
        raise ValueError(f"{what} has a counterpart here only where it leaves out later keys")
    return True


def scaled_dot_product_attention(
    b: Builder, query: object, key: object, value_: object = None, attn_mask: object = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False, **named: object,
) -> Value:  # fmt: skip
    v = named.get("value", value_)
    if attn_mask is not None and not isinstance(attn_mask, Value):
        mask = np.asarray(numbers(attn_mask))
        causal = _causal(~mask if mask.dtype == bool else mask, "attn_mask")
    else:
        causal = _causal(attn_mask, "attn_mask", is_causal)
    q, k, v = value(query), value(key), value(v)
    if q.rank == 3:
        made = b.attention(*(b.unsqueeze(x, [1]) for x in (q, k, v)), scale=scale, causal=causal, name=b.module_name)
        return b.squeeze(made, [1])
    return b.attention(q, k, v, scale=scale, causal=causal, name=b.module_name)


def multi_head(
    b: Builder, module: nn.Module, query: object, key: object, value_: object = None, key_padding_mask: object = None,
    need_weights: bool = True, attn_mask: object = None, average_attn_weights: bool = True, is_causal: bool = False,
    **named: object,
) -> tuple[Value, object]:  # fmt: skip
    """``nn.MultiheadAttention``: the output and, where it is read, the mean of the heads' weights."""
    if key_padding_mask is not None:
        raise ValueError("key_padding_mask has no counterpart here")
    if module.bias_k is not None or module.add_zero_attn:
        raise ValueError("add_bias_kv and add_zero_attn have no counterpart here")
    causal = _causal(attn_mask, "attn_mask", is_causal)
    xs = [value(x) for x in (query, key, named.get("value", value_))]
    if not module.batch_first:
        xs = [b.transpose(x, (1, 0, 2)) for x in xs]
    if query is key:
        xs[1] = xs[0]
    if key is named.get("value", value_):
        xs[2] = xs[1]
    wants = need_weights and _is_read(b.node, 1)
    q, k, v = xs
    arrays = _projections(module)
    made = b.multi_head_attention(q, k, v, arrays, module.num_heads, causal=causal, scores=wants, name=b.module_name)
    y, scores = made if wants else (made, Nothing("the weights of attention"))
    if wants and average_attn_weights:
        scores = b.reduce(value(scores), "mean", [1], keepdims=False)
    return (y if module.batch_first else b.transpose(y, (1, 0, 2))), scores


def _is_read(node: fx.Node, place: int) -> bool:
    """Whether something reads this one of what a node gives."""
    return any(user.target is operator.getitem and user.args[1] == place for user in node.users)


def _projections(module: nn.Module) -> list[np.ndarray | None]:
    e = module.embed_dim
    if module.in_proj_weight is not None:
        kernels = [numbers(module.in_proj_weight)[i * e : (i + 1) * e] for i in range(3)]
    else:
        kernels = [numbers(w) for w in (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)]
    bias = numbers(module.in_proj_bias)
    found: list[np.ndarray | None] = []
    for i, kernel in enumerate(kernels):
        found += [kernel.T, None if bias is None else bias[i * e : (i + 1) * e]]
    return [*found, numbers(module.out_proj.weight).T, numbers(module.out_proj.bias)]


def encoder_layer(
    b: Builder,
    module: nn.Module,
    src: object,
    src_mask: object = None,
    src_key_padding_mask: object = None,
    is_causal: bool = False,
) -> Value:
    """``nn.TransformerEncoderLayer``."""
    if src_key_padding_mask is not None:
        raise ValueError("src_key_padding_mask has no counterpart here")
    name, x = b.module_name, value(src)

    def attend(x: Value) -> Value:
        b.module_name = f"{name}_self_attn"
        y, _ = multi_head(b, module.self_attn, x, x, x, need_weights=False, attn_mask=src_mask, is_causal=is_causal)
        return b.dropout(y, module.dropout1.p)

    def forward(x: Value) -> Value:
        b.module_name = ""
        y = _linear(b, module.linear1, x, f"{name}_linear1")
        y = b.dropout(_bent(b, module.activation, y), module.dropout.p)
        return b.dropout(_linear(b, module.linear2, y, f"{name}_linear2"), module.dropout2.p)

    if module.norm_first:
        x = b.join("Add", [x, attend(norm(b, module.norm1, x, f"{name}_norm1"))])
        return b.join("Add", [x, forward(norm(b, module.norm2, x, f"{name}_norm2"))])
    x = norm(b, module.norm1, b.join("Add", [x, attend(x)]), f"{name}_norm1")
    return norm(b, module.norm2, b.join("Add", [x, forward(x)]), f"{name}_norm2")


def encoder(
    b: Builder,
    module: nn.Module,
    src: object,
    mask: object = None,
    src_key_padding_mask: object = None,
    is_causal: object = None,
) -> Value:
    """``nn.TransformerEncoder``."""
    x, name = value(src), b.module_name
    for i, layer in enumerate(module.layers):
        b.module_name = f"{name}_layers_{i}"
        x = encoder_layer(b, layer, x, mask, src_key_padding_mask, bool(is_causal))
    return x if module.norm is None else norm(b, module.norm, x, f"{name}_norm")


def norm(b: Builder, module: nn.Module, x: Value, name: str) -> Value:
    """``nn.LayerNorm`` under a name."""
    if not isinstance(module, nn.LayerNorm):
        raise ValueError(f"the normalisation {type(module).__name__} inside has no counterpart here")
    axes = len(module.normalized_shape)
    return b.layer_norm(x, numbers(module.weight), numbers(module.bias), module.eps, axes=axes, name=name)


def _linear(b: Builder, module: nn.Module, x: Value, name: str) -> Value:
    return b.linear(x, numbers(module.weight).T, numbers(module.bias), name=name)


def _bent(b: Builder, function: nn.Module | Callable[..., object], x: Value) -> Value:
    if isinstance(function, nn.Module):
        from fastnn.interop.torch.reading.layers import LAYERS

        return value(LAYERS[type(function)](b, function, x))
    return value(BENDING[function.__name__](b, x))
