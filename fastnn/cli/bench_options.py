"""Options of ``fastnn bench``."""

from __future__ import annotations

import argparse

from fastnn.cli.values import whole


def bench_options(p: argparse.ArgumentParser) -> None:
    """Add them, and the model."""
    p.add_argument("model", metavar="MODEL", nargs="?", help="default: a small network of random weights")
    p.add_argument("--batch", type=whole(low=1), default=32, metavar="N", help="rows of an update, default 32")
    p.add_argument("--rows", type=whole(low=1), default=1, metavar="N", help="rows of a prediction, default 1")
    p.add_argument("--length", type=whole(low=1), metavar="N", help="of sequences that may have any")
    p.add_argument("--phases", action="store_true", help="say where the time of an update goes")
    p.add_argument(
        "--thread-time", action="store_true", help="phases: do not count while other programs have the processor"
    )
    p.add_argument("--json", metavar="FILE", help="write all figures there, too")
