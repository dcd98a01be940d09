"""Parameters that many public names share, described once for the reference.

A docstring that describes a parameter itself has the first word; what stands here fills in for those that do not. Keys
are the beginnings of public names, later ones win: ``"fastnn.layers."`` is for all layers, ``"fastnn.layers.ReLU"`` for
one.
"""

from __future__ import annotations

_INITIALIZER = "a name or an object of :mod:`fastnn.initializers`."
_REGULARIZER = "a name or an object of :mod:`fastnn.regularizers`, or None for no penalty."
_CONSTRAINT = "a name or an object of :mod:`fastnn.constraints`, applied after every update, or None."
_SEED = "a whole number fixes what is drawn; None takes the model's generator."
_WEIGHTS = ("kernel", "bias", "recurrent", "depthwise", "pointwise", "beta", "gamma")

SHARED: dict[str, dict[str, str]] = {
    "fastnn.": {
        "name": "a word for it in summaries, histories and files; None makes one.",
        "seed": _SEED,
        "axis": "the axis of classes or units; only the last one, -1, is there.",
        "custom_objects": "classes and functions of yours by the names that stand in the file or configuration.",
        "unknown": "any other argument is an error that names the nearest one.",
        "given": "those of every layer: ``name``, ``trainable``, ``dtype``, ``input_shape``, ``activity_regularizer``.",
    },
    "fastnn.layers.": {
        **{f"{name}_initializer": _INITIALIZER for name in _WEIGHTS},
        **{f"{name}_regularizer": _REGULARIZER for name in _WEIGHTS},
        **{f"{name}_constraint": _CONSTRAINT for name in _WEIGHTS},
        "activation": "a name, a record of :mod:`fastnn.activations`, or None for linear.",
        "use_bias": "whether there is a bias.",
        "rate": "share of the numbers that are dropped, or what it stands for, from 0 to less than 1.",
        "noise_shape": "shape of what is drawn, with 1 along axes that share it; None draws for each number.",
        "stddev": "standard deviation of what is added in training.",
        "epsilon": "added to the variance, so that nothing is divided by 0.",
        "center": "whether there is a ``beta`` that is added.",
        "scale": "whether there is a ``gamma`` that is multiplied with.",
        "dropout": "share of the features that are dropped in training, the same ones at all steps.",
        "recurrent_dropout": "likewise of what each step reads of the state.",
        "return_sequences": "whether the output is that of all steps, else of the last one.",
        "return_state": "whether the last states are given, too.",
        "go_backwards": "whether the last step comes first.",
        "stateful": "whether a batch begins with the states that the one before ended with.",
        "zero_output_for_mask": "whether the output of a masked step is 0, else that of the step before.",
        "inputs": "a list of edges of one shape.",
        "input_dim": "``n`` means ``input_shape=(n,)``.",
        "input_length": "steps of a sequence, as in older Keras; ``input_shape`` says the same.",
        "shape": "shape of one sample, without the rows; None for a length that differs from batch to batch.",
        "arguments": "as of :func:`fastnn.layers.Input` in Keras: ``shape``, ``name``, ``dtype``, ``batch_shape``.",
        "named": "the same by name.",
    },
    "fastnn.layers.Layer": {"arguments": "none; a subclass has those of its constructor."},
    "fastnn.layers.ELU": {"alpha": "what it tends to far below zero is ``-alpha``."},
    "fastnn.layers.LeakyReLU": {"negative_slope": "the slope below zero."},
    "fastnn.layers.ReLU": {
        "max_value": "None, or 6 to cap the output there.",
        "negative_slope": "the slope below zero.",
        "threshold": "0; no other one is there.",
    },
    "fastnn.layers.Reshape": {"target_shape": "shape of a sample behind it; one size may be -1."},
    "fastnn.layers.Rescaling": {"scale": "what is multiplied with.", "offset": "what is added behind that."},
    "fastnn.layers.concatenate": {"axis": "the axis along which they stand one behind the other."},
    "fastnn.layers.dot": {"axes": "the axis, or one of each input, over which is summed."},
    "fastnn.layers.serialize": {"layer": "any layer."},
    "fastnn.layers.deserialize": {"config": "what ``serialize`` gave."},
    "fastnn.layers.from_config": {"stored": "what a layer's ``describe`` gave, with its class."},
    "fastnn.losses.": {
        "y_true": "targets, in the shape of the predictions; of the sparse losses whole numbers, one less axis.",
        "y_pred": "predictions ``(..., n)``, for which ``(...)`` losses come out.",
        "from_logits": "whether predictions are logits, else shares or probabilities.",
        "label_smoothing": "targets go that share of the way towards equal shares; 0 to 1.",
        "reduction": '``"sum_over_batch_size"``, ``"sum"``, ``"mean_with_sample_weight"``: how rows become one number.',
        "dtype": "None; the model's dtype is what counts.",
        "alpha": "weight of the classes: of a yes, or one for each class.",
        "gamma": "how much rows that are told well count less; 0 is the plain cross-entropy.",
        "apply_class_balancing": "whether a yes has the weight ``alpha`` and a no ``1 - alpha``.",
        "ignore_class": "rows of this class do not count; None for none.",
        "delta": "from this error on the loss is linear.",
        "quantile": "the share of targets that lie below the prediction; a list has one for each output.",
        "function": "``f(target, prediction)`` gives one loss a row, or the pair of it and its gradient.",
        "loss": "a loss.",
        "weight": "its factor.",
        "loss_weights": "as of ``compile``.",
    },
    "fastnn.metrics.": {
        "y_true": "targets, in the shape of the predictions; of the sparse metrics whole numbers, one less axis.",
        "y_pred": "predictions ``(..., n)``, for which ``(...)`` values come out.",
        "from_logits": "whether predictions are logits, else shares or probabilities.",
        "label_smoothing": "targets go that share of the way towards equal shares; 0 to 1.",
        "threshold": "predictions above it are a yes.",
        "average": '``"micro"``, ``"macro"``, ``"weighted"`` or None for a value of each class.',
        "k": "how many of the largest outputs count.",
        "loss": "a loss, by name or as an object of :mod:`fastnn.losses`.",
        "fn": "``f(target, prediction)``, called once an epoch on all predictions.",
        "kwargs": "further arguments of ``fn``.",
    },
    "fastnn.optimizers.": {
        "momentum": "share of the last step that is gone again.",
        "nesterov": "whether the gradient counts as that of the place where momentum leads.",
        "rho": "share of the running mean of squared gradients that stays.",
        "epsilon": "added to the denominator, so that nothing is divided by 0.",
        "initial_accumulator_value": "where the sums of squares begin.",
        "beta_1": "share of the running mean of gradients that stays.",
        "beta_2": "share of the running mean of squared gradients, or their largest, that stays.",
        "centered": "whether the variance is taken, in place of the mean square.",
        "history_size": "how many pairs of steps and changes of the gradient the curvature is known from.",
        "tolerance": "training ends where the largest slope is below it.",
        "value": "the rate.",
        "optimizer": "the optimizer that it belongs to, or for ``get`` a name, a class, an object or a configuration.",
        "arguments": "those of the subclass, in its order.",
        "given": "the same by name.",
    },
    "fastnn.schedules.": {
        "learning_rate": "the rate to begin with.",
        "initial_learning_rate": "the rate to begin with.",
        "decay_steps": "updates over which it falls.",
        "first_decay_steps": "updates of the first cycle.",
        "decay_rate": "what it falls by in ``decay_steps``.",
        "staircase": "whether it falls in steps of ``decay_steps``, else at every update.",
        "alpha": "the share of the initial rate that is left at the end.",
        "warmup_target": "the rate that is reached before it falls; None for no such rise.",
        "warmup_steps": "updates of that rise.",
        "t_mul": "each cycle is so many times as long as the one before.",
        "m_mul": "each cycle begins with so many times the rate of the one before.",
        "cycles": "how many cycles there are.",
        "boundaries": "numbers of updates at which the rate changes.",
        "values": "the rates, one more than boundaries.",
        "factor": "what the rate is multiplied by where nothing improves.",
        "patience": "epochs to wait for an improvement.",
        "min_delta": "smaller changes are no improvement.",
        "min_lr": "the rate never falls below.",
        "end_learning_rate": "the rate at the end.",
        "power": "of the polynomial; 1 is a straight line.",
        "cycle": "whether it begins anew beyond ``decay_steps``.",
        "stored": "the configuration that a schedule's ``get_config`` gave, with its class.",
    },
    "fastnn.callbacks.": {
        "min_lr": "the rate never falls below.",
        "raise_error": "whether :class:`fastnn.DivergenceError` is raised, else training ends quietly.",
        "hooks": "other hooks by name, or those that are asked about.",
        "callbacks": "a callback, a list of them, or None.",
        "callback": "a callback.",
        **{
            f"on_{when}": "a function with the arguments of the hook of this name."
            for when in ("epoch_begin", "epoch_end", "train_begin", "train_end", "train_batch_begin", "train_batch_end")
        },
    },
    "fastnn.initializers.": {
        "value": "the number that all weights have.",
        "gain": "a factor for all numbers.",
        "mean": "of what is drawn.",
        "stddev": "standard deviation of what is drawn.",
        "minval": "the least number that is drawn.",
        "maxval": "all numbers that are drawn are below.",
        "initializer": "a name, a class, an object, a configuration, or a function of the shape.",
        "shape": "shape of a kernel.",
        "u": "numbers between 0 and 1.",
    },
    "fastnn.regularizers.": {
        "l1": "factor of the sum of absolute values.",
        "l2": "factor of the sum of squares.",
        "identifier": "a name, an object, a configuration, or None.",
    },
    "fastnn.constraints.": {
        "max_value": "the largest norm.",
        "min_value": "the smallest norm.",
        "rate": "share of the way to the nearest allowed norm that is gone at each update.",
        "axis": "axis or axes over which a norm is taken.",
        "identifier": "a name, an object, a configuration, or None.",
    },
    "fastnn.plot.": {"path": "where a picture is to be written."},
    "fastnn.sklearn.": {
        "max_fun": "of ``lbfgs``, calls of the loss at most.",
        "gamma": 'of the loss ``"focal"``: how much rows that are told well count less.',
        "preset": '``"quick"``, ``"default"`` or ``"best"``.',
        "time_limit": "seconds that ``fit`` may take; None for no limit.",
        "random_state": "seed of everything that is drawn.",
        "n_threads": "at most so many threads; None as :func:`fastnn.set_num_threads` says.",
        "backend": "name of a backend, or None for the one in use.",
        "choice": "a choice of your own in place of a preset.",
    },
    "fastnn.utils.": {
        "x": "the series.",
        "y": "what each step has as its target.",
        "free_memory": "whether Python's collector of garbage runs, too.",
        "unknown": "what only Keras' function has, and what is refused by name.",
    },
    "fastnn.tables.": {
        "column": "a column of a table, or its name.",
        "table": "a :class:`fastnn.tables.Table`.",
        "data": "a table, or what :func:`fastnn.tables.table_of_frame` takes.",
        "options": "what columns become, see :class:`fastnn.tables.FeatureOptions`.",
        "limited": "whether predictions are kept within what training saw.",
        "first": "rows as an encoding gives them.",
        "other": "rows of the other side.",
        "training": "rows that a model learns from.",
        "held_out": "rows that it is judged on.",
        "source": "a name for messages.",
        "reading": "how the file is read.",
    },
    "fastnn.models.": {
        "model": "a model.",
        "filepath": "name of a safetensors file.",
        "compile": "whether the model is compiled as it was.",
        "config": "what ``get_config`` gave.",
    },
    "fastnn.watch.": {},
    "fastnn.backend.": {"value": '``"float32"`` or ``"float64"``.'},
    "fastnn.set_num_threads": {"n": "at most so many threads; a whole number from 1 on."},
    "fastnn.set_backend": {"name": 'name of a backend, or ``"auto"``.'},
    "fastnn.use_backend": {"name": 'name of a backend, or ``"auto"``.'},
    "fastnn.Input": {
        "arguments": "``shape`` of one sample, without the rows; as of :class:`fastnn.layers.InputLayer`.",
        "named": "``shape``, ``batch_shape``, ``name``, ``dtype`` by name.",
    },
    "fastnn.BatchError": {"message": "what it says.", "batch": "number of the batch.", "epoch": "number of the epoch."},
    "fastnn.DivergenceError": {"message": "what it says.", "epoch": "number of the epoch."},
    "fastnn.activations.": {
        "z": "an array of any shape; of softmax and log_softmax the last axis has the classes.",
        "parameter": "the activation's own parameter where it has one, else None.",
    },
}


def shared(name: str) -> dict[str, list[str]]:
    """What stands here for a public name: parameters with the lines that describe them."""
    found: dict[str, str] = {}
    for prefix, entries in SHARED.items():
        if name.startswith(prefix):
            found |= entries
    return {argument: [text] for argument, text in found.items()}
