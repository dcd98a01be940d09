"""Activations by their names, and how what a user wrote becomes one."""

from __future__ import annotations

from fastnn._base.arguments import lookup, shown
from fastnn.activations.records import ACTIVATIONS, Activation

linear = ACTIVATIONS["linear"]
sigmoid = ACTIVATIONS["sigmoid"]
tanh = ACTIVATIONS["tanh"]
relu = ACTIVATIONS["relu"]
leaky_relu = ACTIVATIONS["leaky_relu"]
elu = ACTIVATIONS["elu"]
selu = ACTIVATIONS["selu"]
gelu = ACTIVATIONS["gelu"]
silu = ACTIVATIONS["silu"]
softplus = ACTIVATIONS["softplus"]
softsign = ACTIVATIONS["softsign"]
hard_sigmoid = ACTIVATIONS["hard_sigmoid"]
hard_swish = ACTIVATIONS["hard_swish"]
exponential = ACTIVATIONS["exponential"]
softmax = ACTIVATIONS["softmax"]
log_softmax = ACTIVATIONS["log_softmax"]
relu6 = ACTIVATIONS["relu6"]
hard_tanh = ACTIVATIONS["hard_tanh"]
celu = ACTIVATIONS["celu"]
log_sigmoid = ACTIVATIONS["log_sigmoid"]
gelu_tanh = ACTIVATIONS["gelu_tanh"]
mish = ACTIVATIONS["mish"]
tanh_shrink = ACTIVATIONS["tanh_shrink"]
hard_shrink = ACTIVATIONS["hard_shrink"]
soft_shrink = ACTIVATIONS["soft_shrink"]
sparse_plus = ACTIVATIONS["sparse_plus"]
sparse_sigmoid = ACTIVATIONS["sparse_sigmoid"]
squareplus = ACTIVATIONS["squareplus"]

ALIASES = {"swish": "silu", "hard_silu": "hard_swish", "logistic": "sigmoid", "identity": "linear"}


def get(activation: object, **parameter: float) -> Activation:
    """Turn what a user wrote (name, record, stored config, None) into an activation.

    Parameters
    ----------
    activation : str, Activation, dict as from :meth:`Activation.config`, or None for linear.
    **parameter : the activation's own parameter, e.g. ``get("elu", alpha=0.5)``, ``get("gelu", approximate=True)``.

    Raises
    ------
    ValueError
        an unknown name or parameter, or a negative slope below zero (the derivative is taken
        from ``y``, whose sign must be that of ``z``).

    >>> from fastnn import activations
    >>> activations.get("elu", alpha=0.5)
    <activation elu(alpha=0.5)>
    >>> round(float(activations.get("elu", alpha=0.5)(-2.0)), 4)
    -0.4323
    """
    if isinstance(activation, dict):
        parameter = {k: v for k, v in activation.items() if k != "name"} | parameter
        activation = activation.get("name")
    if activation is None:
        activation = "linear"
    if isinstance(activation, str):
        activation = lookup("activation", activation, ACTIVATIONS, ALIASES)
    if not isinstance(activation, Activation):
        mend = "; one of your own is a layer behind: Lambda(function, gradient=...)" if callable(activation) else ""
        if isinstance(activation, int | float):
            mend = "; a layer takes the number of its outputs alone, and that of its inputs follows from what it reads"
        raise TypeError(f"activation must be a name or a record of fastnn.activations, got {shown(activation)}{mend}")
    return activation.bind(**parameter)
