"""What has to hold of the peer, heard or silent, before a standby serves? Every condition on its own, met or not."""

from collections.abc import Iterator

from hafailover.group import arbiters, candidacy, conditions, contact
from hafailover.group.conditions import Condition
from hafailover.group.report import GroupReport
from hafailover.group.settings import ArbiterKind
from hafailover.group.turn import Turn
from hafailover.lineage.compare import Verdict
from hafailover.units import SECOND


def beside(turn: Turn) -> Iterator[Condition]:
    """Yield what the peer, or its silence, has to fulfil before this node serves."""
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
        what=f"{peer} hears this node",
        is_met=contact.hears_us(turn),
        seen=", ".join(report.hears) or "on no network",
        remedy="the link works one way only: cable, switch, firewall",
    )
    has_agreed = candidacy.has_agreed(turn, report)
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
