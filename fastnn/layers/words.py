"""Keras' arguments of layers: those that say the same in other words, those that change nothing, and the refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from fastnn._base import keywords
from fastnn._base.arguments import integer

if TYPE_CHECKING:
    from fastnn._base.types import DtypeLike
    from fastnn.layers.arguments import GivenRegularizer

    class LayerArguments(TypedDict, total=False):
        """The arguments that layers of every kind take by name."""

        name: str | None
        trainable: bool
        dtype: DtypeLike | None
        batch_size: int | None
        batch_input_shape: Sequence[int | None] | None

    class OwnArguments(LayerArguments, total=False):
        """Those of layers of a user's own."""

        input_shape: int | Sequence[int] | None
        activity_regularizer: GivenRegularizer

else:  # nothing that a program asks for
    LayerArguments = OwnArguments = object

WORDS: dict[str, str] = {
    "trainable": "trainable is True or False",
    "weights": "give them to set_weights of the built layer or model",
    "seed": "it draws nothing itself; initializers take a seed, and so do models",
    "arguments": "bind them to the function, with functools.partial",
    "noise_shape": "Dropout and AlphaDropout take one",
    "data_format": "images have their channels last",
    "tensor": "an Input names a shape alone",
    "input_tensor": "an Input names a shape alone",
    "ragged": "every row has the same shape; pad sequences with fastnn.utils.pad_sequences",
    "lora_rank": "low-rank adapters are not there",
    "lora_alpha": "low-rank adapters are not there",
    "quantization_config": "parameters are float32 or float64",
    "renorm": "batches are not renormalised",
    "rms_scaling": "means are subtracted",
    "attention_axes": "attention is along the steps",
    "sliding_window": "each query reads all keys; an attention_mask leaves some out",
    "flash_attention": "it is True, False or None, and changes nothing",
    "use_gate": "no gate stands behind the heads",
}
RENAMED = {  # in Keras 2 or 1
    "alpha": "negative_slope",
    "p": "rate",
    "output_dim": "units",
    "nb_units": "units",
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "bias": "use_bias",
    "input_shape": "shape",
    "dims": "target_shape",
}
NOTHING = (None,)
NEUTRAL: dict[str, tuple[object, ...]] = {
    "trainable": (True, False),
    "autocast": (True, False),
    "weights": NOTHING,
    "seed": NOTHING,
    "noise_shape": NOTHING,
    "data_format": (None, "channels_last"),
    "sparse": (None, False, True),  # sparse rows are taken by every model
    "ragged": (None, False),
    "tensor": NOTHING,
    "input_tensor": NOTHING,
    "optional": (False,),
    "lora_rank": NOTHING,
    "lora_alpha": NOTHING,
    "quantization_config": NOTHING,
    "renorm": (False,),
    "renorm_clipping": NOTHING,
    "renorm_momentum": (0.99,),
    "rms_scaling": (False,),
    "attention_axes": (None, (1,)),
    "activity_regularizer": NOTHING,
    "sliding_window": NOTHING,
    "flash_attention": (None, False, True),  # numbers are the same
    "use_gate": (False,),
    "unroll": (False, True),  # loops are compiled
    "use_cudnn": ("auto", False, True),
    "implementation": (1, 2),
}
OF_SOME: dict[str, tuple[str, ...]] = {  # words that mean something to layers with one of these arguments alone
    "sparse": ("shape", "output_dim"),
    "flash_attention": ("num_heads",),
    **dict.fromkeys(("unroll", "use_cudnn", "implementation"), ("return_sequences",)),
}
OWN_NAMES = {"output_shape": "output_size"}  # where Keras' is that of a method here
SHAPES = ("batch_input_shape", "batch_shape")
ELSEWHERE = ("dtype", *SHAPES, "input_dim", "batch_size")


def of_layer(kind: str, known: Collection[str], given: Mapping[str, object]) -> dict[str, Any]:
    """The arguments of a layer that its description keeps, from those that a user gave by name."""
    kept = {name: value for name, value in given.items() if name in known}
    others = {name: value for name, value in given.items() if name not in known}
    for name, own in OWN_NAMES.items():
        if own in known and name in others:
            kept.setdefault(own, others.pop(name))
    shape = "input_shape" if "input_shape" in known else "shape"
    for name in SHAPES:
        if others.get(name) is not None:
            kept[shape] = _of_sample(name, others[name])
    if others.get("input_dim") is not None:
        kept[shape] = others["input_dim"]
    refused = {name: value for name, value in others.items() if name not in ELSEWHERE}
    if refused:
        _refuse(kind, refused, known)
    return kept


def _refuse(kind: str, refused: Mapping[str, object], known: Collection[str]) -> None:
    """``TypeError`` for the first argument that would have to act, or that is one of other layers alone."""
    renamed = {old: f"it is called {new}" for old, new in RENAMED.items() if new in known}
    foreign = {name for name, others_have in OF_SOME.items() if not any(other in known for other in others_have)}
    neutral = {name: values for name, values in NEUTRAL.items() if name not in foreign}
    words = {name: word for name, word in WORDS.items() if name not in foreign}
    keywords.refuse(kind, refused, known, words=words | renamed, neutral=neutral)


def _of_sample(name: str, came: object) -> tuple[object, ...]:
    """A shape without the batch axis."""
    if not isinstance(came, tuple | list) or not came:
        raise ValueError(f"{name} must begin with the rows of a batch or None, such as (None, 20), got {came!r}")
    return tuple(came[1:])


def batch_rows(given: Mapping[str, Any]) -> int | None:
    """How many rows the batches have by default, where a user says so."""
    told = {f"the first of {name}": given[name][0] for name in SHAPES if given.get(name)}
    told["batch_size"] = given.get("batch_size")
    return next((integer(name, rows, low=1) for name, rows in told.items() if rows is not None), None)
