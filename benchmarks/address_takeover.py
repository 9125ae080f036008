"""How soon is a plain address served again? Master dead, resigning, returning; quiet and with busy cores.

    python -m benchmarks.address_takeover [--smoke] [--json FILE]

The figures come from ``vrrp_takeover``: a pair of keepalived and a pair of hafailover take turns.
"""

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.advert_jitter import burn
from benchmarks.advert_jitter import measure as jitter
from benchmarks.figures import Figure, Scale, main, median
from benchmarks.vrrp_takeover import PRIORITY_BACKUP, Turns, measure
from hafailover.vrrp.settings import Version
from tests.interop.nodes import needs

OURS, THEIRS = "hafailover", "keepalived"
_FIRST, _LAST = 1000, 10
CORES = os.cpu_count() or 1


def run(scale: Scale) -> list[Figure]:
    """Measure every interval, quiet and busy."""
    needs("keepalived")
    figures: list[Figure] = []
    for interval_ms in (100,) if scale.is_smoke else (1000, 100, 30, 10):
        turns = measure(interval_ms, scale.of(10, 1), planned=scale.of(3, 1))
        figures += takeovers(interval_ms, turns, "v3") + moves(interval_ms, turns)
    if not scale.is_smoke:
        figures += takeovers(_FIRST, measure(_FIRST, 5, version=Version.V2), "v2")
    with busy():
        figures += takeovers(100, measure(100, scale.of(10, 1)), "v3, both cores busy", 1.1)
    return figures + gaps(float(scale.of(60, 3)), 0) + gaps(float(scale.of(600, 3)), CORES)


def takeovers(interval_ms: int, turns: Turns, how: str, goal: float | None = None) -> list[Figure]:
    """Return the medians of what followed a death."""
    limit_ms = (3 + (256 - PRIORITY_BACKUP) / 256) * interval_ms
    rows = []
    for measure_, words in (
        ("silence_to_announcement", "last advertisement to gratuitous ARP"),
        ("death_to_announcement", "death to gratuitous ARP"),
        ("death_to_answer", "death to first answer"),
    ):
        values = {
            name: [1000 * getattr(each, measure_) for each in seen]
            for name, seen in turns.takeovers.items()
        }
        rows.append(
            Figure(
                what=f"takeover, {words}, {interval_ms} ms, {how}",
                value=median(values[OURS]),
                unit="ms",
                beside=THEIRS,
                other=median(values[THEIRS]),
                goal=goal or (1.2 if interval_ms == _LAST else 1.02),
                goal_is="ratio at most",
                worst=max(values[OURS]),
                samples=len(values[OURS]),
                bound=f"three intervals and the skew, {limit_ms:.1f} ms",
            )
        )
    return rows


def moves(interval_ms: int, turns: Turns) -> list[Figure]:
    """Return the client's longest waits when the Master resigns and when it comes back."""
    rows = []
    for at, words in ((0, "Master resigns"), (1, "Master returns")):
        values = {name: [1000 * each[at] for each in seen] for name, seen in turns.planned.items()}
        rows.append(
            Figure(
                what=f"longest wait of the client, {words}, {interval_ms} ms",
                value=median(values[OURS]),
                unit="ms",
                beside=THEIRS,
                other=median(values[THEIRS]),
                worst=max(values[OURS]),
                samples=len(values[OURS]),
                bound="skew, address change, ARP",
            )
        )
    return rows


def gaps(seconds: float, burners: int) -> list[Figure]:
    """Return how long the intervals get, and how often a backup took over beside a living Master."""
    how = "both cores busy" if burners else "idle"
    seen = jitter(100, seconds, burners)
    rows = [
        Figure(
            what=f"advertisement gap at 100 ms, {how}, {measure_}",
            value=seen[OURS][measure_],
            unit="interval",
            beside=THEIRS,
            other=seen[THEIRS][measure_],
            goal=goal,
            samples=int(seen[OURS]["count"]),
            bound="the scheduler; ours runs with real-time priority",
        )
        for measure_, goal in (("p99", 1.2), ("longest", None))
    ]
    false = Figure(
        what=f"false takeovers in {seconds:.0f} s at 100 ms, {how}",
        value=seen[OURS]["takeovers"],
        unit="",
        beside=THEIRS,
        other=seen[THEIRS]["takeovers"],
        goal=0.0,
        samples=int(seen[OURS]["count"]),
        bound="the scheduler; three intervals and the skew",
    )
    return [*rows, false]


@contextmanager
def busy() -> Iterator[None]:
    """Keep all cores computing."""
    context = multiprocessing.get_context("fork")
    burners = [context.Process(target=burn, daemon=True) for _ in range(CORES)]
    for process in burners:
        process.start()
    try:
        yield
    finally:
        for process in burners:
            process.kill()
            process.join()


if __name__ == "__main__":
    main("address_takeover", "How soon a plain address is served again.", run)
