"""What can be done to the pair in one run, as values that are drawn from a seed; ``striking`` lets them happen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from hafailover.group.settings import ArbiterKind
from hafailover.override import override
from hafailover.sim import pair
from hafailover.sim.network import LAN, NETWORKS
from hafailover.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from random import Random

SPAN_MAX = 15 * SECOND
"""No fault that is drawn lasts longer; two of three are over within a fifth of it."""
_SPANS = (SPAN_MAX, SPAN_MAX // 5, SPAN_MAX // 5)
_WAITS = (250 * MILLISECOND, 250 * MILLISECOND, SECOND, 6 * SECOND)
"""Some come close upon each other, since that is where systems break."""
_CHOICES = 1000


class FaultKind(Enum):
    """What can happen to the pair; the value is the word in a story."""

    POWER = "loses power for a while"
    AGENT = "has its agent killed"
    FREEZE = "stands still for a while"
    REPLICATION = "the replication cable is cut for a while"
    LAN_PORT = "loses its LAN cable for a while"
    ONE_WAY = "is not heard on one network for a while"
    RECORDS = "cannot write its records for a while"
    LOSSY = "loses a third of its packets on one network for a while"
    STOP = "has its agent stopped in order, and started again later"
    BOTH = "and its peer lose power for a while"
    SWITCHOVER = "an operator asks for a switchover"
    SLOW = "has its packets on one network come late, out of order and twice for a while"
    DISK_ERRORS = "has a disk that answers with errors for a while"
    DISK_HANGS = "has a disk that answers nothing for a while"
    BLIND = "cannot read its GEOM tree for a while"
    BUSY = "has a command that does nothing some times, whatever it says"
    SURVIVOR = "has a ggated that outlives its signals for a while"
    RESTART = "has its agent restarted in place"
    PAUSE = "is told by an operator to change no role for a while"
    ORDER = "is given an order at a wrong time"
    HAND = "has a storage command typed by hand"
    ETCD_DOWN = "etcd has no majority for a while"
    ETCD_PORT = "does not reach etcd for a while"
    ETCD_LOSSY = "a third of what is said to etcd, or by it, is lost or late for a while"
    FENCE_DOWN = "the fence device does not work for a while"
    JUMP = "has its clock jump forward"
    FORCE = "has an operator force its copy"
    LAN = "does not reach its peer on the LAN for a while, but everybody else"
    SERVICES = "has services that take long, or do not start, for a while"
    FSCK = "has checks of its file systems that take long for a while"
    ADDRESSES = "does not let its addresses go, or does not get them, for a while"
    USERS = "has users of its volumes that cannot be ended for a while"
    LAPSE = "or its peer, whoever serves, is heard by nobody for a while and loses its agent for good as its grant ends"


_EVERYWHERE = tuple(FaultKind)[: tuple(FaultKind).index(FaultKind.ETCD_DOWN)]
KINDS = {
    ArbiterKind.ETCD: (
        *_EVERYWHERE,
        FaultKind.ETCD_DOWN,
        FaultKind.ETCD_PORT,
        FaultKind.ETCD_LOSSY,
    ),
    ArbiterKind.FENCE: (*_EVERYWHERE, FaultKind.FENCE_DOWN),
    ArbiterKind.PING: _EVERYWHERE,
    ArbiterKind.NONE: _EVERYWHERE,
}
"""What is drawn for a pair with each arbiter; the kinds that are left strike in stories only (``stories``)."""
_OF_ONE_NETWORK = (FaultKind.ONE_WAY, FaultKind.LOSSY, FaultKind.SLOW)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: ``wait_ns`` after the one before, lasting ``span_ns``. ``choice``: which of several of its kind."""

    kind: FaultKind
    node: str = "A"
    network: str = LAN
    span_ns: int = SECOND
    wait_ns: int = 0
    choice: int = 0

    @override
    def __str__(self) -> str:
        """Say it as a line of a story."""
        where = f"{self.network}, " if self.kind in _OF_ONE_NETWORK else ""
        return (
            f"after {self.wait_ns / SECOND:.2f} s: {self.node} {self.kind.value}"
            f" ({where}{self.span_ns / SECOND:.2f} s)"
        )


def draw(dice: Random, count: int, arbiter: ArbiterKind) -> tuple[Fault, ...]:
    """Draw ``count`` faults, each by itself."""
    return draw_of(KINDS[arbiter], dice, count)


def draw_of(
    kinds: tuple[FaultKind, ...], dice: Random, count: int, *, stretch: int = 1
) -> tuple[Fault, ...]:
    """Draw ``count`` faults of some kinds, each by itself; they last ``stretch`` times as long as others."""
    return tuple(
        Fault(
            kind=dice.choice(kinds),
            node=dice.choice(pair.NODES),
            network=dice.choice(NETWORKS),
            span_ns=stretch * dice.randrange(200, dice.choice(_SPANS) // MILLISECOND) * MILLISECOND,
            wait_ns=dice.randrange(dice.choice(_WAITS) // MILLISECOND) * MILLISECOND,
            choice=dice.randrange(_CHOICES),
        )
        for _ in range(count)
    )
