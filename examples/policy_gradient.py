"""REINFORCE with a baseline: the policy gradient, by hand, on CartPole.

The policy network gives one logit ``z_k`` for each action; action k is taken with the share ``p_k = softmax(z)_k``.
Actions that went better than expected become more likely, by how much better: their *advantage* A is the return G
that followed, less the value that a second network expects of the state. One minimises ``L = -mean(A log p_a)``, and
since ``d log p_a / d z_k = [k = a] - p_k``, the gradient that the user brings to the logits is

    dL/dz = (p - onehot(a)) * A / n

Source: Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning", Machine
Learning 8 (1992); Sutton and Barto, "Reinforcement Learning" (2018), section 13.4.

    python examples/policy_gradient.py [--seed 0] [--backend cython]
"""

import argparse
import time

import numpy as np
from cartpole import SOLVED, CartPole, evaluate, greedy

import fastnn
from fastnn.layers import Dense
from fastnn.optimizers import Adam

EPISODES, DISCOUNT, UPDATES = 20, 0.99, 400


def network(n_out, seed, backend, loss=None):
    """Four numbers of a state in, logits of the actions or one value out."""
    layers = [Dense(32, activation="tanh", input_shape=(4,)), Dense(n_out)]
    model = fastnn.Sequential(layers, seed=seed, backend=backend)
    model.compile(Adam(0.01), loss)
    return model


def softmax(logits):
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def play(policy, rng):
    """An episode on each cart: states ``(t, n, 4)``, actions ``(t, n)``, and which carts still played ``(t, n)``."""
    env, standing = CartPole(EPISODES, rng), np.ones(EPISODES, bool)
    states, actions, played = [], [], []
    while standing.any():
        share = softmax(policy(env.states))
        states.append(env.states)
        actions.append((rng.random(EPISODES) < share[:, 1]).astype(int))
        played.append(standing)
        _, terminated, truncated = env.step(actions[-1])
        standing = standing & ~(terminated | truncated)
    return np.array(states), np.array(actions), np.array(played)


def returns(played):
    """Of each step that was played, the mean reward from there on with discounted weights: 0 to 1 in place of 0 to 100.

    ``G = (1 - d) r + d G'`` is the discounted sum times ``1 - d``; every step is worth ``r = 1``.
    """
    total, after = np.zeros(played.shape), np.zeros(played.shape[1])
    for t in reversed(range(len(played))):
        after = played[t] * (1 - DISCOUNT + DISCOUNT * after)
        total[t] = after
    return total


def improve(policy, baseline, states, actions, followed):
    """A step of both networks. The baseline's gradient is that of its compiled loss, the policy's is ours."""
    advantage = followed - baseline(states)[:, 0]
    advantage /= advantage.std()  # so that the learning rate suits whatever the game's rewards are
    dlogits = (softmax(policy(states)) - np.eye(2)[actions]) * advantage[:, None] / len(actions)
    policy.apply_gradients(policy.gradients(states, dy=dlogits))
    _, gradients = baseline.gradients(states, followed)
    baseline.apply_gradients(gradients)


def train(seed=0, updates=UPDATES, backend=None):
    """Play and improve until the last 100 episodes are solved; returns the policy and the mean steps by update."""
    rng = np.random.default_rng(seed)
    policy, baseline = network(2, seed, backend), network(1, seed + 1, backend, loss="mse")
    steps = []
    while len(steps) < updates and not (len(steps) >= 5 and np.mean(steps[-5:]) >= SOLVED):
        states, actions, played = play(policy, rng)
        improve(policy, baseline, states[played], actions[played], returns(played)[played])
        steps.append(played.sum(axis=0).mean())
    return policy, steps


def main(seed=0, updates=UPDATES, backend=None):
    start = time.perf_counter()
    policy, steps = train(seed, updates, backend)
    mean = evaluate(greedy(policy), seed=[seed, 1])
    print(f"{len(steps)} updates of {EPISODES} episodes in {time.perf_counter() - start:.1f} s")
    print(f"steps of the last 100: {np.mean(steps[-5:]):.1f}; of 100 new ones, always the best action: {mean:.1f}")
    return mean


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--updates", type=int, default=UPDATES, help="at most so many")
    parser.add_argument("--backend")
    main(**vars(parser.parse_args()))
