"""What keeps its time while both cores are busy for ten minutes?

    python -m benchmarks.under_load [--smoke] [--json FILE]

All the time a pair of keepalived and a pair of hafailover advertise every 100 ms beside as many computing processes
as there are cores. Meanwhile other pairs lose their Masters, and then a pair with data in the lab takes over with an
fsck that takes a minute, and rebuilds the copy that comes back.
"""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from benchmarks import advert_jitter
from benchmarks.figures import Figure, Scale, all_of, main
from benchmarks.takeover_rows import gaps, spread, takeovers
from benchmarks.vrrp_takeover import measure
from hafailover.lab import sandbox
from hafailover.vrrp.settings import Version

INTERVAL_MS = 100
_LAB_LIMIT_S = 480.0


def run(scale: Scale) -> Iterator[Figure]:
    """Watch, and let things happen meanwhile."""
    seconds = float(scale.of(600, 5))
    # The pairs stand before the machine is busy.
    with (
        ThreadPoolExecutor(1) as pool,
        advert_jitter.standing(INTERVAL_MS) as pairs,
        advert_jitter.busy(),
    ):
        watching = pool.submit(advert_jitter.measure, pairs, INTERVAL_MS, seconds)
        # Whatever happens to the others, the ten minutes are not lost.
        yield from all_of(
            lambda: _takeovers(scale),
            lambda: _in_the_lab(scale),
            lambda: gaps(watching.result(), INTERVAL_MS, seconds, "both cores busy"),
        )


def _takeovers(scale: Scale) -> Iterator[Figure]:
    turns = measure(INTERVAL_MS, scale.of(10, 1))[Version.V3]
    yield from takeovers(INTERVAL_MS, turns, "v3, both cores busy", 1.1)


def _in_the_lab(scale: Scale) -> Iterator[Figure]:
    """Yield the intervals of a pair with data, in namespaces of its own."""
    fsck_s, megabytes = scale.of(60, 3), scale.of(256, 16)
    words = ("-m", "benchmarks.lab_under_load", str(INTERVAL_MS), str(fsck_s), str(megabytes))
    done = subprocess.run(
        sandbox.command(words), stdout=subprocess.PIPE, check=True, timeout=_LAB_LIMIT_S
    )
    for how, seen in json.loads(done.stdout).items():
        yield from spread(seen, INTERVAL_MS, f"{how}, both cores busy")


if __name__ == "__main__":
    main("under_load", "What keeps its time while both cores are busy.", run)
