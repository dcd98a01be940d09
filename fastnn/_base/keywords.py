"""Keyword arguments that a call does not have: what stands in their place here.

Programs for Keras 1, 2 and 3 name arguments that have another name, cannot act, or are not needed here. One whose
value changes nothing passes; each other one is a ``TypeError`` with a word on what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from fastnn._base.arguments import nearest, shown

NO_QUEUE = "arrays need no queue, and of batches a thread of the call's own fetches the next one"
CALLS: dict[str, str] = {
    "nb_epoch": "it is called epochs",
    "n_epochs": "it is called epochs",
    "num_epochs": "it is called epochs",
    "steps": "all rows that are given count; give fewer",
    "steps_per_epoch": "an epoch is one pass over all rows; give the rows that an epoch shall have",
    "samples_per_epoch": "it is called steps_per_epoch, and counts batches",
    "validation_steps": "all validation rows are evaluated; give fewer",
    "nb_val_samples": "it is called validation_steps, and counts batches",
    "validation_freq": "validation rows are evaluated after every epoch",
    "show_accuracy": "give metrics=['accuracy'] to compile",
    "workers": NO_QUEUE,
    "use_multiprocessing": NO_QUEUE,
    "max_queue_size": NO_QUEUE,
    "lr": "give the rate to the optimizer, as in optimizers.Adam(learning_rate=0.001)",
    "learning_rate": "give the rate to the optimizer, as in optimizers.Adam(learning_rate=0.001)",
    "decay": "give the optimizer a schedule, as in Adam(schedules.InverseTimeDecay(0.001, 1000, 0.5))",
    "sample_weight_mode": "sample_weight has a weight for each row",
    "class_mode": "the loss says what the targets are",
    "target_tensors": "targets are the y of fit",
    "input_tensors": "inputs are the x of fit",
    "distribute": "one machine's processors are used, see fastnn.set_num_threads",
}
NEUTRAL: dict[str, tuple[object, ...]] = {  # values with which ignoring an argument changes nothing
    "steps": (None,),
    "steps_per_epoch": (None,),
    "validation_steps": (None,),
    "validation_freq": (1,),
    "workers": (0, 1),
    "use_multiprocessing": (False,),
    "max_queue_size": (10,),
    "sample_weight_mode": (None,),
    "target_tensors": (None,),
    "distribute": (None,),
}
TAKEN = ("validation_batch_size",)  # of any value: results do not depend on them


def refuse(
    call: str,
    unknown: Mapping[str, object],
    known: Collection[str],
    *,
    words: Mapping[str, str] = CALLS,
    neutral: Mapping[str, tuple[object, ...]] = NEUTRAL,
) -> None:
    """``TypeError`` for the first of ``unknown`` that would have to act, with a word or the nearest known name."""
    for name, value in unknown.items():
        if name in TAKEN:
            continue
        if any(value is quiet or (type(value) is type(quiet) and value == quiet) for quiet in neutral.get(name, ())):
            continue
        if name in words:
            raise TypeError(f"{call} does not take {name}={shown(value)}: {words[name]}")
        raise TypeError(f"{call} has no argument {name!r}{nearest(name, known)}; it takes {', '.join(known)}")


def refuse_for(method: Callable[..., object], unknown: Mapping[str, object]) -> None:
    """:func:`refuse` for a public method that collects unknown keyword arguments."""
    from inspect import Parameter, signature

    parameters = signature(method).parameters.values()
    refuse(
        method.__name__,
        unknown,
        [p.name for p in parameters if p.kind is not Parameter.VAR_KEYWORD and p.name != "self"],
    )
