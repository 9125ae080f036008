"""What does not do as it is told, or takes its time: services, a long fsck, addresses and users that stay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hafailover.emulation.faults import EVERY_TIME
from hafailover.emulation.faults import Fault as CommandFault
from hafailover.emulation.faults import FaultKind as CommandFaultKind
from hafailover.sim import faults, pair
from hafailover.sim.faults import Fault, FaultKind
from hafailover.units import SECOND

if TYPE_CHECKING:
    from random import Random

    from hafailover.group.settings import ArbiterKind
    from hafailover.sim.host import Host

FIRST_SEED = 40_000_000
"""From this seed on a run strikes what the other ones leave obedient."""
_KINDS = (FaultKind.SERVICES, FaultKind.FSCK, FaultKind.ADDRESSES, FaultKind.USERS)
_SHARP = (
    *(
        FaultKind.POWER,
        FaultKind.AGENT,
        FaultKind.FREEZE,
        FaultKind.REPLICATION,
        FaultKind.LAN_PORT,
    ),
    *(FaultKind.STOP, FaultKind.RESTART, FaultKind.SWITCHOVER, FaultKind.SWITCHOVER),
    *(FaultKind.DISK_HANGS, FaultKind.DISK_ERRORS, FaultKind.RECORDS, FaultKind.BLIND),
)
"""What makes a node promote or demote, and so meet what does not do as it is told."""
_SERVICE_NS_MAX = 25 * SECOND
"""Less than any service may take for its start or its end."""
_LONG = 4
"""What is stubborn lasts so many times as long as other faults: else it would seldom be met."""


@dataclass(slots=True)
class Stubbornness:
    """What of a host does not do as it is told now; each is as usual at first.

    Attributes:
        service_ns: How long its services take for a command; None: as long as everywhere.
        has_no_start: Whether the start of its services fails.
        has_no_stop: Whether the end of its services fails: they go on.
        keeps_addresses: Whether its virtual addresses cannot be taken away.
        gets_no_addresses: Whether its virtual addresses cannot be put up.
        keeps_users: Whether the users of its volumes live on, whatever is done.
        ended_at: When all of this was over last (the world's time).
    """

    service_ns: int | None = None
    has_no_start: bool = False
    has_no_stop: bool = False
    keeps_addresses: bool = False
    gets_no_addresses: bool = False
    keeps_users: bool = False
    ended_at: int | None = None

    def end(self, now: int) -> None:
        """Do as one is told from now on."""
        if self.keeps_addresses:
            self.ended_at = now
        self.service_ns = None
        self.has_no_start = self.has_no_stop = self.keeps_users = False
        self.keeps_addresses = self.gets_no_addresses = False


def draw(dice: Random, arbiter: ArbiterKind) -> tuple[Fault, ...]:
    """Draw one or two parts that are stubborn for long, on both nodes, and what strikes meanwhile."""
    stubborn = faults.draw_of(_KINDS, dice, dice.choice((1, 1, 2)), stretch=_LONG)
    everywhere = (replace(fault, node=node, wait_ns=0) for fault in stubborn for node in pair.NODES)
    sharp = faults.draw_of(_SHARP, dice, dice.choice((1, 2, 3)))
    more = faults.draw(dice, 1, arbiter) if dice.random() < 1 / 4 else ()
    return (*everywhere, *sharp, *more)


def spoil(host: Host, fault: Fault) -> None:
    """Let a part of a host be stubborn, until it is repaired."""
    stubbornness, is_other = host.stubbornness, bool(fault.choice % 2)
    match fault.kind:
        case FaultKind.SERVICES if is_other:
            stubbornness.has_no_start = fault.choice % 4 == 1
            stubbornness.has_no_stop = fault.choice % 4 == 3
        case FaultKind.SERVICES:
            stubbornness.service_ns = min(fault.span_ns, _SERVICE_NS_MAX)
        case FaultKind.ADDRESSES if is_other:
            stubbornness.gets_no_addresses = True
        case FaultKind.ADDRESSES:
            stubbornness.keeps_addresses = True
        case FaultKind.USERS:
            stubbornness.keeps_users = True
        case _:
            _slow_down(host, fault.span_ns)


def _slow_down(host: Host, span_ns: int) -> None:
    if host.kernel is not None:
        host.kernel.add_fault(
            CommandFault(
                program="fsck_ffs",
                kind=CommandFaultKind.DELAY,
                times=EVERY_TIME,
                delay_ns=span_ns,
            )
        )


def busy_umount() -> CommandFault:
    """Return how an umount(8) without force ends whose file system is in use."""
    return CommandFault(
        program="umount",
        kind=CommandFaultKind.FAIL,
        stderr="umount: unmount failed: Device busy\n",
    )
