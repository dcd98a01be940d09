"""Optimisers against their textbook loops in 30 digits, written here from the papers and from Keras' documentation."""

from __future__ import annotations

import numpy as np
import pytest
from networks import draw
from tolerance import assert_close

from fastnn import optimizers, schedules
from fastnn.optimizers import OPTIMIZERS, SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Ftrl, Lion, Nadam, RMSprop
from fastnn.optimizers.updates import N_HYPER, N_SCALARS, N_SLOTS, UPDATES, ClipCode, OptimizerCode

mpmath = pytest.importorskip("mpmath", reason="mpmath is not installed")
mp = mpmath.mp
mp.dps = 40
STEPS, RATE = 12, 0.03


def sgd(o):
    v = mp.zero
    while True:
        g, _ = yield v
        v = o.momentum * v - RATE * g


def nesterov(o):
    v, move = mp.zero, mp.zero
    while True:
        g, _ = yield move
        v = o.momentum * v - RATE * g
        move = o.momentum * v - RATE * g


def rmsprop(o):
    v = mean = moved = mp.zero
    while True:
        g, _ = yield -moved
        v, mean = o.rho * v + (1 - mp.mpf(o.rho)) * g**2, o.rho * mean + (1 - mp.mpf(o.rho)) * g
        spread = v - mean**2 if o.centered else v
        moved = o.momentum * moved + RATE * g / mp.sqrt(spread + o.epsilon)


def adagrad(o):
    total, move = mp.mpf(o.initial_accumulator_value), mp.zero
    while True:
        g, _ = yield move
        total += g**2
        move = -RATE * g / mp.sqrt(total + o.epsilon)


def adadelta(o):
    v = d = move = mp.zero
    rho = mp.mpf(o.rho)
    while True:
        g, _ = yield move
        v = rho * v + (1 - rho) * g**2
        delta = mp.sqrt(d + o.epsilon) / mp.sqrt(v + o.epsilon) * g
        d = rho * d + (1 - rho) * delta**2
        move = -RATE * delta


def adam(o):
    m = v = move = mp.zero
    a, b = mp.mpf(o.beta_1), mp.mpf(o.beta_2)
    while True:
        g, t = yield move
        m, v = a * m + (1 - a) * g, b * v + (1 - b) * g**2
        if o.form == "keras":
            move = -RATE * mp.sqrt(1 - b**t) / (1 - a**t) * m / (mp.sqrt(v) + o.epsilon)
        else:
            move = -RATE * (m / (1 - a**t)) / (mp.sqrt(v / (1 - b**t)) + o.epsilon)


def amsgrad(o):
    m = v = largest = move = mp.zero
    a, b = mp.mpf(o.beta_1), mp.mpf(o.beta_2)
    while True:
        g, t = yield move
        m, v = a * m + (1 - a) * g, b * v + (1 - b) * g**2
        largest = max(largest, v)
        if o.form == "keras":
            move = -RATE * mp.sqrt(1 - b**t) / (1 - a**t) * m / (mp.sqrt(largest) + o.epsilon)
        else:
            move = -RATE * (m / (1 - a**t)) / (mp.sqrt(largest / (1 - b**t)) + o.epsilon)


def ftrl(o):
    """McMahan et al. 2013, algorithm 1, with Keras' names; the only one whose move depends on the parameter."""
    total, linear, move = mp.mpf(o.initial_accumulator_value), mp.zero, mp.zero
    l1, rate = mp.mpf(o.l1_regularization_strength), mp.mpf(RATE)
    l2 = o.l2_regularization_strength + o.beta / (2 * rate)
    while True:
        g, _, w = yield move
        grown = total + g**2
        linear += g + 2 * mp.mpf(o.l2_shrinkage_regularization_strength) * w
        linear -= (mp.sqrt(grown) - mp.sqrt(total)) / rate * w
        total, clipped = grown, min(max(linear, -l1), l1)
        move = (clipped - linear) / (mp.sqrt(total) / rate + 2 * l2) - w


def nadam(o):
    m = v = move = mp.zero
    a, b, product = mp.mpf(o.beta_1), mp.mpf(o.beta_2), mp.one

    def momentum(t):
        return a * (1 - mp.mpf(0.5) * mp.mpf(0.96) ** t)

    while True:
        g, t = yield move
        product *= momentum(t)
        m, v = a * m + (1 - a) * g, b * v + (1 - b) * g**2
        ahead = momentum(t + 1) * m / (1 - product * momentum(t + 1)) + (1 - momentum(t)) * g / (1 - product)
        move = -RATE * ahead / (mp.sqrt(v / (1 - b**t)) + o.epsilon)


