"""What ``help()`` shows of a public name: every parameter, and the formula of what has one."""

from __future__ import annotations

import enum
import inspect
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn", minversion="1.9", reason="scikit-learn 1.9 is not installed")
sys.path.append(str(Path(__file__).resolve().parents[2] / "docs" / "_site"))
import docstrings
import groups

from fastnn import activations, initializers, layers, losses, optimizers, schedules

NAMED = sorted({full for named in groups.entries().values() for full, _ in named})
MADE = [full for full in NAMED if inspect.isroutine(groups.thing_of(full)) or isinstance(groups.thing_of(full), type)]
FORMULA = re.compile(r"``[^`]*[-+*/=<|(][^`]*``")
MOVES = {  # layers that hand numbers on as they are, in other places or none
    *("Cropping1D", "Cropping2D", "Flatten", "Identity", "InputLayer", "Lambda", "Masking", "Permute", "RandomCrop"),
    *("RandomFlip", "RepeatVector", "Reshape", "UpSampling1D", "UpSampling2D", "ZeroPadding1D", "ZeroPadding2D"),
    *("Bidirectional", "TimeDistributed", "WithMask", "Concatenate", "Edge", "Embedding", "Layer"),
}


def undescribed(thing: object, inline: bool = False) -> list[str]:
    """Parameters that no entry describes, of a docstring or of one that it names; ``inline``, nor a sentence."""
    known = {name for name, lines in docstrings.told(thing).items() if len(" ".join(lines)) > 3}
    if inline:
        known |= set(re.findall(r"``(\w+)``", inspect.getdoc(thing) or ""))
    return [name for name in docstrings.arguments(thing) if name not in known]


@pytest.mark.parametrize("module", sorted({name.rpartition(".")[0] for name in MADE}))
def test_every_parameter_of_a_public_name_is_described(module):
    things = {full: groups.thing_of(full) for full in MADE if full.rpartition(".")[0] == module}
    faults = {
        full: missing
        for full, thing in things.items()
        if not (isinstance(thing, type) and issubclass(thing, enum.Enum)) and (missing := undescribed(thing))
    }
    assert not faults, faults


INNER = {  # methods that models, plans and backends call, no program
    *("affordable", "all_scalars", "bound", "called", "carry", "check_fits", "check_layer", "check_width", "decay_at"),
    *("decays", "draft", "draw_anew", "evaluate_rows", "forget_calls", "given", "going_on", "improves", "is_due"),
    *("mark", "mask_operation_of", "matrix", "moved", "n_outputs_of", "of_sizes", "operations", "output_shape"),
    *("output_shapes", "parameters", "passes", "prediction_entry", "prepared", "reading", "recurrence", "rename"),
    *(
        "rows_of",
        "scalars",
        "set_weights_at",
        "settle_common",
        "sized",
        "stand",
        "steps",
        "training_plan",
        "validation",
    ),
    *("validation", "waiting", "raw", "portions"),
}
RECORDS = ("CustomLoss", "LossRecord", "Bag", "Rows", "Monitor")  # what backends and searches read


def methods() -> dict[str, tuple[type, str]]:
    """Public methods of public classes that programs call, by their names."""
    found = {}
    for full in MADE:
        thing = groups.thing_of(full)
        if not isinstance(thing, type) or issubclass(thing, enum.Enum):
            continue
        for name in set(groups.methods(thing, True)) - INNER:
            owner = next(base for base in thing.__mro__ if name in vars(base))
            told = owner.__module__.startswith("fastnn") and vars(owner)[name].__doc__
            if told and callable(getattr(thing, name)) and owner.__name__ not in RECORDS:
                found[f"{owner.__module__}.{owner.__name__}.{name}"] = (thing, name)
    return found


def undescribed_of(owner: type, name: str) -> list[str]:
    """Parameters of a method that neither it describes, nor that of a base class, nor the class."""
    found = [base for base in owner.__mro__ if name in vars(base) and base.__module__.startswith("fastnn")]
    missing = [set(undescribed(getattr(base, name), inline=True)) for base in found]
    words = " ".join(inspect.getdoc(base) or "" for base in found)
    return sorted(each for each in set.intersection(*missing) if f"``{each}``" not in words)


def test_every_parameter_of_a_public_method_is_described():
    faults = {key: missing for key, place in methods().items() if (missing := undescribed_of(*place))}
    assert not faults, "\n".join(f"{name}: {missing}" for name, missing in faults.items())
    assert len(methods()) > 150


def formula_of(thing: object, seen: tuple[int, ...] = ()) -> bool:
    """Whether a docstring has a formula, or one does that it names."""
    text = " ".join(docstrings.of(thing).text)
    if FORMULA.search(text):
        return True
    others = [docstrings._resolved(name, thing) for name in re.findall(r":(?:class|func):`~?([\w.]+)`", text)]
    return any(formula_of(other, (*seen, id(thing))) for other in others if other is not None and id(other) not in seen)


@pytest.mark.parametrize("room", [optimizers, losses, schedules, initializers, layers])
def test_what_has_a_formula_says_it(room):
    names = [full.rpartition(".")[2] for full in MADE if full.rpartition(".")[0] == room.__name__]
    base = {optimizers: optimizers.Optimizer, losses: losses.Loss, schedules: schedules.Schedule}
    base |= {initializers: initializers.Initializer, layers: layers.Layer}
    functions = room is losses
    things = {name: getattr(room, name) for name in names if name not in MOVES}
    wanted = {
        name: thing
        for name, thing in things.items()
        if (issubclass(thing, base[room]) and thing is not base[room] if isinstance(thing, type) else functions)
        and name not in ("get", "reduction_of", "weight_of", "CustomLoss", "LossRecord")
    }
    assert len(wanted) > 5
    assert not [name for name, thing in wanted.items() if not formula_of(thing)]


def test_an_activation_shows_its_own_formula():
    for name, record in activations.ACTIVATIONS.items():
        assert record.formula in (inspect.getdoc(record) or ""), name
        assert record.formula
    assert "alpha" in (inspect.getdoc(activations.get("elu", alpha=0.5)) or "")
    assert "Attributes" in (inspect.getdoc(activations.Activation) or "")
