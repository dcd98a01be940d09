"""What happens when a program sets an attribute of a model, or defines a method that nothing would call: it acts, or an
error says what would.

Design: Python keeps whatever is assigned, so that ``model.loss = "mse"`` or a slip of the pen would pass in
silence. A class derived from a model may keep attributes of its own.
"""

from __future__ import annotations

import inspect
from typing import ClassVar, NoReturn, Self

from fastnn._base.arguments import shown, unknown_attribute
from fastnn._base.listing import Listed

INSTEAD = {
    "loss": "call compile(loss=...)",
    "metrics": "call compile(metrics=...)",
    "weighted_metrics": "call compile(weighted_metrics=...)",
    "learning_rate": "set model.optimizer.learning_rate",
    "lr": "set model.optimizer.learning_rate",
    "layers": "call add and pop, or make another Sequential",
    "params": "call set_weights",
    "weights": "call set_weights",
    "dtype": "make the model with dtype=",
    "dtype_policy": "make the model with dtype=",
    "built": "call build(input_shape)",
    "input_shape": "call build(input_shape)",
    "output_shape": "it follows from the layers",
}
ELSEWHERE = {  # what other libraries have under these names
    "predict_proba": "predict gives what the last layer does, shares behind a softmax or sigmoid",
    "predict_classes": "predict(x).argmax(axis=-1), or predict(x) > 0.5 of one output",
    "score": "evaluate(x, y) gives loss and metrics",
    "export": "fastnn.interop.to_onnx(model, path) and to_c(model, folder)",
    "forward": "model(x)",
    "backward": "loss, grads = model.gradients(x, y), then model.apply_gradients(grads)",
    "parameters": "model.trainable_variables; model.optimizer is given to compile",
    "state_dict": "model.get_weights(), or model.save_weights(path)",
    "load_state_dict": "model.set_weights(arrays), or model.load_weights(path)",
    "train": "model.fit(x, y)",
    "partial_fit": "model.train_on_batch(x, y)",
    "adapt": "Normalization().adapt(x) is a layer's",
    "eval": "nothing to say: dropout acts in fit, train_on_batch and gradients, never in predict or model(x)",
    "zero_grad": "nothing to say: model.gradients(x, y) gives new gradients in each call",
    "named_parameters": "zip(model.weight_names(), model.get_weights())",
    "requires_grad_": "layer.trainable = False, or model.trainable = False",
    "modules": "model.layers",
    "children": "model.layers",
    "add_loss": "regularizers of layers, activity_regularizer too, add to the loss; any other is a loss of compile, or "
    "its slope dy of model.gradients(x, dy=dy)",
    "add_metric": "call compile(metrics=...)",
    "add_weight": "weights are of layers, such as Dense, Scale and PositionEmbedding, or a layer of your own in NumPy",
    "fit_generator": "model.fit(generator)",
    "predict_generator": "model.predict(generator)",
    "evaluate_generator": "model.evaluate(generator)",
    "coefs_": "model.get_weights()",
    **dict.fromkeys(("to", "cuda", "cpu"), "everything is computed on the CPU; make the model with dtype="),
    **dict.fromkeys(("half", "float", "double"), "make the model with dtype="),
    **dict.fromkeys(
        ("train_step", "test_step", "compute_loss"), "model.gradients(x, y) and model.apply_gradients(grads)"
    ),
}
NEVER_CALLED = ("call", "forward", "train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")


class NotHere:
    """What stands under a name that models do not have: an ``AttributeError`` that says what they have instead.

    Design: a descriptor for each such name, because a class with ``__getattr__`` looks up all attributes more slowly:
    ``predict`` of a row took a fifth longer.
    """

    def __init__(self, name: str, hint: str):
        self.name, self.hint = name, hint

    def __get__(self, model: object, kind: type) -> NoReturn:
        told = f"{kind.__name__!r} object has no attribute {self.name!r}: {self.hint}"
        raise AttributeError(told, name=self.name, obj=model)


class Guarded(Listed):
    """A class whose attributes without an underscore can be set from outside where they are ``SETTABLE``."""

    _INNER = (
        "FIRST_STREAM SETTABLE UNNAMED called check_layer composed_kind draft draw_anew evaluate_rows forget_calls "
        "given going_on has_call is_chain mark moved of_sizes prediction_entry prepared rename rows_of set_weights_at "
        "shapes_in sized slots stated_shape settle_inside stored_as take_policy "
        "training_plan validation waiting waits"
    )
    SETTABLE: ClassVar[frozenset[str]] = frozenset()
    is_chain = False

    def __new__(cls, *arguments: object, **given: object) -> Self:
        """Refuse a class of a user's whose own training or computation nothing would call."""
        own = next((name for name in NEVER_CALLED if hasattr(cls, name) and (name != "call" or cls.is_chain)), None)
        if own:
            if own in ("call", "forward"):
                told = "a Sequential calls its layers in turn" if own == "call" else "it is named call(self, x)"
                raise TypeError(
                    f"{cls.__name__}.{own} would never be called: {told}; a class derived from fastnn.Model makes its "
                    f"graph by call"
                )
            raise TypeError(
                f"{cls.__name__}.{own} would never be called: steps of your own are loops around model.gradients and "
                f"model.apply_gradients; or give compile a loss that is a function f(target, prediction), or fit "
                f"callbacks"
            )
        return super().__new__(cls)

    def __setattr__(self, name: str, value: object) -> None:
        if name[0] == "_" or (name in self.SETTABLE and not hasattr(value, "forget_calls")):
            object.__setattr__(self, name, value)
            return
        if self._is_own(name):
            self._set_own(name, value)
            return
        kind = type(self).__name__
        if name == "built" and value is True and hasattr(type(self), "call"):  # as a build of Keras ends
            return
        if name == "layers" and hasattr(type(self), "call"):
            raise AttributeError(f"{kind}.layers is what the model lists itself; keep yours as self.blocks")
        if name in INSTEAD:
            raise AttributeError(f"{kind}.{name} = {shown(value)} would not act: {INSTEAD[name]}")
        if hasattr(type(self), name):
            raise AttributeError(f"{kind}.{name} cannot be set: every model has it; keep yours under another name")
        raise unknown_attribute(self, name, sorted(self.SETTABLE))

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not isinstance(inspect.getattr_static(self, name, None), NotHere)]

    def _is_own(self, name: str) -> bool:
        """Whether the attribute belongs to a class that a user derived."""
        own = not type(self).__module__.startswith("fastnn.")
        return own and name not in INSTEAD and name not in _names(type(self))

    def _set_own(self, name: str, value: object) -> None:
        """Set an attribute of a class that a user derived."""
        object.__setattr__(self, name, value)

    def _set(self, **values: object) -> None:
        """Set attributes that only the class itself sets."""
        vars(self).update(values)


def _names(cls: type) -> set[str]:
    """What fastnn's own classes among the bases define, without names that only say what stands elsewhere."""
    own = [vars(base) for base in cls.__mro__ if base.__module__.startswith("fastnn.")]
    return {name for held in own for name, value in held.items() if not isinstance(value, NotHere)}


for _name, _hint in ELSEWHERE.items():
    setattr(Guarded, _name, NotHere(_name, _hint))
