"""What is true, seen from outside: who has the volume mounted, and who has the floating address?

The observer asks no agent and no tool of a node. It reads the kernel's own tables of each node's
first process: mounts, and the addresses of its network.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PERIOD_S: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen from one moment on, until the next sight."""

    at_ns: int
    powered: frozenset[str]
    """Nodes that have power."""
    mounted: frozenset[str]
    """Nodes with the volume mounted."""
    addressed: frozenset[str]
    """Nodes with the floating address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the invariants S1 and S6 say of a span, in milliseconds."""

    both_mounted_ms: int
    both_addressed_ms: int
    address_without_mount_ms: int


class Observer:
    """Looks every 10 ms and remembers every change."""

    def __init__(
        self,
        pids: Callable[[], dict[str, int]],
        mount_point: Path,
        address: str,
    ) -> None:
        """Watch the nodes of which ``pids`` tells the first process; off means none."""
        self._pids = pids
        self._mount_mark = f" {mount_point} "
        self._address = re.compile(rf"\|-- {re.escape(address)}\n\s+/32 host LOCAL")
        self.sights: list[Sight] = []

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(PERIOD_S)

    def look(self) -> Sight:
        """Look now; a sight like the last one is not kept."""
        now = time.monotonic_ns()
        mounted, addressed = set(), set()
        pids = self._pids()
        for name, pid in pids.items():
            # The address on both sides of the look at the mounts: a demotion takes it down first,
            # and a look that falls between the two must not accuse it.
            has_address = self._has_address(pid)
            if self._has_mount(pid):
                mounted.add(name)
            if has_address and self._has_address(pid):
                addressed.add(name)
        sight = Sight(
            at_ns=now,
            powered=frozenset(pids),
            mounted=frozenset(mounted),
            addressed=frozenset(addressed),
        )
        if not self.sights or replace(self.sights[-1], at_ns=now) != sight:
            self.sights.append(sight)
        return self.sights[-1]

    def _has_mount(self, pid: int) -> bool:
        return self._mount_mark in _table(pid, "mountinfo")

    def _has_address(self, pid: int) -> bool:
        return self._address.search(_table(pid, "net/fib_trie")) is not None


def _table(pid: int, name: str) -> str:
    """Return a table of the kernel; empty once the node is gone."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def judge(sights: Sequence[Sight], end_ns: int) -> Verdict:
    """Add up for how long the invariants were broken until ``end_ns``."""
    both_mounted = both_addressed = bare = 0
    for sight, end in zip(sights, [s.at_ns for s in sights[1:]] + [end_ns], strict=True):
        span = max(0, end - sight.at_ns)
        both_mounted += span * (len(sight.mounted) > 1)
        both_addressed += span * (len(sight.addressed) > 1)
        bare += span * bool(sight.addressed - sight.mounted)
    return Verdict(
        both_mounted_ms=round(both_mounted / 1e6),
        both_addressed_ms=round(both_addressed / 1e6),
        address_without_mount_ms=round(bare / 1e6),
    )
