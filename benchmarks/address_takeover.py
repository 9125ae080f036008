"""How soon is a plain address served again? Master dead, resigning, returning, on a machine that does nothing else.

    python -m benchmarks.address_takeover [--smoke] [--json FILE]

Pairs of keepalived and pairs of hafailover (the agent, with a group without data) do the same at the same time.
"""

from collections.abc import Iterator

from benchmarks import advert_jitter
from benchmarks.figures import Figure, Scale, main
from benchmarks.takeover_rows import gaps, moves, takeovers
from benchmarks.vrrp_takeover import measure
from hafailover.vrrp.settings import Version

_SECOND = 1000
_SHORTER = (100, 30, 10)
_WATCHED = 100


def run(scale: Scale) -> Iterator[Figure]:
    """Measure every interval."""
    if not scale.is_smoke:
        both = (Version.V3, Version.V2)
        seen = measure(_SECOND, 10, planned=2, versions=both, lanes=2)
        for version in both:
            how = f"v{version}"
            yield from takeovers(_SECOND, seen[version], how)
            yield from moves(_SECOND, seen[version], how)
    for interval_ms in _SHORTER[:1] if scale.is_smoke else _SHORTER:
        turns = measure(interval_ms, scale.of(10, 1), planned=scale.of(3, 1))[Version.V3]
        yield from takeovers(interval_ms, turns, "v3")
        yield from moves(interval_ms, turns, "v3")
    with advert_jitter.standing(_WATCHED) as pairs:
        seconds = float(scale.of(60, 2))
        seen_gaps = advert_jitter.measure(pairs, _WATCHED, seconds)
    yield from gaps(seen_gaps, _WATCHED, seconds, "idle")


if __name__ == "__main__":
    main("address_takeover", "How soon a plain address is served again.", run)
