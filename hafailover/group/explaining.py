"""Why is this node primary, or why is it not, and what would change that? Every condition on its own, met or not.

The decisions themselves stop at the first condition that fails; a person wants to see all of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hafailover.group import (
    conditions,
    explaining_peer,
    flapping,
    handover,
    isolation,
    own_copy,
    routers,
    services,
)
from hafailover.group.conditions import Condition
from hafailover.group.report import Role
from hafailover.group.settings import Automatism, GroupSettings
from hafailover.group.state import GroupState
from hafailover.group.turn import Turn
from hafailover.lineage.compare import USABLE
from hafailover.units import SECOND, Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The role, why, and everything that it hangs on.

    Attributes:
        question: What the conditions are about, in words.
        verdict: The one sentence that the agent itself goes by; empty if nothing stands in the way.
    """

    role: Role
    since: Instant
    why: str
    question: str
    verdict: str
    conditions: tuple[Condition, ...]


def explain(state: GroupState, settings: GroupSettings, now: Instant) -> Explanation:
    """Return why the group stands on this node as it does."""
    turn = Turn(state, now, settings)
    question, verdict, conditions = _of_role(turn)
    return Explanation(
        role=state.role,
        since=state.role_since,
        why=state.why,
        question=question,
        verdict=verdict,
        conditions=tuple(conditions),
    )


def _of_role(turn: Turn) -> tuple[str, str, list[Condition]]:
    node = turn.settings.node
    match turn.state.role:
        case Role.PRIMARY if turn.settings.has_storage:
            return (
                f"{node} stays primary while all of this holds; the last ones are for a handover only",
                handover.obstacle(turn),
                [*_serving(turn), *_handing_over(turn)],
            )
        case Role.STANDBY if turn.settings.has_storage:
            return (
                f"{node} becomes primary once all of this holds",
                turn.state.candidacy_refusal,
                [*_own(turn), *explaining_peer.beside(turn)],
            )
        case _:
            return "what it waits for", turn.state.refusal, _waiting(turn)


def _waiting(turn: Turn) -> list[Condition]:
    state = turn.state
    doing = [each.what for each in (state.work, state.urgent, state.addressing) if each is not None]
    seen = ", ".join(doing) or state.refusal or "nothing is under way"
    return [
        Condition(
            what="what it does comes to an end", is_met=not doing and not state.refusal, seen=seen
        ),
        _seen_storage(turn),
    ]


def _own(turn: Turn) -> Iterator[Condition]:
    """Yield what this node itself must fulfil, whoever the peer is."""
    state, settings = turn.state, turn.settings
    hold = state.hold_until
    left = 0 if hold is None else max(0, hold - turn.now)
    yield Condition(
        what="role changes are allowed",
        is_met=state.pause is None,
        seen="not paused"
        if state.pause is None
        else f"paused: {state.pause.reason or 'no reason given'}",
        remedy="hafailover resume",
    )
    yield Condition(
        what="the agent goes on running",
        is_met=not state.is_stopping,
        seen="it is stopping" if state.is_stopping else "it does",
        remedy="start it again",
    )
    yield Condition(
        what="no hold-down after a failed promotion",
        is_met=not left,
        seen=f"{(left + SECOND - 1) // SECOND} s left" if left else "none",
        remedy=f"wait, or hafailover clear-hold {settings.name}",
    )
    yield Condition(
        what=f"fewer than {settings.timers.promotion_failures} failed promotions in a row",
        is_met=state.failures < settings.timers.promotion_failures,
        seen=str(state.failures),
        remedy=f"repair the cause, then hafailover clear-hold {settings.name}",
    )
    yield Condition(
        what=f"a link on {settings.interface}",
        is_met=state.link_is_up,
        seen="up" if state.link_is_up else "no carrier",
        remedy="the cable, the switch port",
    )
    yield from _copies(turn)
    yield _records(turn)
    yield _seen_storage(turn)
    yield from conditions.own(turn)


def _copies(turn: Turn) -> Iterator[Condition]:
    for volume, record in turn.state.records:
        doubt = f" ({record.doubt})" if record.doubt else ""
        yield Condition(
            what=f"this node's copy of {volume} may be promoted",
            is_met=record.copy in USABLE,
            seen=f"{record.copy.value}{doubt}",
            remedy="a rebuild from the peer, or hafailover promote --force-copy, which gives writes up",
        )


def _records(turn: Turn) -> Condition:
    problem = turn.state.write_problem
    return Condition(
        what="lineage records can be written",
        is_met=not problem,
        seen=problem or "the last write was durable",
        remedy="the disk under the state directory",
    )


def _seen_storage(turn: Turn) -> Condition:
    facts = turn.state.facts
    is_complete = facts is not None and facts.is_complete
    age = (turn.now - turn.state.facts_at) / SECOND
    seen = "never" if facts is None else facts.problem or f"completely, {age:.1f} s ago"
    return Condition(
        what="the storage of this host is seen",
        is_met=is_complete,
        seen=seen,
        remedy="the command or the device that is named",
    )


def _serving(turn: Turn) -> Iterator[Condition]:
    """Yield what a primary stays primary by."""
    report = turn.peer_report
    rival = report is not None and report.role is Role.PRIMARY
    yield Condition(
        what="nobody else serves under a newer epoch",
        is_met=not rival,
        seen=f"{turn.settings.peer} says that it serves"
        if rival
        else f"epoch {turn.state.epoch} is the newest",
    )
    yield from conditions.serving(turn)
    views = turn.last_seen()
    problem = next(filter(None, map(own_copy.problem, views or ())), "")
    yield Condition(
        what="the local copies are mounted and ACTIVE",
        is_met=views is not None and not problem,
        seen=problem or ("as they should be" if views is not None else "not seen now"),
    )
    since = isolation.since(turn)
    yield Condition(
        what="this node is not cut off",
        is_met=since is None,
        seen="it reaches its peer or a ping target" if since is None else "it reaches nobody",
        remedy="the network of this node",
    )
    failing = services.failing(turn)
    yield Condition(
        what="the services pass their checks",
        is_met=not failing,
        seen=failing or "they do",
        remedy="the service's own log",
    )
    yield Condition(
        what="VRRP is Master",
        is_met=routers.is_master(turn),
        seen=turn.state.competing or "it is",
    )
    yield _records(turn)


def _handing_over(turn: Turn) -> Iterator[Condition]:
    peer = turn.settings.peer
    obstacle = handover.obstacle(turn)
    paused = turn.state.pause is not None
    yield Condition(
        what=f"for a handover: {peer} could take over",
        is_met=not obstacle and not paused,
        seen=obstacle or ("role changes are paused" if paused else "it could, now"),
        remedy="hafailover resume" if paused else "",
    )
    failback = turn.settings.failback
    if failback.mode is Automatism.AUTO and not turn.settings.is_preferred:
        since, hold = turn.state.in_sync_since, flapping.failback_hold(turn)
        left = 0 if since is None else max(0, hold - (turn.now - since))
        lost = flapping.failback_sentence(turn) if flapping.is_failback_given_up(turn) else ""
        yield Condition(
            what=f"for the failback to {peer}: in sync for {hold // SECOND} s",
            is_met=since is not None and not left and not lost,
            seen=lost or ("not in sync" if since is None else f"{left // SECOND} s left"),
        )
