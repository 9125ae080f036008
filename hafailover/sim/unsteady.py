"""The role changes hands, or an agent begins anew, while disks of both nodes fail within the same seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hafailover.sim import pair
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.network import NETWORKS
from hafailover.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from random import Random

FIRST_SEED = 50_000_000
"""From this seed on a run strikes what a change of roles has to find out: what the kernel made of disks that fail."""
_TURNS = (
    FaultKind.SWITCHOVER,
    FaultKind.STOP,
    FaultKind.STOP,
    FaultKind.RESTART,
    FaultKind.AGENT,
)
_PEER = (
    *(FaultKind.REPLICATION, FaultKind.POWER, FaultKind.FREEZE, FaultKind.STOP, FaultKind.AGENT),
    *(FaultKind.DISK_HANGS, FaultKind.DISK_ERRORS),
)
_OWN = (FaultKind.DISK_ERRORS, FaultKind.DISK_ERRORS, FaultKind.DISK_HANGS, FaultKind.BLIND)
_MORE = (
    *(FaultKind.DISK_ERRORS, FaultKind.BLIND, FaultKind.RECORDS),
    *(FaultKind.RESTART, FaultKind.AGENT, FaultKind.POWER),
)
_SLOW = (FaultKind.USERS, FaultKind.SERVICES, FaultKind.SURVIVOR)
_CHOICES = 1000
"""What a fault may choose from by itself (``Fault.choice``)."""


@dataclass(frozen=True, slots=True)
class _Event:
    at_ns: int
    kinds: tuple[FaultKind, ...]
    node: str
    spans_s: tuple[float, ...]


def draw(dice: Random) -> tuple[Fault, ...]:
    """Draw what changes the roles, and what strikes the disks of both nodes around that."""
    own, peer = pair.NODES if dice.random() < 3 / 4 else pair.NODES[::-1]
    at = _moment(dice, 0.2, 1.5)
    events = [
        _Event(at, _TURNS, own, (0.5, 2, 8)),
        _Event(at + _moment(dice, -0.8, 2.5), _PEER, peer, (0.8, 4, 12)),
        _Event(at + _moment(dice, -0.3, 4), _OWN, own, (0.3, 2, 10)),
    ]
    if dice.random() < 1 / 3:
        events.append(_Event(at - _moment(dice, 0, 0.2), _SLOW, own, (3, 10)))
    if dice.random() < 1 / 3:
        events.append(
            _Event(at + _moment(dice, -0.3, 4), _MORE, dice.choice(pair.NODES), (0.3, 2, 10))
        )
    return _one_upon_the_other(dice, events)


def _moment(dice: Random, earliest_s: float, latest_s: float) -> int:
    return int(dice.uniform(earliest_s, latest_s) * 1000) * MILLISECOND


def _one_upon_the_other(dice: Random, events: list[_Event]) -> tuple[Fault, ...]:
    struck, before = [], 0
    for event in sorted(events, key=lambda each: each.at_ns):
        at = max(event.at_ns, before)
        struck.append(
            Fault(
                kind=dice.choice(event.kinds),
                node=event.node,
                network=dice.choice(NETWORKS),
                span_ns=int(dice.choice(event.spans_s) * dice.uniform(0.7, 1.3) * SECOND),
                wait_ns=at - before,
                choice=dice.randrange(_CHOICES),
            )
        )
        before = at
    return tuple(struck)
