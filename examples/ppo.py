"""Proximal policy optimisation on CartPole: clipped surrogate, generalised advantages, one model with two outputs.

The model gives logits z of the actions and the value v of a state. A batch of steps is used for several epochs; so that
the policy does not run away from the one that played, the ratio ``r = p_a / p_a(played)`` earns nothing outside of
``1 -+ c``: ``L = mean(-min(r A, clip(r, 1 - c, 1 + c) A) - e H + w (v - G)**2 / 2)`` with the entropy
``H = -sum(p log p)``, which keeps the policy curious. With ``dr/dz = r (onehot(a) - p)`` and
``dH/dz = -p (log p + H)``, the gradients that the user brings are

    dL/dz = (-A r [r A <= clip(r) A] (onehot(a) - p) + e p (log p + H)) / n        dL/dv = w (v - G) / n

Advantages: ``A_t = delta_t + d l A_{t+1}`` with ``delta = 1 + d v' - v``, where v' = 0 after a fall, and the sum ends
with the episode; returns ``G = A + v``.

Source: Schulman et al., "Proximal policy optimization algorithms", arXiv:1707.06347 (2017), equation 7;
"High-dimensional continuous control using generalized advantage estimation", arXiv:1506.02438 (2016), equation 16.

    python examples/ppo.py [--seed 0] [--backend cython]
"""

import argparse
import time

import numpy as np
from cartpole import SOLVED, CartPole, evaluate, recent

import fastnn
from fastnn.layers import Dense
from fastnn.optimizers import Adam

CARTS, LENGTH, EPOCHS, BATCH, UPDATES = 16, 128, 4, 256, 150
DISCOUNT, TRACE, CLIP, ENTROPY, VALUE = 0.99, 0.95, 0.2, 0.01, 0.5


def network(seed, backend):
    """A tower for the policy and one for the value, on the same four numbers."""
    state = fastnn.Input(shape=(4,))
    logits = Dense(2)(Dense(64, activation="tanh")(Dense(64, activation="tanh")(state)))
    value = Dense(1)(Dense(64, activation="tanh")(Dense(64, activation="tanh")(state)))
    model = fastnn.Model(state, [logits, value], seed=seed, backend=backend)
    model.compile(Adam(1e-3, global_clipnorm=0.5))
    return model


def log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def play(model, env, rng):
    """``LENGTH`` steps on every cart: lists by step of states, actions, their log p, advantages and returns."""
    states, actions, chances, values, following, fell, ended = [], [], [], [], [], [], []
    for _ in range(LENGTH):
        logits, value = model(env.states)
        log_p = log_softmax(logits)
        action = (log_p + rng.gumbel(size=log_p.shape)).argmax(axis=1)  # a draw with the shares p
        states.append(env.states)
        actions.append(action)
        chances.append(log_p[np.arange(CARTS), action])
        values.append(value[:, 0])
        after, terminated, truncated = env.step(action)
        following.append(model(after)[1][:, 0])
        fell.append(terminated)
        ended.append(terminated | truncated)
    gains = advantages(np.array(values), np.array(following), np.array(fell), np.array(ended))
    columns = states, actions, chances, gains, gains + np.array(values)
    return [np.concatenate(column) for column in columns]


def advantages(values, following, fell, ended):
    """Generalised advantages ``(t, n)``, from the last step back."""
    delta = 1.0 + DISCOUNT * following * ~fell - values
    gains, after = np.empty_like(delta), np.zeros(delta.shape[1])
    for t in reversed(range(len(delta))):
        gains[t] = after = delta[t] + DISCOUNT * TRACE * after * ~ended[t]
    return gains


def improve(model, states, actions, chances, gains, returns):
    """One step on one batch."""
    n, gains = len(states), ((gains - gains.mean()) / (gains.std() + 1e-8))[:, None]
    logits, values = model(states)
    log_p = log_softmax(logits)
    p, onehot = np.exp(log_p), np.eye(2)[actions]
    ratio = np.exp(log_p[np.arange(n), actions] - chances)[:, None]
    counts = ratio * gains <= np.clip(ratio, 1 - CLIP, 1 + CLIP) * gains
    entropy = -(p * log_p).sum(axis=1, keepdims=True)
    dlogits = (-gains * ratio * counts * (onehot - p) + ENTROPY * p * (log_p + entropy)) / n
    dvalue = VALUE * (values - returns[:, None]) / n
    model.apply_gradients(model.gradients(states, dy=[dlogits, dvalue]))


def train(seed=0, updates=UPDATES, backend=None):
    """Play and improve until the last 100 episodes are solved; returns the model and the carts."""
    rng, model = np.random.default_rng(seed), network(seed, backend)
    env = CartPole(CARTS, rng)
    for _ in range(updates):
        columns = play(model, env, rng)
        for _ in range(EPOCHS):
            for rows in rng.permutation(CARTS * LENGTH).reshape(-1, BATCH):
                improve(model, *(column[rows] for column in columns))
        if recent(env, 100) >= SOLVED:
            break
    return model, env


def main(seed=0, updates=UPDATES, backend=None):
    start = time.perf_counter()
    model, env = train(seed, updates, backend)
    mean = evaluate(lambda states: model(states)[0].argmax(axis=1), seed=[seed, 1])
    print(f"{len(env.lengths)} episodes in {time.perf_counter() - start:.1f} s")
    print(f"steps of the last 100: {recent(env, 100):.1f}; of 100 new ones, always the best action: {mean:.1f}")
    return mean


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--updates", type=int, default=UPDATES, help="at most so many")
    parser.add_argument("--backend")
    main(**vars(parser.parse_args()))
