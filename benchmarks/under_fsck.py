"""Do advertisements stay on time during a fsck with busy cores, and during a rebuild? In shares of the interval.

python -m benchmarks.under_fsck [--smoke] [--json FILE]
"""

import asyncio
import sys

from benchmarks import advert_under_fsck, advert_under_rebuild
from benchmarks.figures import Figure, Scale, main
from hafailover.lab import sandbox

INTERVAL_MS = 100


def run(scale: Scale) -> list[Figure]:
    """Let a takeover run into an fsck that takes long."""
    spans = float(scale.of(60, 3)), float(scale.of(30, 15))
    fsck = asyncio.run(advert_under_fsck.measure(INTERVAL_MS, *spans))
    rebuild = asyncio.run(
        advert_under_rebuild.measure(INTERVAL_MS, scale.of(256, 16), float(scale.of(60, 30)))
    )
    return [
        Figure(
            what=f"advertisement gap at {INTERVAL_MS} ms {how}, {name}",
            value=seen[name],
            unit="interval",
            goal=goal,
            samples=int(seen["count"]),
            bound="the scheduler; ours runs with real-time priority",
        )
        for how, seen in (("during fsck, both cores busy", fsck), ("during a rebuild", rebuild))
        for name, goal in (("p99", 1.2), ("longest", 1.5))
    ]


if __name__ == "__main__":
    sandbox.enter(["-m", "benchmarks.under_fsck", *sys.argv[1:]])
    main(
        "under_fsck",
        "Whether advertisements stay on time while a file system is checked or a copy rebuilt.",
        run,
    )
