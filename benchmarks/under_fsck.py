"""Do advertisements stay on time while fsck runs and both cores compute? In shares of the interval.

python -m benchmarks.under_fsck [--smoke] [--json FILE]
"""

import asyncio
import sys

from benchmarks.advert_under_fsck import measure
from benchmarks.figures import Figure, Scale, main
from hafailover.lab import sandbox

INTERVAL_MS = 100


def run(scale: Scale) -> list[Figure]:
    """Let a takeover run into an fsck that takes long."""
    spans = float(scale.of(60, 3)), float(scale.of(30, 15))
    seen = asyncio.run(measure(INTERVAL_MS, *spans))
    return [
        Figure(
            what=f"advertisement gap at {INTERVAL_MS} ms during fsck, both cores busy, {name}",
            value=seen[name],
            unit="interval",
            goal=goal,
            samples=int(seen["count"]),
            bound="the scheduler; ours runs with real-time priority",
        )
        for name, goal in (("p99", 1.2), ("longest", 1.5))
    ]


if __name__ == "__main__":
    sandbox.enter(["-m", "benchmarks.under_fsck", *sys.argv[1:]])
    main("under_fsck", "Whether advertisements stay on time while fsck runs.", run)
