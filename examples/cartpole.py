"""CartPole: a pole stands on a cart, and pushes to the left (0) or right (1) must keep it up.

The state is place and velocity of the cart, angle and angular velocity of the pole (0 is upright), in metres, radians
and seconds. A step is 0.02 s and worth a reward of 1; the episode ends when the pole leans more than 12 degrees or the
cart is more than 2.4 m from the middle (it has *terminated*), or after 200 steps (it is *truncated*: the pole still
stands, more reward was to come, and values must not count that as a fall). A mean of 195 steps counts as solved.

Source: Barto, Sutton, Anderson, "Neuronlike adaptive elements that can solve difficult learning control problems",
IEEE Transactions on Systems, Man, and Cybernetics 13 (1983), without the friction, in steps of Euler's method.

    python examples/cartpole.py
"""

import numpy as np

GRAVITY, CART, POLE, HALF_LENGTH, FORCE, SECONDS = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
FARTHEST, STEEPEST = 2.4, np.radians(12)
LIMIT, SOLVED = 200, 195.0


def move(place, velocity, angle, spin, action):
    """The state a step later, as four numbers, or arrays for many carts at once.

    The pole turns about the cart and is turned by the cart's acceleration (equations 1 and 2 of the paper):
    ``alpha = (g sin - cos * push) / (l (4/3 - m cos**2 / M))`` with ``push = (F + m l spin**2 sin) / M``.
    """
    sine, cosine, mass = np.sin(angle), np.cos(angle), CART + POLE
    push = (FORCE * (2 * action - 1) + POLE * HALF_LENGTH * spin**2 * sine) / mass
    turn = (GRAVITY * sine - cosine * push) / (HALF_LENGTH * (4 / 3 - POLE * cosine**2 / mass))
    acceleration = push - POLE * HALF_LENGTH * turn * cosine / mass
    return (
        place + SECONDS * velocity,
        velocity + SECONDS * acceleration,
        angle + SECONDS * spin,
        spin + SECONDS * turn,
    )


class CartPole:
    """``n`` carts side by side. One that has ended stands at a new start at the next step.

    ``states`` ``(n, 4)`` is what the next actions are chosen from, ``steps`` ``(n,)`` how long each episode is so far,
    ``lengths`` the steps of all episodes that have ended.
    """

    def __init__(self, n=1, seed: int | np.random.Generator = 0):
        self.rng = np.random.default_rng(seed)
        self.lengths = []
        self.steps = np.zeros(n, int)
        self.states = self._start(n)

    def step(self, actions):
        """Act; returns ``(n, 4)`` states, before any new start, and ``(n,)`` of terminated and of truncated."""
        after = np.stack(move(*self.states.T, action=np.asarray(actions)), axis=1).astype(np.float32)
        self.steps += 1
        terminated = (abs(after[:, 0]) > FARTHEST) | (abs(after[:, 2]) > STEEPEST)
        truncated = (self.steps == LIMIT) & ~terminated
        self.states = after
        ended = terminated | truncated
        if ended.any():
            self.states = after.copy()
            self.states[ended] = self._start(ended.sum())
            self.lengths += self.steps[ended].tolist()
            self.steps[ended] = 0
        return after, terminated, truncated

    def _start(self, n):
        """Somewhere near the middle, almost still and almost upright."""
        return self.rng.uniform(-0.05, 0.05, (n, 4)).astype(np.float32)


def recent(env, episodes=20):
    """Mean steps of the episodes that ended last, 0 before there are as many."""
    return float(np.mean(env.lengths[-episodes:])) if len(env.lengths) >= episodes else 0.0


def evaluate(choose, seed, episodes=100):
    """Mean steps of so many new episodes, all at once; ``choose`` gives ``(n,)`` actions for ``(n, 4)`` states."""
    env = CartPole(episodes, seed)
    standing, steps = np.ones(episodes, bool), np.zeros(episodes)
    for _ in range(LIMIT):
        steps += standing
        _, terminated, truncated = env.step(choose(env.states))
        standing &= ~(terminated | truncated)
    return float(steps.mean())


def greedy(network):
    """The action with the largest output, as :func:`evaluate` wants it."""
    return lambda states: network(states).argmax(axis=1)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    print(f"random pushes:                {evaluate(lambda states: rng.integers(2, size=len(states)), 0):6.1f} steps")
    print(f"push where the pole falls:    {evaluate(lambda states: (states[:, 2] > 0).astype(int), 0):6.1f} steps")
    print(f"... and where it turns to:    {evaluate(lambda s: (s[:, 2] + s[:, 3] > 0).astype(int), 0):6.1f} steps")
