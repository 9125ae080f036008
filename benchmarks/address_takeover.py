"""How soon is a plain address served again? Master dead, resigning, returning, on a machine that does nothing else.

    python -m benchmarks.address_takeover [--smoke] [--json FILE]

Pairs of keepalived and pairs of hafailover (the agent, with a group without data) do the same at the same time.
"""

from collections.abc import Iterator
from functools import partial

from benchmarks import advert_jitter
from benchmarks.figures import Figure, Scale, all_of, main
from benchmarks.takeover_rows import gaps, moves, takeovers
from benchmarks.vrrp_takeover import measure
from hafailover.vrrp.settings import Version

_SECOND = 1000
_SHORTER = (100, 30, 10)
_WATCHED = 100


def run(scale: Scale) -> Iterator[Figure]:
    """Measure every interval."""
    shorter = _SHORTER[:1] if scale.is_smoke else _SHORTER
    yield from all_of(
        *([] if scale.is_smoke else [_at_a_second]),
        *(partial(_at, interval_ms, scale) for interval_ms in shorter),
        lambda: _idle_gaps(float(scale.of(60, 2))),
    )


def _at_a_second() -> Iterator[Figure]:
    """Yield the figures of both versions; the pairs mostly wait, so that many can do so at once."""
    both = (Version.V3, Version.V2)
    seen = measure(_SECOND, 10, planned=2, versions=both, lanes=2)
    for version in both:
        yield from takeovers(_SECOND, seen[version], f"v{version}")
        yield from moves(_SECOND, seen[version], f"v{version}")


def _at(interval_ms: int, scale: Scale) -> Iterator[Figure]:
    turns = measure(interval_ms, scale.of(10, 1), planned=scale.of(3, 1))[Version.V3]
    yield from takeovers(interval_ms, turns, "v3")
    yield from moves(interval_ms, turns, "v3")


def _idle_gaps(seconds: float) -> Iterator[Figure]:
    with advert_jitter.standing(_WATCHED) as pairs:
        seen = advert_jitter.measure(pairs, _WATCHED, seconds)
    yield from gaps(seen, _WATCHED, seconds, "idle")


if __name__ == "__main__":
    main("address_takeover", "How soon a plain address is served again.", run)
