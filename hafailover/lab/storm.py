"""Many random faults in a row on one lab, drawn from a seed, each mended by itself after a while.

The result is an ordinary scenario, so that a storm is played, told and counted like everything else. At
its end everything is mended, and nobody lays a hand on the pair: it has to come to rest alone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from hafailover.lab.configuration import Tuning
from hafailover.lab.plan import Cut, Network
from hafailover.lab.scenario import (
    NODES,
    Fault,
    Pass,
    Phase,
    Scenario,
    Step,
    Truth,
    Verb,
    Wait,
)
from hafailover.units import SECOND, seconds

_MEMBERS: Final = ("etcd1", "etcd2", "etcd3")
_AT_ONCE_MAX: Final = 3
_FREEZE_MAX_S: Final = 2.5
"""A host that stands still takes its watchdog along: for longer than the lease nobody promises anything."""
_SETTLE: Final = seconds(300)
_GAP_S: Final = (0.3, 4.0)
_RECOVERY: Final = Wait(truth=Truth(copies="in_sync"), within_ns=seconds(60), is_needed=False)
_RECOVERY_OF: Final = 4
"""Before one fault in so many the pair gets time to have both copies in sync: then there is something to lose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Blow:
    """A fault, and what mends it; ``thing`` is what no other fault may hit meanwhile."""

    thing: str
    fault: Fault
    mend: Fault | None
    hold_s: float


def storm(*, faults: int, seed: int, arbiter: str, megabytes: int) -> Scenario:
    """Return the scenario of so many random faults.

    Args:
        faults: How many; mending is not counted.
        seed: The same one draws the same faults.
        arbiter: As in ``Tuning``.
        megabytes: Size of the volume.
    """
    chance = random.Random(seed)  # noqa: S311 -- to be repeated, not to be secret
    steps: list[Step] = [
        Phase(name="settled"),
        Wait(truth=Truth(primary="A", answers="A", copies="in_sync"), within_ns=_SETTLE),
        Wait(truth=Truth(writes=20), within_ns=_SETTLE),
        Phase(name="storm"),
    ]
    steps += _faults(chance, faults, has_members=arbiter == "etcd")
    steps += [
        Phase(name="rest"),
        Wait(truth=Truth(copies="in_sync"), within_ns=_SETTLE),
        Wait(truth=Truth(writes=50), within_ns=_SETTLE),
        Wait(truth=Truth(copies="in_sync"), within_ns=_SETTLE),
    ]
    return Scenario(
        name=f"storm-{arbiter}-{faults}-{seed}",
        about=f"{faults} random faults in a row with the arbiter {arbiter}, seed {seed}.",
        steps=tuple(steps),
        tuning=Tuning(arbiter=arbiter, image_megabytes=megabytes),
        is_random=True,
    )


def _faults(chance: random.Random, count: int, *, has_members: bool) -> list[Step]:
    """Return faults and mends in order of time, with the time between them."""
    now = 0.0
    plan: list[tuple[float, Step]] = []
    busy: dict[str, float] = {}
    for _ in range(count):
        if chance.randrange(_RECOVERY_OF) == 0:
            # Once everything is mended, or the wait would be for nothing.
            now = max([now, *busy.values()]) + _GAP_S[0]
            plan.append((now, _RECOVERY))
        blow = _blow(chance, has_members=has_members)
        now += chance.uniform(*_GAP_S)
        busy = {thing: end for thing, end in busy.items() if end > now}
        while blow.thing in busy or len(busy) >= _AT_ONCE_MAX:
            now = min(busy.values()) + _GAP_S[0]
            busy = {thing: end for thing, end in busy.items() if end > now}
        plan.append((now, blow.fault))
        if blow.mend is not None:
            busy[blow.thing] = now + blow.hold_s
            plan.append((now + blow.hold_s, blow.mend))
    steps: list[Step] = []
    before = 0.0
    for at, step in sorted(plan, key=lambda entry: entry[0]):
        steps += [Pass(span_ns=round((at - before) * SECOND)), step]
        before = at
    return steps


def _blow(chance: random.Random, *, has_members: bool) -> _Blow:
    kinds = [_power, _agent, _freeze, _cable, _cable, _cable]
    if has_members:
        kinds += [_member, _member]
    return chance.choice(kinds)(chance)


def _power(chance: random.Random) -> _Blow:
    node = chance.choice(NODES)
    return _Blow(
        thing=node,
        fault=Fault(verb=Verb.POWER_OFF, words=(node,)),
        mend=Fault(verb=Verb.POWER_ON, words=(node,)),
        hold_s=chance.uniform(0.5, 20),
    )


def _agent(chance: random.Random) -> _Blow:
    node = chance.choice(NODES)
    fault = Fault(verb=Verb.KILL_AGENT, words=(node,))
    return _Blow(thing=node, fault=fault, mend=None, hold_s=0)


def _freeze(chance: random.Random) -> _Blow:
    node = chance.choice(NODES)
    return _Blow(
        thing=node,
        fault=Fault(verb=Verb.FREEZE, words=(node,)),
        mend=Fault(verb=Verb.THAW, words=(node,)),
        hold_s=chance.uniform(0.1, _FREEZE_MAX_S),
    )


def _cable(chance: random.Random) -> _Blow:
    node, network = chance.choice(NODES), chance.choice(list(Network)).value
    words = (network, node)
    return _Blow(
        thing=f"{network} {node}",
        fault=Fault(verb=Verb.CUT, words=(*words, chance.choice(list(Cut)).value)),
        mend=Fault(verb=Verb.HEAL, words=words),
        hold_s=chance.uniform(0.3, 20),
    )


def _member(chance: random.Random) -> _Blow:
    name = chance.choice(_MEMBERS)
    pairs = (
        (Verb.MEMBER, ("kill", name), ("start", name)),
        (Verb.MEMBER, ("freeze", name), ("thaw", name)),
        (Verb.CUT, ("lan", name, Cut.SILENT.value), ("lan", name)),
    )
    verb, hurt, mend = chance.choice(pairs)
    return _Blow(
        thing=name,
        fault=Fault(verb=verb, words=hurt),
        mend=Fault(verb=Verb.HEAL if verb is Verb.CUT else verb, words=mend),
        hold_s=chance.uniform(1, 20),
    )
