"""What happened in a run, in the order in which it happened?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hafailover.lab.client import Answered
    from hafailover.lab.observer import Sight

LONG_SILENCE_NS = 200_000_000
"""A silence of the service that is worth a line: ten questions of the client."""


def sighted(sights: Sequence[Sight], first: int = 0) -> Iterator[tuple[int, str]]:
    """Return what changed from sight to sight, from the one at ``first`` on, with its moment."""
    before = sights[first - 1] if first else None
    mounted = before.mounted if before else frozenset()
    addressed = before.addressed if before else frozenset()
    for sight in sights[first:]:
        for node in sorted(mounted - sight.mounted):
            yield sight.at_ns, f"{node} no longer has the volume mounted"
        for node in sorted(addressed - sight.addressed):
            yield sight.at_ns, f"{node} no longer has the floating address"
        for node in sorted(sight.mounted - mounted):
            yield sight.at_ns, f"{node} has the volume mounted"
        for node in sorted(sight.addressed - addressed):
            yield sight.at_ns, f"{node} has the floating address"
        mounted, addressed = sight.mounted, sight.addressed


def answered(answers: Sequence[Answered]) -> Iterator[tuple[int, str]]:
    """Return when answers began to come from another node, or again after a silence."""
    last: Answered | None = None
    for answer in answers:
        if last is None or answer.node != last.node or answer.mac != last.mac:
            yield answer.at_ns, f"the client is answered by {answer.node} ({answer.mac})"
        elif answer.at_ns - last.at_ns > LONG_SILENCE_NS:
            silence = (answer.at_ns - last.at_ns) / 1e6
            yield answer.at_ns, f"the client is answered again, after {silence:.0f} ms"
        last = answer
