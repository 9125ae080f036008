"""Why is this node primary, or why is it not, and what would change that? Every condition on its own, met or not.

The decisions themselves stop at the first condition that fails; a person wants to see all of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hafailover.group import (
    arbiters,
    candidacy,
    conditions,
    contact,
    flapping,
    handover,
    isolation,
    own_copy,
    routers,
    services,
)
from hafailover.group.conditions import Condition
from hafailover.group.report import GroupReport, Role
from hafailover.group.settings import ArbiterKind, Automatism, GroupSettings
from hafailover.group.state import GroupState
from hafailover.group.turn import Turn
from hafailover.lineage.compare import USABLE, Verdict
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
                [*_own(turn), *_beside(turn)],
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


def _beside(turn: Turn) -> Iterator[Condition]:
    report = turn.peer_report
    if report is not None:
        yield from _beside_peer(turn, report)
    elif arbiters.is_strict(turn):
        yield from conditions.beside_silence(turn)
    else:
        yield from _beside_silence(turn)


def _beside_peer(turn: Turn, report: GroupReport) -> Iterator[Condition]:
    peer = turn.settings.peer
    yield Condition(
        what=f"{peer} serves nothing",
        is_met=not contact.is_acting(report),
        seen=f"{peer} is {report.role.value} (epoch {report.epoch})",
        remedy="hafailover switchover; if it is lost, silence",
    )
    yield Condition(
        what="nothing was released to the peer",
        is_met=turn.state.token_given is None,
        seen="a handover waits to be taken" if turn.state.token_given is not None else "nothing",
        remedy=f"{peer} takes it, or the release runs out",
    )
    verdict = contact.group_verdict(turn, report)
    bad = (Verdict.DIVERGED, Verdict.UNKNOWN, Verdict.NEITHER, Verdict.THEIRS)
    yield Condition(
        what="the comparison of the copies does not speak against this one",
        is_met=verdict not in bad,
        seen=(
            f"that of {peer} counts while it serves"
            if verdict is Verdict.THEIRS and contact.is_acting(report)
            else verdict.value
        ),
        remedy="a rebuild, or an operator's choice",
    )
    yield Condition(
        what="both nodes have the same configuration",
        is_met=report.digest == turn.settings.digest,
        seen="the same" if report.digest == turn.settings.digest else "different",
        remedy="copy the file to the other node and restart its agent",
    )
    yield Condition(
        what=f"{peer} hears this node",
        is_met=contact.hears_us(turn),
        seen=", ".join(report.hears) or "on no network",
        remedy="the link works one way only: cable, switch, firewall",
    )
    has_agreed = bool(turn.state.intent) and report.consent == turn.state.intent
    yield Condition(
        what=f"{peer} has agreed",
        is_met=has_agreed,
        seen="it has" if has_agreed else "it has not, as long as any of the above is missing",
    )
    yield from conditions.beside_peer(turn)


def _beside_silence(turn: Turn) -> Iterator[Condition]:
    state, settings = turn.state, turn.settings
    peer = settings.peer
    released = state.token_given is not None or any(each.released_to for _, each in state.records)
    yield Condition(
        what="nothing was released to the peer",
        is_met=not released,
        seen="it was" if released else "it was not",
        remedy="contact, or hafailover promote",
    )
    has_spoken = candidacy.has_spoken(turn)
    yield Condition(
        what=f"{peer} was spoken to in this boot",
        is_met=has_spoken,
        seen="it was" if has_spoken else "it was not: nobody knows whose data counts",
        remedy=f"start {peer}, or hafailover promote --peer-is-off",
    )
    heard = contact.silent_since(state)
    since = state.started_at if heard is None else heard
    span = (turn.now - since) / SECOND
    limit = settings.takeover_silence / SECOND
    yield Condition(
        what=f"{peer} has been silent on every channel for {limit:.2f} s",
        is_met=turn.now - since >= settings.takeover_silence,
        seen=f"for {span:.2f} s",
    )
    is_probed = candidacy.is_probed(turn)
    probed = "it was probed" if is_probed else "it is being probed"
    returns_by = state.peer.returns_by
    is_awaited = returns_by is not None and turn.now < returns_by
    yield Condition(
        what=f"{peer} has not asked to be waited for",
        is_met=not is_awaited,
        seen="its agent is being restarted" if is_awaited else "it has not",
        remedy="it comes back, or its time runs out",
    )
    yield Condition(
        what=f"the host of {peer} answers nothing",
        is_met=is_probed and not state.peer_host,
        seen=f"it answers on {' and '.join(state.peer_host)}" if state.peer_host else probed,
        remedy="restart its agent, or power it off",
    )
    was_isolated = any(record.was_isolated for _, record in state.records)
    yield Condition(
        what="this node was not cut off meanwhile",
        is_met=not was_isolated,
        seen="it was: the peer may have gone on alone" if was_isolated else "it was not",
        remedy="contact, or hafailover promote",
    )
    if settings.arbiter is ArbiterKind.PING:
        yield _gateway(turn)


def _gateway(turn: Turn) -> Condition:
    state = turn.state
    is_reached = state.gateway_lost_at is None and state.gateway_at is not None
    return Condition(
        what="a ping target answers",
        is_met=is_reached,
        seen="one does" if is_reached else "none does: this node may be the isolated one",
        remedy="the network of this node",
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
