"""Which faults belong together? Short stories, in which one fault strikes while the agents still deal with another.

Faults that are drawn one by one seldom meet at the moment at which a system breaks: a handover under a cut, a return
during a rebuild, power lost right after a copy was let go. Each story here is such a meeting; its times are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hafailover.sim import faults, pair
from hafailover.sim.faults import KINDS, Fault
from hafailover.sim.faults import FaultKind as Kind
from hafailover.sim.network import NETWORKS
from hafailover.units import MILLISECOND

if TYPE_CHECKING:
    from random import Random

    from hafailover.group.settings import ArbiterKind

FIRST_SEED = 1_000_000
"""From this seed on a run is a story; below it each fault is drawn by itself."""
_CHOICES = 1000
_MORE = 1 / 4
"""So many stories have one more fault in them that has nothing to do with them."""
_TURNED = 1 / 6
"""So many strike the two nodes the other way round."""
PRIMARY, SECONDARY = pair.NODES
_PORTS = (Kind.LAN_PORT, Kind.ETCD_PORT)
_ONLY_HERE = (Kind.JUMP, Kind.FORCE, Kind.LAN)
_SHARP = (Kind.POWER, Kind.AGENT, Kind.RESTART, Kind.STOP)


@dataclass(frozen=True, slots=True)
class Beat:
    """One fault of a story: of one of these kinds, so long after the beat before, for so long (seconds, from - to).

    Attributes:
        node: The node that it strikes if the story is not turned round; empty: either.
    """

    kinds: tuple[Kind, ...]
    node: str = PRIMARY
    wait: tuple[float, float] = (0.1, 2)
    span: tuple[float, float] = (2, 15)


def _beat(*kinds: Kind, node: str = PRIMARY, **times: tuple[float, float]) -> Beat:
    return Beat(kinds, node=node, **times)


_NOW = (0.0, 0.3)
_SOON = (0.0, 1.2)
_HANDOVER = _beat(Kind.SWITCHOVER, wait=_SOON, span=(1, 1))
_PARTED = (
    _beat(Kind.REPLICATION, span=(8, 40)),
    _beat(Kind.LAN_PORT, wait=(0, 3), span=(8, 40)),
)
STORIES: dict[str, tuple[Beat, ...]] = {
    "handover under a cut": (
        _HANDOVER,
        _beat(Kind.REPLICATION, Kind.LAN_PORT, Kind.ONE_WAY, Kind.LOSSY, node="", wait=(0, 0.6)),
    ),
    "handover of a cut pair": (
        _beat(Kind.REPLICATION, Kind.ONE_WAY, Kind.SLOW, Kind.LOSSY, node="", span=(1, 6)),
        _HANDOVER,
    ),
    "handover, and the nodes fail in turn": (
        _HANDOVER,
        _beat(*_SHARP, node="", wait=(0, 0.8)),
        _beat(*_SHARP, node="", wait=(0, 3)),
    ),
    "handover to a node with a stuck ggated": (
        _beat(Kind.SURVIVOR, node=SECONDARY, span=(4, 12)),
        _HANDOVER,
    ),
    "takeover beside a stuck ggated": (
        _beat(Kind.SURVIVOR, node=SECONDARY, span=(6, 20)),
        _beat(Kind.POWER, wait=_SOON, span=(6, 20)),
    ),
    "handover with a command that does nothing": (
        _beat(Kind.BUSY, node="", span=(4, 12)),
        _HANDOVER,
    ),
    "takeover with something amiss": (
        _beat(Kind.BUSY, Kind.BLIND, Kind.RECORDS, node=SECONDARY, span=(2, 12)),
        _beat(Kind.POWER, wait=_NOW, span=(8, 20)),
    ),
    "power lost during a rebuild": (
        _beat(Kind.POWER, node=SECONDARY, span=(1, 4)),
        _beat(Kind.POWER, Kind.FREEZE, Kind.REPLICATION, wait=(3, 8), span=(5, 25)),
    ),
    "agent killed during a rebuild": (
        _beat(Kind.POWER, node=SECONDARY, span=(1, 4)),
        _beat(Kind.AGENT, Kind.STOP, Kind.RESTART, node="", wait=(3, 8), span=(2, 8)),
        _beat(Kind.POWER, wait=_SOON, span=(5, 15)),
    ),
    "parted for long": _PARTED,
    "parted, but for everybody else": (
        _beat(Kind.REPLICATION, span=(8, 40)),
        _beat(Kind.LAN, wait=(0, 3), span=(8, 40)),
        _beat(Kind.POWER, Kind.AGENT, Kind.FREEZE, node="", wait=(0, 10), span=(2, 15)),
    ),
    "parted, and the grant is wanted": (
        *_PARTED,
        _beat(Kind.ETCD_DOWN, Kind.ETCD_PORT, Kind.FENCE_DOWN, node="", wait=(0, 6)),
    ),
    "cut off from everybody": (
        _beat(Kind.REPLICATION, span=(8, 25)),
        _beat(*_PORTS, node="", wait=_SOON, span=(8, 25)),
    ),
    "power lost behind a cut": (
        _beat(Kind.REPLICATION, span=(6, 25)),
        _beat(Kind.POWER, wait=(1, 6), span=(8, 20)),
    ),
    "both in turn": (
        _beat(Kind.POWER, node=SECONDARY, span=(10, 25)),
        _beat(Kind.POWER, wait=(2, 9), span=(10, 35)),
    ),
    "power lost as a copy is let go": (
        _beat(Kind.POWER, Kind.REPLICATION, Kind.STOP, node=SECONDARY, span=(5, 12)),
        _beat(Kind.POWER, wait=(0.8, 2), span=(3, 15)),
    ),
    "agent killed as a copy is let go": (
        _beat(Kind.POWER, Kind.REPLICATION, node=SECONDARY, span=(3, 10)),
        _beat(Kind.AGENT, wait=(0.8, 2)),
        _beat(Kind.AGENT, Kind.POWER, wait=_SOON, span=(5, 15)),
    ),
    "agent killed between record and act": (
        _HANDOVER,
        _beat(Kind.AGENT, node="", wait=(0, 0.6)),
        _beat(Kind.AGENT, node="", wait=(0, 1.5)),
    ),
    "own disk lost, and then the node": (
        _beat(Kind.DISK_ERRORS, Kind.DISK_HANGS, span=(4, 12)),
        _beat(*_SHARP, Kind.SWITCHOVER, Kind.REPLICATION, wait=(0, 3), span=(2, 15)),
    ),
    "peer's disk lost, and then the primary": (
        _beat(Kind.DISK_ERRORS, Kind.DISK_HANGS, node=SECONDARY, span=(4, 12)),
        _beat(*_SHARP, wait=(0.2, 5), span=(5, 15)),
    ),
    "stood still": (
        _beat(Kind.FREEZE, span=(3, 25)),
        _beat(Kind.REPLICATION, Kind.LAN_PORT, Kind.SWITCHOVER, Kind.AGENT, node="", wait=(0, 5)),
    ),
    "handed over while it stood still": (
        _HANDOVER,
        _beat(Kind.FREEZE, node="", wait=(0, 0.8), span=(2, 20)),
    ),
    "clock jumps": (
        _beat(Kind.JUMP, node="", span=(0.3, 40)),
        _beat(Kind.REPLICATION, Kind.SWITCHOVER, Kind.POWER, Kind.JUMP, node="", wait=_SOON),
    ),
    "records not taken": (
        _beat(Kind.RECORDS, node="", span=(3, 12)),
        _beat(Kind.POWER, Kind.SWITCHOVER, Kind.REPLICATION, Kind.STOP, node="", wait=_SOON),
        _beat(Kind.AGENT, node="", wait=(0, 3)),
    ),
    "stopped in order": (
        _beat(Kind.STOP, node="", span=(4, 15)),
        _beat(Kind.STOP, Kind.POWER, Kind.AGENT, node="", wait=(0, 3), span=(2, 15)),
    ),
    "both lose power": (
        _beat(Kind.REPLICATION, Kind.POWER, Kind.SWITCHOVER, node=SECONDARY, span=(3, 10)),
        _beat(Kind.BOTH, node="", wait=(0, 4), span=(2, 15)),
    ),
    "paused by an operator": (
        _beat(Kind.PAUSE, node="", span=(5, 15)),
        _beat(Kind.POWER, Kind.REPLICATION, Kind.SWITCHOVER, node="", wait=_SOON),
    ),
    "forced by an operator": (
        _beat(Kind.REPLICATION, Kind.POWER, node=SECONDARY, span=(4, 10)),
        _beat(Kind.POWER, wait=(1, 9), span=(15, 30)),
        _beat(Kind.FORCE, node=SECONDARY, wait=(2, 12)),
    ),
    "forced against a live peer": (
        _beat(Kind.REPLICATION, Kind.LAN_PORT, Kind.FREEZE, span=(4, 12)),
        _beat(Kind.FORCE, node="", wait=(0, 6)),
    ),
    "typed by hand": (
        _beat(Kind.HAND, node="", span=(1, 1)),
        _beat(Kind.AGENT, Kind.RESTART, node="", wait=_NOW),
    ),
    "mount left behind by an agent": (
        _beat(Kind.AGENT, span=(1, 1)),
        _beat(Kind.BLIND, Kind.REPLICATION, Kind.LAN_PORT, wait=_NOW),
    ),
    "answers of etcd get lost": (
        _beat(Kind.ETCD_LOSSY, span=(6, 20)),
        _beat(Kind.SWITCHOVER, Kind.POWER, Kind.REPLICATION, node="", wait=_SOON),
        _beat(Kind.POWER, Kind.AGENT, Kind.REPLICATION, node="", wait=(0, 6)),
    ),
    "etcd lost, then the peer": (
        _beat(Kind.ETCD_DOWN, Kind.ETCD_PORT, span=(10, 40)),
        _beat(Kind.POWER, Kind.REPLICATION, Kind.LAN_PORT, node="", wait=(1, 12), span=(4, 20)),
    ),
    "etcd lost, promised by the peer": (
        _beat(Kind.ETCD_PORT, span=(15, 40)),
        _beat(Kind.LAN_PORT, Kind.REPLICATION, wait=(5, 14), span=(10, 25)),
        _beat(Kind.REPLICATION, Kind.AGENT, node=SECONDARY, wait=_NOW, span=(10, 25)),
    ),
    "fence device lost, then the peer": (
        _beat(Kind.FENCE_DOWN, span=(6, 30)),
        _beat(Kind.POWER, Kind.REPLICATION, Kind.LAN_PORT, node="", wait=(0, 4), span=(6, 25)),
    ),
}
"""Every story by its name. A beat that an arbiter does not know leaves its story out for that arbiter."""


def draw(dice: Random, arbiter: ArbiterKind) -> tuple[Fault, ...]:
    """Draw one story: at most as many faults as any run has, and one more."""
    names = [
        name for name, beats in STORIES.items() if all(_kinds(each, arbiter) for each in beats)
    ]
    beats = STORIES[dice.choice(names)]
    is_turned = dice.random() < _TURNED
    told = tuple(_fault(dice, each, arbiter, is_turned=is_turned) for each in beats)
    return told + (faults.draw(dice, 1, arbiter) if dice.random() < _MORE else ())


def _kinds(beat: Beat, arbiter: ArbiterKind) -> tuple[Kind, ...]:
    known = (*KINDS[arbiter], *_ONLY_HERE)
    return tuple(kind for kind in beat.kinds if kind in known)


def _fault(dice: Random, beat: Beat, arbiter: ArbiterKind, *, is_turned: bool) -> Fault:
    node = beat.node or dice.choice(pair.NODES)
    if beat.node and is_turned:
        node = pair.NODES[1 - pair.NODES.index(node)]
    return Fault(
        kind=dice.choice(_kinds(beat, arbiter)),
        node=node,
        network=dice.choice(NETWORKS),
        span_ns=_within(dice, beat.span),
        wait_ns=_within(dice, beat.wait),
        choice=dice.randrange(_CHOICES),
    )


def _within(dice: Random, limits: tuple[float, float]) -> int:
    return int(dice.uniform(*limits) * 1000) * MILLISECOND
