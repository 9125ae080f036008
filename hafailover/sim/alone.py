"""One host is lost and stays off for long: does the other one serve, where its arbiter promises that it will?

A run that mends everything at once never asks that. What is owed is worked out from the records on disk and from what
stands in etcd, as docs/guarantees.md and docs/how-it-decides.md say it, and not from what the agent makes of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafailover.arbiter.record import ArbiterRecord, decode_record
from hafailover.group.actions import AlertKind
from hafailover.group.settings import ArbiterKind
from hafailover.lineage.compare import USABLE
from hafailover.lineage.record import CopyState
from hafailover.sim import faults, pair, stories
from hafailover.sim.striking import mend
from hafailover.units import SECOND

if TYPE_CHECKING:
    from random import Random

    from hafailover.sim.faults import Fault
    from hafailover.sim.host import Host
    from hafailover.sim.world import World

FIRST_SEED = 10_000_000
"""From this seed on a run leaves one host off before everything is mended."""
_SINGLE = 2
"""Faults that strike before, if they make no story."""
_WAIT_NS = 10 * SECOND
_NOTICED_NS = 2 * SECOND
"""So soon a node has recorded what it can still learn of a peer that was lost."""
_SERVES_NS = 150 * SECOND
"""Longer than any arbiter may take, the delay of a fence device and a hold-down after a failure included."""
_HUMAN = (AlertKind.FLAPPING, AlertKind.DIVERGED)
"""Alerts after which only an operator goes on, whatever the arbiter says."""


def draw(dice: Random, arbiter: ArbiterKind) -> tuple[Fault, ...]:
    """Draw what strikes before: single faults, or a story."""
    if dice.random() < 1 / 2:
        return faults.draw(dice, _SINGLE, arbiter)
    return stories.draw(dice, arbiter)


def judge(world: World, *, is_spoiled: bool) -> None:
    """Take one host away, mend everything else, and have the checker look at who is left.

    Args:
        world: Goes on with the host that was lost ready to be powered on again.
        is_spoiled: Whether one copy may have got lost besides: then two are gone, and nothing is owed.
    """
    dice = world.timeline.dice
    world.run_for(dice.randrange(_WAIT_NS))
    lost = world.host(dice.choice(pair.NODES))
    left = world.other(lost)
    world.note(lost.name, "LOST FOR LONG")
    world.gone.add(lost.name)
    world.power_off(lost.name)
    mend(world)
    world.run_for(_NOTICED_NS)
    is_owed = owes(world, left)
    world.run_until(lambda: bool(left.virtual), _SERVES_NS)
    world.run_for(_NOTICED_NS)
    is_serving = bool(left.virtual)
    if not is_spoiled and (is_serving or (is_owed and not _asks_operator(left))):
        world.checker.ended()
    world.gone.clear()


def owes(world: World, host: Host) -> bool:
    """Whether a host that is left alone has to serve, by what is durable."""
    records = tuple(world.records[host.name].values())
    if not all(record.copy in USABLE for record in records):
        return False
    boot = f"{host.name}-boot{host.life}"
    has_met = all(record.is_met_in(boot) for record in records)
    settings = world.settings[host.name]
    match settings.arbiter:
        case ArbiterKind.ETCD:
            agreed = decode_record(world.etcd.standing(settings.name).record or "")
            return isinstance(agreed, ArbiterRecord) and host.name in agreed.in_sync
        case ArbiterKind.FENCE:
            return has_met or all(record.copy is CopyState.SOLE for record in records)
        case ArbiterKind.PING | ArbiterKind.NONE:
            return has_met


def _asks_operator(host: Host) -> bool:
    agent = host.agent
    return agent is not None and any(alert.kind in _HUMAN for alert in agent.state.alerts)