def adamax(o):
    m = u = move = mp.zero
    a, b = mp.mpf(o.beta_1), mp.mpf(o.beta_2)
    while True:
        g, t = yield move
        m, u = a * m + (1 - a) * g, max(b * u, abs(g))
        move = -RATE * m / ((1 - a**t) * (u + o.epsilon))


def lion(o):
    m = move = mp.zero
    a, b = mp.mpf(o.beta_1), mp.mpf(o.beta_2)
    while True:
        g, _ = yield move
        move = -RATE * mp.sign(a * m + (1 - a) * g)
        m = b * m + (1 - b) * g


CASES = [
    (SGD(), sgd),
    (SGD(momentum=0.9), sgd),
    (SGD(momentum=0.7, nesterov=True), nesterov),
    (SGD(weight_decay=0.1), sgd),
    (RMSprop(), rmsprop),
    (RMSprop(momentum=0.5), rmsprop),
    (RMSprop(centered=True), rmsprop),
    (RMSprop(rho=0.8, centered=True, momentum=0.9, epsilon=1e-3), rmsprop),
    (Adagrad(), adagrad),
    (Adagrad(epsilon=0.1, weight_decay=0.2), adagrad),
    (Adadelta(), adadelta),
    (Adadelta(rho=0.5, epsilon=1e-3), adadelta),
    (Adam(), adam),
    (Adam(beta_1=0.5, beta_2=0.7, epsilon=0.1), adam),
    (Adam(form="paper", epsilon=0.1), adam),
    (Adam(epsilon=0.1), adam),
    (Adam(amsgrad=True, beta_2=0.6, epsilon=0.01), amsgrad),
    (Adam(amsgrad=True, beta_2=0.6, epsilon=0.01, form="paper"), amsgrad),
    (Adagrad(initial_accumulator_value=0.4), adagrad),
    (Ftrl(), ftrl),
    (
        Ftrl(
            l1_regularization_strength=0.3,
            l2_regularization_strength=0.2,
            l2_shrinkage_regularization_strength=0.1,
            beta=0.4,
            initial_accumulator_value=0.2,
        ),
        ftrl,
    ),
    (AdamW(weight_decay=0.3), adam),
    (Nadam(), nadam),
    (Nadam(beta_1=0.6, epsilon=0.01), nadam),
    (Adamax(), adamax),
    (Adamax(beta_2=0.5, epsilon=0.1), adamax),
    (Lion(), lion),
    (Lion(beta_1=0.5, beta_2=0.6, weight_decay=0.1), lion),
]


def run(optimizer, start, gradients, rate=RATE):
    """Parameters after each step, by the formulas that the reference backend applies."""
    w = np.array(start)
    slots = tuple(np.full(w.shape, start) for start in optimizer.slot_starts)
    path = []
    for step, g in enumerate(gradients, 1):
        w, slots = UPDATES[optimizer.code](w, g, slots, optimizer.all_scalars(step, rate))
        path.append(w)
    return np.array(path)


@pytest.mark.parametrize(
    ("optimizer", "textbook"), CASES, ids=lambda value: getattr(value, "__name__", None) or repr(value)
)
def test_path_equals_the_textbook(rng, optimizer, textbook):
    start, gradients = draw(rng, 3), draw(rng, (STEPS, 3))
    gradients[4] = 0
    path = run(optimizer, start, gradients)
    for j in range(3):
        loop, w, right = textbook(optimizer), mp.mpf(start[j]), []
        next(loop)
        for step in range(1, STEPS + 1):
            w -= RATE * mp.mpf(optimizer.weight_decay or 0) * w
            given = mp.mpf(gradients[step - 1, j]), step, w
            w += loop.send(given if textbook is ftrl else given[:2])
            right.append(float(w))
        assert_close(path[:, j], right, np.float64, STEPS * 4)


def test_every_update_has_a_textbook_here():
    assert {optimizer.code for optimizer, _ in CASES} == set(OptimizerCode)
    assert {type(optimizer) for optimizer, _ in CASES} == set(OPTIMIZERS.values()) - {optimizers.LBFGS}


@pytest.mark.parametrize("optimizer", [Adam(form="paper"), Adamax()], ids=["adam", "adamax"])
def test_constant_gradients_make_equal_steps(optimizer):
    path = run(optimizer, [1.0], np.full((50, 1), 0.25))
    steps = np.arange(1, 51)[:, None]
    assert_close(path, 1 - steps * RATE * 0.25 / (0.25 + optimizer.epsilon), np.float64, 100)


