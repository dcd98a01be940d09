"""Training loops of one's own: CartPole moves as its paper says, the gradients that the examples bring are those of
their losses, every loop runs on every backend, and (``--long``) learns with every seed."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
from models import FAST_BACKENDS
from tolerance import DIFFERENCE_STEP, assert_close, difference_limit

ROOT = Path(__file__).resolve().parents[2]
BRIEF = {"policy_gradient": {"updates": 3}, "dqn": {"steps": 600}, "ppo": {"updates": 1}}
N = 12  # rows of a batch


@pytest.fixture
def example(monkeypatch):
    """Imports an example by its name, as its neighbours do."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    return importlib.import_module


class Recorder:
    """Stands in for a model with these outputs, and keeps the gradient that is brought to them."""

    def __init__(self, outputs):
        self.outputs = outputs

    def __call__(self, x):
        return self.outputs

    def gradients(self, x, y=None, *, dy=None):
        self.dy = dy
        return (0.0, []) if dy is None else []

    def apply_gradients(self, gradients):
        pass

    def soft_update(self, target, tau):
        pass


def slopes(loss, outputs):
    """Central differences of a loss by its outputs."""
    slope = np.empty_like(outputs)
    for place in np.ndindex(outputs.shape):
        moved = np.zeros_like(outputs)
        moved[place] = DIFFERENCE_STEP
        slope[place] = (loss(outputs + moved) - loss(outputs - moved)) / (2 * DIFFERENCE_STEP)
    return slope


def assert_slope(brought, loss, outputs):
    """The gradient that was brought is the loss's."""
    numeric = slopes(loss, outputs)
    assert np.abs(numeric).max() > 10 * difference_limit(0.0)
    assert (np.abs(brought - numeric) < difference_limit(numeric)).all()


def log_share(logits, actions):
    """The logarithm of softmax, at one action a row."""
    return logits[np.arange(N), actions] - np.log(np.exp(logits).sum(axis=1))


def test_the_policy_gradient_is_the_slope_of_its_loss(example, rng):
    logits, actions, followed, values = rng.normal(size=(N, 2)), rng.integers(2, size=N), rng.random(N), rng.random(N)
    policy = Recorder(logits)
    example("policy_gradient").improve(policy, Recorder(values[:, None]), None, actions, followed)
    gains = (followed - values) / (followed - values).std()
    assert_slope(policy.dy, lambda z: -np.mean(gains * log_share(z, actions)), logits)


def test_the_gradient_of_q_learning_is_the_slope_of_its_loss(example, rng):
    dqn, q, far = example("dqn"), rng.normal(size=(64, 2)) * 2, rng.normal(size=(64, 2))
    actions, fell = rng.integers(2, size=64), rng.random(64) < 0.3
    online, rows = Recorder(q), np.arange(64)
    dqn.improve(online, Recorder(far), None, actions, None, fell)
    wanted = 1 - dqn.DISCOUNT + np.where(fell, 0, dqn.DISCOUNT * far[rows, q.argmax(axis=1)])

    def loss(moved):
        error = abs(moved[rows, actions] - wanted)
        return np.mean(np.where(error < 1, error**2 / 2, error - 0.5))

    assert dqn.BATCH == 64
    assert_slope(online.dy, loss, q)


def test_the_gradients_of_ppo_are_the_slopes_of_its_loss(example, rng):
    ppo = example("ppo")
    logits, values = rng.normal(size=(N, 2)), rng.normal(size=(N, 1))
    actions, gains, returns = rng.integers(2, size=N), rng.normal(size=N), rng.normal(size=N)
    played = log_share(logits, actions) + rng.normal(size=N) * 0.4
    model = Recorder([logits, values])
    ppo.improve(model, np.empty((N, 4)), actions, played, gains, returns)
    gains = (gains - gains.mean()) / gains.std()

    def of_logits(z):
        ratio = np.exp(log_share(z, actions) - played)
        surrogate = np.minimum(ratio * gains, np.clip(ratio, 1 - ppo.CLIP, 1 + ppo.CLIP) * gains)
        entropy = -sum(np.exp(log_share(z, k)) * log_share(z, k) for k in (0, 1))
        return -np.mean(surrogate + ppo.ENTROPY * entropy)

    assert_slope(model.dy[0], of_logits, logits)
    assert_slope(model.dy[1], lambda v: ppo.VALUE * np.mean((v[:, 0] - returns) ** 2) / 2, values)


