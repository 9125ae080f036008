"""When does a primary hand the group over in order: on a word, on failback, or because its LAN leg is broken?"""

from hafailover.group import arbiters, demotion, flapping, services
from hafailover.group.contact import hears_us
from hafailover.group.rejoin import is_in_sync
from hafailover.group.report import GroupReport, Role
from hafailover.group.settings import Automatism
from hafailover.group.turn import Turn
from hafailover.lineage.record import CopyState
from hafailover.units import SECOND

_FAILBACK = "failback"
_MINUTE_AGE_MAX = 180 * SECOND
"""What time it was so long ago says nothing about now."""


def obstacle(turn: Turn) -> str:
    """Return why the group cannot be handed over now; empty if it can."""
    state = turn.state
    peer = turn.settings.peer
    report = turn.peer_report
    if state.role is not Role.PRIMARY:
        return f"{turn.settings.node} is {state.role.value}, not primary"
    if report is None:
        return f"{peer} is not heard"
    if not is_in_sync(turn) or state.dropping is not None:
        return f"the copy of {peer} is not in sync"
    if not arbiters.counts_peer(turn):
        return f"etcd does not count the copy of {peer} yet"
    return _peer_obstacle(turn, report)


def _peer_obstacle(turn: Turn, report: GroupReport) -> str:
    peer = turn.settings.peer
    if report.role is not Role.STANDBY:
        return f"{peer} is {report.role.value}"
    if report.digest != turn.settings.digest:
        return f"the configuration of {peer} differs from this node's"
    if not hears_us(turn):
        return f"{peer} does not hear this node"
    if report.is_leaving or not report.link_up:
        return (
            f"{peer} is stopping"
            if report.is_leaving
            else f"{peer} has no link on its LAN interface"
        )
    if report.refusal:
        return f"{peer} is no candidate: {report.refusal}"
    if any(copy.record.copy is not CopyState.IN_SYNC for _, copy in report.copies):
        return f"{peer} does not call its copy in sync"
    return ""


def advance(turn: Turn) -> bool:
    """Hand over if there is a reason and nothing stands against it. Return whether it began."""
    reason = _reason(turn)
    if not reason or turn.state.pause is not None or obstacle(turn):
        return False
    is_failure = not reason.startswith(_FAILBACK)
    if is_failure and flapping.is_exhausted(turn):
        return False
    if is_failure:
        flapping.note(turn)
    else:
        flapping.note_failback(turn)
    # Resigning for a failing service counts as a failure of this node: its hold-down keeps the peer from handing back.
    begin(turn, reason, is_failure=reason == services.failing(turn))
    return True


def begin(turn: Turn, reason: str, *, is_failure: bool = False) -> None:
    """Demote in order, naming the peer as successor."""
    demotion.begin(turn, reason, successor=turn.settings.peer, is_failure=is_failure)


def _reason(turn: Turn) -> str:
    report = turn.peer_report
    state = turn.state
    if report is None:
        return ""
    if not state.link_is_up:
        return f"interface {turn.settings.interface} has no link, that of {turn.settings.peer} has"
    if _peer_alone_sees_gateway(turn):
        return f"{turn.settings.peer} reaches the ping targets, this node does not"
    failing = services.failing(turn)
    if failing:
        return failing
    return _failback_reason(turn)


def _peer_alone_sees_gateway(turn: Turn) -> bool:
    """Whether the peer has reached the ping targets for a while in which this node did not.

    A target that comes back answers one of the two first: the other's next probe is given the time to be answered too.
    """
    lost, seen = turn.state.gateway_lost_at, turn.state.peer.sees_gateway_since
    if lost is None or seen is None:
        return False
    patience = turn.settings.silence + turn.settings.timers.probe_period
    return turn.now - max(lost, seen) > patience


def _failback_reason(turn: Turn) -> str:
    settings = turn.settings
    since = turn.state.in_sync_since
    if settings.failback.mode is not Automatism.AUTO or settings.is_preferred or since is None:
        return ""
    if flapping.is_failback_given_up(turn):
        return ""
    if turn.now - since < flapping.failback_hold(turn) or not _is_in_window(turn):
        return ""
    return f"{_FAILBACK}: {settings.peer} is the preferred node and both copies are in sync"


def _is_in_window(turn: Turn) -> bool:
    """Whether a failback may happen at this time of the day; where the time is not known, it may not."""
    window, minute = turn.settings.failback.window, turn.state.minute
    if window is None:
        return True
    if minute is None or turn.now - turn.state.minute_at > _MINUTE_AGE_MAX:
        return False
    start, end = window
    return start <= minute < end if start < end else minute >= start or minute < end
