"""Until when may this node serve, and when must it have stopped? The lease gate, the watchdog, and the abort clock.

The gate closes early enough that a forced demotion, or else the reset of the host, is over before anybody else can be
granted. The watchdog is patted only while the gate lets it, so a dead agent's host is reset in time as well. The abort
clock stands behind the kernel: once a ggate's request may be failed by age, what waits would be acknowledged.
"""

from dataclasses import replace

from hafailover.group.actions import ArmWatchdog, DisarmWatchdog, PatWatchdog
from hafailover.group.events import WatchdogArmed
from hafailover.group.grant import Guard, Watch
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.group.turn import Turn
from hafailover.group.work import Progress
from hafailover.storage.settings import KERNEL_GUARD
from hafailover.units import Instant, later


def until(turn: Turn) -> Instant | None:
    """Return until when nobody else can be granted: by the own grant, or by the peer's promise; None = not at all."""
    lease, promise = turn.state.grant.lease_until, turn.state.grant.promise_until
    if lease is None or promise is None:
        return promise if lease is None else lease
    return max(lease, promise)


def stop_at(turn: Turn) -> Instant | None:
    """Return when a node that serves must begin to stop; None if it may not serve at all."""
    end = until(turn)
    timers = turn.settings.timers
    if end is None:
        return None
    return later(end, -(timers.forced_demotion + timers.host_reset + timers.lateness))


def is_open(turn: Turn) -> bool:
    """Whether this node may serve now. Only etcd's grants end by time."""
    if turn.settings.arbiter is not ArbiterKind.ETCD or turn.state.grant.is_void:
        return True
    end = stop_at(turn)
    return end is not None and turn.now < end


def closed_because(turn: Turn) -> str:
    """Say why the gate is closed; empty while it is open."""
    if is_open(turn):
        return ""
    holder = turn.state.grant.holder
    if holder is not None and holder.node != turn.settings.node:
        return f"etcd has granted the group to {holder.node}"
    if until(turn) is None:
        return "etcd's grant is not held any more"
    return "etcd's grant runs out and cannot be renewed, and the peer's word does not cover it"


def arm(turn: Turn) -> Progress:
    """Have the watchdog armed before anything is mounted; the refusal says why it cannot be, where it has to be."""
    settings, guard = turn.settings, turn.state.guard
    if not settings.watchdog.span or turn.state.grant.is_void:
        return Progress.REACHED
    match guard.watch:
        case Watch.ARMED:
            return Progress.REACHED
        case Watch.ARMING:
            return Progress.BUSY
        case Watch.FAILED if settings.watchdog.is_required:
            turn.set(refusal=f"the watchdog cannot be armed: {guard.problem}")
            return Progress.FAILED
        case Watch.FAILED:
            return Progress.REACHED
        case Watch.OFF:
            end = _pat_until(turn)
            if end is None:
                return Progress.BUSY
            number = turn.new_id()
            turn.set(guard=Guard(watch=Watch.ARMING, id=number, pat_until=end, is_known=True))
            turn.do(ArmWatchdog(id=number, pat_until=end))
            return Progress.BUSY


def armed(turn: Turn, event: WatchdogArmed) -> None:
    """Take note that the watchdog is armed, or why it is not."""
    guard = turn.state.guard
    if guard.watch is Watch.OFF or guard.id != event.id:
        return
    if event.problem:
        turn.note(f"the watchdog cannot be armed: {event.problem}")
    watch = Watch.FAILED if event.problem else Watch.ARMED
    turn.set(guard=replace(guard, watch=watch, problem=event.problem))


def update(turn: Turn) -> None:
    """Say until when the watchdog may be patted, whenever that has changed; who serves always has it armed.

    So has who takes down what an earlier life of the agent brought up: that life's watchdog counts on.
    """
    guard, demotion = turn.state.guard, turn.state.demotion
    is_heir = demotion is not None and not demotion.is_closed and not guard.is_known
    if guard.watch is Watch.OFF and (turn.state.role is Role.PRIMARY or is_heir):
        arm(turn)
    if guard.watch in (Watch.OFF, Watch.FAILED):
        return
    end = _pat_until(turn)
    if end is not None and end != guard.pat_until:
        turn.set(guard=replace(guard, pat_until=end))
        turn.do(PatWatchdog(pat_until=end))


def disarm(turn: Turn) -> None:
    """Nothing of the group is up here any more, nor of an earlier life of the agent, which may have armed it."""
    guard, settings = turn.state.guard, turn.settings
    may_inherit = settings.arbiter is ArbiterKind.ETCD and settings.watchdog.span > 0
    if guard.watch is not Watch.OFF or (may_inherit and not guard.is_known):
        turn.set(guard=Guard(is_known=True))
        turn.do(DisarmWatchdog())


def _pat_until(turn: Turn) -> Instant | None:
    end = until(turn)
    return None if end is None else later(end, -turn.settings.watchdog.span)


def abort_at(turn: Turn) -> Instant | None:
    """Return when a primary that has not been allowed to let its peer's copy go must stop acknowledging.

    Counted from the last proof that the peer's I/O progresses, so that it lies before the kernel's own limit; with a
    fence device, whose verdict takes longer, from when it was asked (how seldom the kernel looks stands before that).
    If writes complete all the same, only a peer that is heard is given the time to call its copy stale.
    """
    state, timers = turn.state, turn.settings.timers
    if state.dropping is None or state.dropping.is_granted:
        return None
    match turn.settings.arbiter:
        case ArbiterKind.ETCD:
            proved = min((at for _, at in state.progress), default=state.dropping.since)
            return later(proved, KERNEL_GUARD - timers.kill - timers.lateness)
        case ArbiterKind.FENCE if state.dropping.unguarded_at is not None:
            patience = turn.settings.silence if turn.peer_report is not None else 0
            return later(state.dropping.unguarded_at, patience)
        case ArbiterKind.FENCE:
            wait = turn.settings.fence.deadline + timers.lateness
            return later(state.dropping.since, wait)
        case ArbiterKind.PING | ArbiterKind.NONE:
            return None
