"""What to write where a program computes with an edge as if it were an array: by the name that the arrays of NumPy,
Keras, PyTorch or TensorFlow have for it.
"""

from __future__ import annotations

from typing import Final

OF_YOUR_OWN = "Lambda(function, gradient=...) computes what you like"

_ACTIVATIONS = (
    "celu elu exponential gelu hard_sigmoid leaky_relu log_sigmoid log_softmax mish relu relu6 selu sigmoid silu "
    "softmax softplus softsign tanh"
)
_SHAPED = "layers.Reshape(shape), without the batch, or layers.Flatten()"
_SIDE = "layers.concatenate([a, b], axis=-1)"
_TABLE: Final = {
    "exp": "activations.exponential(edge)",
    "expit": "activations.sigmoid(edge)",
    "swish": "activations.silu(edge)",
    "maximum fmax": "layers.maximum([a, b]); of an edge and 0 activations.relu(edge)",
    "minimum fmin": "layers.minimum([a, b])",
    "clip clamp": "layers.ReLU(max_value=...), for 0 to a number",
    "mean average reduce_mean": "layers.GlobalAveragePooling1D or 2D, over steps or places; layers.average([a, b])",
    "max amax reduce_max": "layers.GlobalMaxPooling1D or 2D, over steps or places; layers.maximum([a, b])",
    "sum reduce_sum": "layers.add([a, b]); the mean over steps or places is layers.GlobalAveragePooling1D or 2D",
    "matmul bmm tensordot einsum inner vdot dot": "layers.dot([a, b], axes=(2, 1)); with a weight layers.Dense",
    "reshape view flatten ravel squeeze unsqueeze expand_dims newaxis": _SHAPED,
    "transpose T mT permute swapaxes moveaxis": "layers.Permute((2, 1))",
    "concatenate concat cat stack hstack vstack append": _SIDE,
    "split chunk unstack": "layers.Cropping1D or 2D for each part",
    "repeat tile expand broadcast_to": "layers.RepeatVector(n) of a vector, layers.UpSampling1D or 2D; + and * repeat "
    "axes of 1",
    "pad": "layers.ZeroPadding1D or 2D",
    "norm normalize": "layers.UnitNormalization()",
    "dropout": "layers.Dropout(rate)",
    "shape size dim ndim": "edge.shape, in which None stands for the rows",
    "dtype": "numbers have the dtype of the model",
    "numpy detach cpu item tolist": "it has no numbers; model.predict(x), model.activations(x) give them",
    "to cuda float": "everything is computed on the CPU, in the dtype of the model",
    "where": "an edge that is 1 or 0, and a * edge + b * (1 - edge)",
    "true_divide divide": f"by numbers edges are divided; {OF_YOUR_OWN}",
}
INSTEAD: Final = {
    **{name: f"activations.{name}(edge)" for name in _ACTIVATIONS.split()},
    **{name: told for names, told in _TABLE.items() for name in names.split()},
}


def instead_of(name: str) -> str:
    """What to write in place of a function or attribute of arrays."""
    return INSTEAD.get(name, f"layers, activations, +, -, * and abs compute with edges; {OF_YOUR_OWN}")
