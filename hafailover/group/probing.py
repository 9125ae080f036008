"""When are the ping targets and the peer's host probed, and what follows from the answers?"""

from hafailover.group.actions import Probe
from hafailover.group.events import ProbeFinished
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.group.turn import Turn
from hafailover.lineage import changes
from hafailover.lineage.record import CopyState
from hafailover.units import Instant, later

_WELL = 4
"""While the peer is heard and a target answers, one probe in so many periods is enough: a loss asks for one at once."""


def probe(turn: Turn) -> None:
    """Ask for a probe when one is due."""
    if is_due(turn):
        pending = turn.ask("probe")
        turn.set(probing=pending)
        turn.do(Probe(id=pending.id))


def is_due(turn: Turn) -> bool:
    """Whether a probe is to be asked for now.

    After a loss only what was asked for since then counts: one that is under way is not waited for, since writes wait.
    """
    state = turn.state
    if not _is_needed(turn):
        return False
    asked_at = state.probing.since if state.probing is not None else state.probed_at or 0
    if state.loss_at is not None and asked_at < state.loss_at:
        return True
    return state.probing is None and (state.probed_at is None or turn.now >= next_probe(turn))


def next_probe(turn: Turn) -> Instant:
    """Return when the next probe is due, if probes are needed."""
    state = turn.state
    if state.probed_at is None:
        return turn.now
    is_well = turn.peer_report is not None and state.gateway_lost_at is None
    period = turn.settings.timers.probe_period
    return later(state.probed_at, period * _WELL if is_well else period)


def _is_needed(turn: Turn) -> bool:
    if not turn.settings.has_storage or turn.state.role in (Role.FENCED, Role.STOPPED):
        return False
    return turn.settings.arbiter is ArbiterKind.PING or turn.peer_report is None


def finish(turn: Turn, event: ProbeFinished) -> None:
    """Take in what answered. An answer counts from when it was asked for."""
    state = turn.state
    if state.probing is None or state.probing.id != event.id:
        return
    asked_at = state.probing.since
    turn.set(
        probing=None,
        probed_at=asked_at,
        peer_host=event.peer_host,
        peer_host_since=(state.peer_host_since or asked_at) if event.peer_host else None,
    )
    if event.targets is None:
        return
    if event.targets > 0:
        turn.set(gateway_at=asked_at, gateway_lost_at=None)
        return
    if state.gateway_lost_at is None:
        turn.set(gateway_lost_at=asked_at)
    if turn.peer_report is None:
        turn.change_records(
            lambda _, record: (
                record
                if record.was_isolated or record.copy is CopyState.UNKNOWN
                else changes.isolated(record)
            )
        )
