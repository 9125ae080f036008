"""The rows of the page that compare ours with keepalived."""

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.figures import Figure, median
from benchmarks.vrrp_takeover import PRIORITY_BACKUP, Turns

OURS, THEIRS = "hafailover", "keepalived"
_SHORTEST_MS = 10
SCHEDULER = "the scheduler; ours runs with real-time priority, keepalived as it comes"


def takeovers(
    interval_ms: int, turns: dict[str, Turns], how: str, goal: float | None = None
) -> Iterator[Figure]:
    """Yield the medians of what followed a death."""
    limit_ms = (3 + (256 - PRIORITY_BACKUP) / 256) * interval_ms
    for measure, words in (
        ("silence_to_announcement", "last advertisement to gratuitous ARP"),
        ("death_to_announcement", "death to gratuitous ARP"),
        ("death_to_answer", "death to first answer"),
        ("longest_gap", "longest wait of the client"),
    ):
        yield _beside(
            f"takeover, {words}, {interval_ms} ms, {how}",
            [getattr(each, measure) for each in turns[OURS].takeovers],
            [getattr(each, measure) for each in turns[THEIRS].takeovers],
            goal=goal or (1.2 if interval_ms == _SHORTEST_MS else 1.02),
            bound=f"three intervals and the skew, {limit_ms:.1f} ms",
        )


def moves(interval_ms: int, turns: dict[str, Turns], how: str) -> Iterator[Figure]:
    """Yield what the client saw when the Master resigned and when it came back."""
    for kind, words, order, bound in (
        ("resigned", "Master resigns", "order", "the skew, the change of the address, ARP"),
        (
            "returned",
            "Master returns",
            "its start",
            "the program's start, three intervals and the skew",
        ),
    ):
        seen = {name: getattr(turns[name], kind) for name in turns}
        yield _beside(
            f"{words}, {order} to gratuitous ARP, {interval_ms} ms, {how}",
            [each.order_to_announcement for each in seen[OURS]],
            [each.order_to_announcement for each in seen[THEIRS]],
            bound=bound,
        )
        yield _beside(
            f"{words}, longest wait of the client, {interval_ms} ms, {how}",
            [each.longest_gap for each in seen[OURS]],
            [each.longest_gap for each in seen[THEIRS]],
            bound="the skew, the change of the address, ARP",
        )


def _beside(
    what: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    goal: float | None = None,
    bound: str,
) -> Figure:
    return Figure(
        what=what,
        value=1000 * median(ours),
        unit="ms",
        beside=THEIRS,
        other=1000 * median(theirs),
        goal=goal,
        goal_is="ratio at most",
        worst=1000 * max(ours),
        samples=len(ours),
        bound=bound,
    )


def gaps(
    seen: dict[str, dict[str, float]], interval_ms: int, seconds: float, how: str
) -> Iterable[Figure]:
    """Yield how long the intervals got, and how often a backup took over beside a living Master."""
    yield from spread(seen[OURS], interval_ms, how, seen[THEIRS])
    yield Figure(
        what=f"false takeovers in {seconds:.0f} s at {interval_ms} ms, {how}",
        value=seen[OURS]["takeovers"],
        unit="",
        beside=THEIRS,
        other=seen[THEIRS]["takeovers"],
        goal=0.0,
        samples=int(seen[OURS]["count"]),
        bound="the scheduler; three intervals and the skew",
    )


def spread(
    ours: dict[str, float], interval_ms: int, how: str, theirs: dict[str, float] | None = None
) -> Iterator[Figure]:
    """Yield how long the intervals between advertisements got, in shares of the configured one."""
    for measure, goal in (("p50", None), ("p99", 1.2), ("longest", None)):
        yield Figure(
            what=f"advertisement gap at {interval_ms} ms, {how}, {measure}",
            value=ours[measure],
            unit="interval",
            beside="" if theirs is None else THEIRS,
            other=None if theirs is None else theirs[measure],
            goal=goal,
            samples=int(ours["count"]),
            bound=SCHEDULER,
        )
