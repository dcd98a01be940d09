"""Functions and methods of tensors that move numbers, or ask for shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastnn.interop.channels_first import Value
from fastnn.interop.torch.reading.building import Builder, Repeated, value


def _sizes(came: Sequence[Any]) -> list[int]:
    found = came[0] if len(came) == 1 and isinstance(came[0], list | tuple) else came
    return [int(n) for n in found]


def view(b: Builder, input: object, *shape: object, **named: object) -> Value:
    return b.reshape(value(input), _sizes(shape or (named["shape"],)))


def flatten(b: Builder, input: object, start_dim: int = 0, end_dim: int = -1) -> Value:
    return b.flatten(value(input), start_dim, end_dim)


def unflatten(b: Builder, input: object, dim: int, sizes: Sequence[int]) -> Value:
    x = value(input)
    axis = x.axis(dim)
    return b.reshape(x, [*x.sizes[:axis], *sizes, *x.sizes[axis + 1 :]])


def permute(b: Builder, input: object, *dims: object, **named: object) -> Value:
    return b.transpose(value(input), _sizes(dims or (named["dims"],)))


def transpose(b: Builder, input: object, dim0: int, dim1: int) -> Value:
    x = value(input)
    order = list(range(x.rank))
    first, second = x.axis(dim0), x.axis(dim1)
    order[first], order[second] = second, first
    return b.transpose(x, order)


def squeeze(b: Builder, input: object, dim: int | list[int] | tuple[int, ...] | None = None) -> Value:
    x = value(input)
    axes = None if dim is None else [x.axis(axis) for axis in (dim if isinstance(dim, list | tuple) else [dim])]
    return b.squeeze(x, None if axes is None else [axis for axis in axes if x.sizes[axis] == 1])


def unsqueeze(b: Builder, input: object, dim: int) -> Value:
    return b.unsqueeze(value(input), [dim])


def expand(b: Builder, input: object, *sizes: object) -> Value:
    return b.expand(value(input), _sizes(sizes))


def cat(b: Builder, tensors: Sequence[object], dim: int = 0, **named: int) -> Value:
    axis = named.get("axis", dim)
    like = next((x for x in tensors if isinstance(x, Value)), None)
    return b.concatenate([_of_rows(b, x, like, axis) for x in tensors], axis, name=b.module_name)


def _of_rows(b: Builder, came: object, like: Value | None, axis: int) -> Value:
    """Numbers that are the same for each row as a value, beside one that they are joined with."""
    if not isinstance(came, Repeated) or like is None:
        return value(came)
    n = came.array.shape[like.axis(axis)]
    if n > like.sizes[like.axis(axis)]:
        raise ValueError(f"{n} numbers that are known, before or behind fewer, have no counterpart here")
    return b.scaled(b.slice(like, axis, 0, n), 0.0, came.array)


def stack(b: Builder, tensors: Sequence[object], dim: int = 0) -> Value:
    rank = value(tensors[0]).rank + 1
    parts = [b.unsqueeze(value(x), [dim % rank]) for x in tensors]
    return b.concatenate(parts, dim % rank, name=b.module_name)


def split(b: Builder, input: object, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Value, ...]:
    x, sizes = value(input), split_size_or_sections
    n = x.sizes[x.axis(dim)]
    if isinstance(sizes, int):
        sizes = [min(sizes, n - at) for at in range(0, n, sizes)]
    return tuple(b.split(x, dim, sizes))


def chunk(b: Builder, input: object, chunks: int, dim: int = 0) -> object:
    x = value(input)
    return split(b, x, -(-x.sizes[x.axis(dim)] // chunks), dim)


def unbind(b: Builder, input: object, dim: int = 0) -> tuple[Value, ...]:
    x = value(input)
    return tuple(_at(b, x, dim, i) for i in range(x.sizes[x.axis(dim)]))


def _at(b: Builder, x: Value, axis: int, place: int) -> Value:
    n = x.sizes[x.axis(axis)]
    place %= n
    return b.squeeze(b.slice(x, axis, place, place + 1), [x.axis(axis)])


def getitem(b: Builder, input: Any, index: object) -> object:
    if not isinstance(input, Value):
        return input[index]
    told = list(index) if isinstance(index, tuple) else [index]
    if any(one is Ellipsis for one in told):
        at = next(i for i, one in enumerate(told) if one is Ellipsis)
        missing = input.rank - sum(one is not None for one in told) + 1
        told[at : at + 1] = [slice(None)] * missing
    x, axis = input, 0
    for one in told:
        if one is None:
            x, axis = b.unsqueeze(x, [axis]), axis + 1
        elif isinstance(one, int):
            x = _at(b, x, axis, one)
        elif isinstance(one, slice):
            whole = one.start in (None, 0) and one.stop is None and one.step in (None, 1)
            n = x.sizes[axis]
            x = x if whole else b.slice(x, axis, *one.indices(n))
            axis += 1
        else:
            raise ValueError(f"the index {one!r} has no counterpart here")
    return x


def attribute(b: Builder, input: object, name: str) -> object:
    if name == "shape":
        return tuple(value(input).sizes)
    if name == "ndim":
        return value(input).rank
    if name in ("device", "dtype", "data"):
        return input if name == "data" else None
    if name in ("T", "mT"):
        return transpose(b, input, -1, -2)
    raise ValueError(f"the attribute {name!r} has no counterpart here")


def size(b: Builder, input: object, dim: int | None = None) -> int | tuple[int, ...]:
    found = tuple(value(input).sizes)
    return found if dim is None else found[dim]


def rank(b: Builder, input: object) -> int:
    return value(input).rank


def same(b: Builder, input: object, *told: object, **named: object) -> Value:
    return value(input)


SHAPING: dict[str, Callable[..., object]] = {
    **dict.fromkeys(("view", "reshape"), view),
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), transpose),
    **dict.fromkeys(("cat", "concat", "concatenate"), cat),
    **dict.fromkeys(
        ("contiguous", "clone", "detach", "to", "float", "double", "type_as", "identity", "requires_grad_", "cpu"), same
    ),
    "flatten": flatten,
    "unflatten": unflatten,
    "permute": permute,
    "squeeze": squeeze,
    "unsqueeze": unsqueeze,
    "expand": expand,
    "stack": stack,
    "split": split,
    "chunk": chunk,
    "unbind": unbind,
    "getitem": getitem,
    "getattr": attribute,
    "size": size,
    "dim": rank,
}
