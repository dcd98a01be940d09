"""A plan on paper: how training by data-parallel ranks scales to 1,000 of them. python bench/scale_model.py

An alpha-beta model. A step on ``p`` ranks takes

    T(p) = T1 / p + n(p) a + 2 (p - 1) / p * B b

where ``T1`` is the step of one process of one thread, measured here, ``B`` the bytes of the parameters, ``a`` seconds a
message and ``b`` seconds a byte. ``n(p)`` is ``3 (p - 1)`` messages as fastnn sends them, from each rank to each other
one (sums, gradients, parameters), or ``4 log2 p`` if they were passed along a tree, which it does not do. It assumes
that ranks are equally fast, that nothing overlaps, and that a rank's rows are many enough for full speed: under some 16
rows they are not, so that a fixed batch on many ranks is worse than it says.

Between processes of this machine ``a`` and ``b`` are measured (bench/data_parallel.py); those of networks are assumed:
10 Gbit/s Ethernet with 30 us and 1.1 GB/s, 100 Gbit/s with RDMA with 2 us and 11 GB/s.
"""

from __future__ import annotations

import math

from data_parallel import NETS, data, network, seconds, started

from fastnn import set_num_threads

LINKS = {"10 GbE": (30e-6, 1 / 1.1e9), "100 G RDMA": (2e-6, 1 / 11e9)}
RANKS = 2, 4, 8, 32, 1000


def step(t1, n_bytes, p, a, b, tree=False):
    """Seconds of a step on ``p`` ranks."""
    messages = 4 * math.ceil(math.log2(p)) if tree else 3 * (p - 1)
    return t1 / p + messages * a + 2 * (p - 1) / p * n_bytes * b


def measured():
    """Seconds of a step of each network, and its bytes of parameters."""
    found = {}
    for name, (widths, batch, steps) in NETS.items():
        model, rows = network(widths), data(widths, batch, steps)
        least = min(seconds(model, rows, batch, None) for _ in range(4)) / steps
        found[name] = least, model.count_params() * 4
    return found


def main():
    set_num_threads(1)
    both = started(2, 2, 2)
    links = {"this machine": (both["message"], both["byte"]), **LINKS}
    for name, (a, b) in links.items():
        print(f"{name}: {a * 1e6:.1f} us a message, {1 / b / 1e9:.2f} GB/s")
    nets = measured()
    print(f"\na fixed batch: how many times as fast on {', '.join(map(str, RANKS))} ranks (in brackets along a tree)")
    for name, (t1, n_bytes) in nets.items():
        for link, (a, b) in links.items():
            told = [
                f"{t1 / step(t1, n_bytes, p, a, b):6.2f} ({t1 / step(t1, n_bytes, p, a, b, True):5.2f})" for p in RANKS
            ]
            print(f"  {name:26} {t1 * 1e3:7.2f} ms  {link:13}" + "".join(told))
    print("\na batch that grows with the ranks: the share of the time that is training")
    for name, (t1, n_bytes) in nets.items():
        for link, (a, b) in links.items():
            told = []
            for p in RANKS:
                shares = [t1 / (t1 + step(t1, n_bytes, p, a, b, tree) - t1 / p) for tree in (False, True)]
                told.append(f"{shares[0]:6.2f} ({shares[1]:5.2f})")
            print(f"  {name:26} {link:13}" + "".join(told))


if __name__ == "__main__":
    main()