def test_descent_on_a_parabola_shrinks_by_the_same_factor():
    w, optimizer = np.array([3.0]), SGD()
    for step in range(1, 21):
        w, _ = UPDATES[optimizer.code](w, 0.5 * w, (), optimizer.all_scalars(step, RATE))
    assert_close(w, [3.0 * (1 - 0.5 * RATE) ** 20], np.float64, 40)


@pytest.mark.parametrize("optimizer", [Adam(), Nadam(), Adamax()], ids=["adam", "nadam", "adamax"])
def test_scalars_of_very_late_steps_are_finite(optimizer):
    for step in (10**4, 10**7, 2**40):
        scalars = optimizer.all_scalars(step, RATE)
        assert np.isfinite(scalars).all()
        assert scalars.max() > 0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_defaults_are_those_of_keras(name):
    rate = {"sgd": 0.01, "lbfgs": 1.0}.get(name, 0.001)
    made = optimizers.get(name)
    assert made.learning_rate == rate
    assert made.weight_decay == (0.004 if name == "adamw" else None)
    assert getattr(made, "epsilon", 1e-7) == 1e-7
    assert getattr(made, "beta_1", 0.9) == 0.9
    assert getattr(made, "beta_2", 0.999) == (0.99 if name == "lion" else 0.999)
    assert getattr(made, "rho", None) == {"rmsprop": 0.9, "adadelta": 0.95}.get(name)


@pytest.mark.parametrize("optimizer", [o for o, _ in CASES], ids=repr)
def test_tables_have_room_for_an_optimizer(optimizer):
    assert len(optimizer.hyper()) <= N_HYPER
    assert len(optimizer.scalars(1, RATE)) < N_SCALARS
    assert optimizer.n_slots == N_SLOTS[optimizer.code]


@pytest.mark.parametrize(
    "optimizer",
    [
        *(o for o, _ in CASES),
        optimizers.LBFGS(history_size=3),
        SGD(clipnorm=1.0),
        Adam(schedules.CosineDecay(0.1, 50, warmup_target=0.2, warmup_steps=5)),
    ],
    ids=repr,
)
def test_configuration_gives_the_optimizer_back(optimizer):
    assert optimizers.get(optimizer.config()) == optimizer
    assert optimizers.get(optimizer) == optimizer
    assert optimizers.get(optimizer) is not optimizer


def test_clipping_is_read_from_its_argument():
    assert Adam().clip == (ClipCode.NONE, 0.0)
    assert Adam(clipvalue=0.5).clip == (ClipCode.VALUE, 0.5)
    assert Adam(clipnorm=2).clip == (ClipCode.NORM, 2.0)
    assert Adam(global_clipnorm=3).clip == (ClipCode.GLOBAL_NORM, 3.0)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: optimizers.get("adma"), ValueError, "adam"),
        (lambda: optimizers.get(3), TypeError, "optimizer"),
        (lambda: SGD(-0.1), ValueError, "learning_rate"),
        (lambda: SGD("fast"), TypeError, "learning_rate"),
        (lambda: SGD(float("nan")), ValueError, "learning_rate"),
        (lambda: SGD(momentum=1.01), ValueError, "momentum"),
        (lambda: RMSprop(momentum=1.0), ValueError, "momentum"),
        (lambda: Adam(beta_1=1.0), ValueError, "beta_1"),
        (lambda: Adam(beta_2=-0.1), ValueError, "beta_2"),
        (lambda: Adam(epsilon=0.0), ValueError, "epsilon"),
        (lambda: Adam(form="torch"), ValueError, "form"),
        (lambda: RMSprop(rho=2), ValueError, "rho"),
        (lambda: Adam(clipnorm=1.0, clipvalue=1.0), ValueError, "clipvalue and clipnorm"),
        (lambda: Adam(clipnorm=0), ValueError, "clipnorm"),
        (lambda: Adam(weight_decay=-1), ValueError, "weight_decay"),
        (lambda: optimizers.LBFGS(history_size=0), ValueError, "history_size"),
        (lambda: optimizers.LBFGS(clipnorm=1.0), ValueError, "LBFGS"),
        (lambda: Adam(lr=0.1), TypeError, "lr"),
    ],
)
def test_wrong_arguments_are_refused_by_name(make, error, words):
    with pytest.raises(error, match=words):
        make()
