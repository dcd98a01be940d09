"""Deep Q-learning on CartPole: replay, a target network, double Q.

The network gives ``q(s)_k``, what action k and good play after it are worth: the mean reward from here on, in which
each step counts d times as much as the one before, ``q = (1 - d) r + d q'``. It lies between 0 and 1. (Texts leave
``1 - d`` out; their q goes up to ``1 / (1 - d)``, which takes a network longer to reach.) State, action and state
after go into a memory; for each row of a batch from it one asks for

    t = 1 - d + d q'(s')[argmax q(s')]        and t = 1 - d where the pole fell

with the slowly following *target network* q' (double Q-learning: q chooses, q' values, so that one network's luck does
not pass for worth). With ``e = q(s)[a] - t`` one minimises ``L = mean(h(e))``, where Huber's h is ``e**2 / 2`` up to 1
and then grows linearly; t counts as a constant, and only the action that was taken has a gradient:

    dL/dq_k = [k = a] clip(e, -1, 1) / n

Source: Mnih et al., "Human-level control through deep reinforcement learning", Nature 518 (2015); van Hasselt, Guez,
Silver, "Deep reinforcement learning with double Q-learning", AAAI (2016).

    python examples/dqn.py [--seed 0] [--backend cython]
"""

import argparse
import time

import numpy as np
from cartpole import CartPole, evaluate, greedy

import fastnn
from fastnn.layers import Dense
from fastnn.optimizers import Adam

DISCOUNT, BATCH, FOLLOW = 0.98, 64, 0.01
STEPS, MEMORY, FIRST, EXPLORE, CHECK = 20_000, 20_000, 500, 5_000, 500
ENOUGH = 199.0  # steps in a check; 195 is solved, and other episodes than the check's shall be too


class Memory:
    """The last ``MEMORY`` steps, as columns; the oldest is written over."""

    def __init__(self):
        self.states, self.after = np.empty((2, MEMORY, 4), np.float32)
        self.actions, self.fell = np.empty(MEMORY, int), np.empty(MEMORY, bool)
        self.count = 0

    def add(self, state, action, after, fell):
        row = self.count % MEMORY
        self.states[row], self.actions[row], self.after[row], self.fell[row] = state, action, after, fell
        self.count += 1

    def sample(self, rng):
        rows = rng.integers(min(self.count, MEMORY), size=BATCH)
        return self.states[rows], self.actions[rows], self.after[rows], self.fell[rows]


def network(seed, backend):
    """Four numbers of a state in, the worth of either action out."""
    layers = [Dense(64, activation="relu", input_shape=(4,)), Dense(64, activation="relu"), Dense(2)]
    model = fastnn.Sequential(layers, seed=seed, backend=backend)
    model.compile(Adam(3e-4))
    return model


def improve(online, target, states, actions, after, fell):
    """One step towards what the target network promises; then the target follows a little."""
    rows = np.arange(BATCH)
    promised = target(after)[rows, online(after).argmax(axis=1)]
    error = online(states)[rows, actions] - (1 - DISCOUNT + DISCOUNT * ~fell * promised)
    dq = np.zeros((BATCH, 2), np.float32)
    dq[rows, actions] = np.clip(error, -1, 1) / BATCH
    online.apply_gradients(online.gradients(states, dy=dq))
    online.soft_update(target, FOLLOW)


def train(seed=0, steps=STEPS, backend=None):
    """Play, remember and improve until a check with 100 episodes is passed; returns the best network and the steps.

    What Q-learning has learned it may forget again, so the weights of the best check are kept.
    """
    rng, memory, record = np.random.default_rng(seed), Memory(), 0.0
    online, target, best = (network(seed, backend) for _ in range(3))  # of one seed, so equal
    env, choose = CartPole(1, rng), online.predictor()  # it follows the weights, and a row costs it a microsecond
    while record < ENOUGH and memory.count < steps:
        state = env.states[0]
        explores = rng.random() < max(0.05, 1.0 - memory.count / EXPLORE)
        action = int(rng.integers(2)) if explores else int(choose(state).argmax())
        after, terminated, _ = env.step(action)
        memory.add(state, action, after[0], terminated[0])
        if memory.count > FIRST:
            improve(online, target, *memory.sample(rng))
        if memory.count % CHECK == 0 or memory.count == steps:
            mean = evaluate(greedy(online), seed=memory.count)
            if mean > record:
                record = mean
                online.soft_update(best, 1.0)  # a copy
    return best, memory.count


def main(seed=0, steps=STEPS, backend=None):
    start = time.perf_counter()
    best, taken = train(seed, steps, backend)
    mean = evaluate(greedy(best), seed=[seed, 1])
    print(f"{taken} steps in {time.perf_counter() - start:.1f} s")
    print(f"steps of 100 new episodes, always the best action: {mean:.1f}")
    return mean


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS, help="at most so many")
    parser.add_argument("--backend")
    main(**vars(parser.parse_args()))