def test_advantages_are_sums_that_end_with_the_episode(example, rng):
    ppo = example("ppo")
    values, following = rng.normal(size=(2, 6, 1))
    fell, ended = np.zeros((2, 6, 1), bool)
    fell[1], ended[[1, 3]] = True, True
    delta = 1 + ppo.DISCOUNT * np.where(fell, 0, following) - values
    wanted = [
        sum((ppo.DISCOUNT * ppo.TRACE) ** (k - t) * delta[k] for k in range(t, end))
        for t, end in enumerate((2, 2, 4, 4, 6, 6))
    ]
    assert_close(ppo.advantages(values, following, fell, ended), wanted, np.float64, 6)


def test_a_return_is_the_discounted_sum_of_what_was_played(example):
    gradient = example("policy_gradient")
    played = np.array([[True, True], [True, False], [True, False]])
    d = gradient.DISCOUNT
    wanted = (1 - d) * np.array([[1 + d + d**2, 1], [1 + d, 0], [1, 0]])
    assert_close(gradient.returns(played), wanted, np.float64, 3)


def test_the_cart_moves_as_the_equations_of_1983_say(example, rng):
    """Equations 1 and 2 without friction, with gravity -9.8, as the paper has it: both accelerations satisfy them."""
    cartpole = example("cartpole")
    before, action = rng.normal(size=4), 1
    after = np.array(cartpole.move(*before, action))
    assert_close(after[[0, 2]], before[[0, 2]] + 0.02 * before[[1, 3]], np.float64)
    push, turn = (after - before)[[1, 3]] / 0.02
    _, _, angle, spin = before
    g, mass, pole, half, force = -9.8, 1.1, 0.1, 0.5, 10.0
    of_pole = np.cos(angle) * (-force - pole * half * spin**2 * np.sin(angle)) / mass - g * np.sin(angle)
    assert turn == pytest.approx(of_pole / (half * (4 / 3 - pole * np.cos(angle) ** 2 / mass)))
    assert push == pytest.approx((force + pole * half * (spin**2 * np.sin(angle) - turn * np.cos(angle))) / mass)


def test_an_episode_ends_with_a_fall_or_is_cut_after_200_steps(example):
    cartpole = example("cartpole")
    env = cartpole.CartPole(2, seed=0)
    for step in range(1, 201):
        balance = env.states[0, 2] + env.states[0, 3] > 0
        after, terminated, truncated = env.step([balance, 1])
        assert terminated[1] == (abs(after[1, 2]) > np.radians(12) or abs(after[1, 0]) > 2.4)
        assert (terminated[0], truncated[0]) == (False, step == 200)
        if terminated[1]:
            assert (np.abs(env.states[1]) <= 0.05).all()
            assert env.lengths[-1] == step - sum(env.lengths[:-1])
    assert len(env.lengths) > 15
    assert max(env.lengths[:-1]) < 15
    assert env.lengths[-1] == 200


def test_only_a_policy_that_balances_is_solved(example):
    cartpole, rng = example("cartpole"), np.random.default_rng(0)
    assert cartpole.evaluate(lambda states: (states[:, 2] + states[:, 3] > 0).astype(int), seed=1) == cartpole.LIMIT
    assert 15 < cartpole.evaluate(lambda states: rng.integers(2, size=len(states)), seed=1) < 30


@pytest.mark.single
@FAST_BACKENDS
@pytest.mark.parametrize("which", BRIEF)
def test_the_loops_run_on_every_backend(example, which, name, capsys):
    assert 5 < example(which).main(0, **BRIEF[which], backend=name) <= 200
    assert "of 100 new" in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("which", BRIEF)
def test_the_loops_solve_cartpole_with_every_seed(example, which, seed):
    assert example(which).main(seed) >= example("cartpole").SOLVED
