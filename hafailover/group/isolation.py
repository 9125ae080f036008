"""Is this node the one that is cut off? With ping targets it can tell: it reaches neither them nor its peer.

An isolated node stops, whatever it was doing, within a span that the other one waits for before it takes over.
"""

from hafailover.group.contact import hears_us
from hafailover.group.settings import ArbiterKind
from hafailover.group.turn import Turn
from hafailover.lineage.compare import USABLE
from hafailover.lineage.record import CopyState
from hafailover.units import Instant, later


def since(turn: Turn) -> Instant | None:
    """Return since when this node counts as isolated, None if it does not.

    That is the moment at which two probes of the targets in a row had found nobody and the peer had not heard this node
    for long enough: it is the peer that takes over, so what counts is whether *it* hears, not whether it is heard.
    """
    state = turn.state
    if (
        turn.settings.arbiter is not ArbiterKind.PING
        or state.gateway_lost_at is None
        or hears_us(turn)
    ):
        return None
    timers = turn.settings.timers
    if turn.peer_report is not None:
        heard_us = state.peer.heard_us_at
        unheard_from = later(
            heard_us if heard_us is not None else state.role_since, timers.heartbeat
        )
    else:
        heard = state.peer.heard_at
        unheard_from = later(
            heard if heard is not None else state.role_since, turn.settings.silence
        )
    found = max(unheard_from, later(state.gateway_lost_at, timers.probe_period))
    return found if turn.now >= found else None


def may_go_on_alone(turn: Turn) -> bool:
    """Whether this node may let its peer's copy go: with ping targets only if it is known not to be the isolated one.

    Known by a sign from after the loss was noticed: a ping target answered, or the peer was heard. What was known
    before says nothing.
    """
    state = turn.state
    if turn.settings.arbiter is not ArbiterKind.PING:
        return True
    if state.loss_at is None:
        return False
    has_reached = state.gateway_at is not None and state.gateway_at >= state.loss_at
    heard_us_at = state.peer.heard_us_at
    return has_reached or (heard_us_at is not None and heard_us_at > state.loss_at)


def is_sole(turn: Turn) -> bool:
    """Whether the only copy in service is here, and the peer has said that it knows: nobody else can serve then."""
    state = turn.state
    report = state.peer.report
    knows = report is not None and all(copy.record.copy not in USABLE for _, copy in report.copies)
    is_alone = not state.pairing.units and state.dropping is None
    return is_alone and knows and all(record.copy is CopyState.SOLE for _, record in state.records)
