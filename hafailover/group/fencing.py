"""When is the peer powered off by the fence device, and what follows from the proof?

The device has no memory, so the nodes' own records are it: nobody goes on alone before the peer is proved off, or has
itself recorded that its copy is behind; and who has it powered off owes it its power, over all lives of the agent. The
primary shoots at once when it loses the peer's copy, a standby only after its delay, so that the two never shoot each
other.
"""

from dataclasses import replace

from hafailover.arbiter.answers import Answer, IsOff, IsOn, NotOff, Unknown
from hafailover.arbiter.requests import PowerOff, PowerOn, Request
from hafailover.group.actions import AskArbiter
from hafailover.group.contact import goes_first, is_acting, silent_since
from hafailover.group.grant import Fence
from hafailover.group.peer_view import PeerView
from hafailover.group.report import GroupReport, Role
from hafailover.group.turn import Turn
from hafailover.group.work import Progress
from hafailover.lineage import changes
from hafailover.lineage.compare import USABLE
from hafailover.lineage.record import CopyState
from hafailover.units import SECOND, Instant, later

_RETRY = SECOND
_RETRY_STANDBY = 10 * SECOND
"""A standby gives the device, and the peer, some time between two shots."""
_RETURN_TRIES_MAX = 5
TURNS_MAX = 3
"""After so many of its delays a standby shoots at the latest."""


def advance(turn: Turn) -> None:
    """Ask the device what has to be asked next, if no question is under way."""
    fence = turn.state.fence
    if fence.asking or (fence.retry_at is not None and turn.now < fence.retry_at):
        return
    request = _next(turn)
    if request is None:
        return
    number = turn.new_id()
    turn.set(fence=replace(fence, asking=number, request=request))
    if isinstance(request, PowerOff):
        _owe(turn, is_owed=turn.settings.fence.powers_on)
    turn.note(
        f"fence device: power {'off' if isinstance(request, PowerOff) else 'on'} {request.node}"
    )
    turn.do(AskArbiter(id=number, request=request))


def _next(turn: Turn) -> PowerOff | PowerOn | None:
    fence = turn.state.fence
    if not fence.is_off and _must_be_off(turn):
        return PowerOff(node=turn.settings.peer)
    if fence.has_to_return and fence.failures < _RETURN_TRIES_MAX and _may_return(turn):
        return PowerOn(node=turn.settings.peer)
    return None


def remember(turn: Turn) -> None:
    """Take over what an earlier life of the agent owes the peer: to have its power back, whether it was proved off."""
    owes = any(record.owes_power for _, record in turn.state.records)
    if owes and turn.settings.fence.powers_on:
        turn.set(fence=replace(turn.state.fence, has_to_return=True))


def _forget_debt(turn: Turn) -> None:
    if turn.state.fence.has_to_return:
        turn.set(fence=replace(turn.state.fence, has_to_return=False))
    _owe(turn, is_owed=False)


def _owe(turn: Turn, *, is_owed: bool) -> None:
    if all(record.owes_power == is_owed for _, record in turn.state.records):
        return
    turn.change_records(
        # What a record that cannot be read says is kept for an operator.
        lambda _, record: (
            record
            if record.copy is CopyState.UNKNOWN
            else changes.owing_power(record, is_owed=is_owed)
        )
    )


def is_busy(turn: Turn) -> bool:
    """Whether the device is asked, or the peer has still to be powered on again: that is better done by this life."""
    fence = turn.state.fence
    return bool(fence.asking) or (fence.has_to_return and fence.failures < _RETURN_TRIES_MAX)


def next_question(turn: Turn) -> Instant | None:
    """Return when a question that failed is asked again, or one of an earlier life is; None if none waits."""
    fence = turn.state.fence
    if fence.asking:
        return None
    waits = fence.retry_at is None and fence.has_to_return and turn.now < _returns_from(turn)
    return _returns_from(turn) if waits else fence.retry_at


def _returns_from(turn: Turn) -> Instant:
    """Return from when the peer may be powered on: what an earlier life asked the device for may be under way still."""
    if turn.state.fence.is_off:
        return turn.state.started_at
    return later(turn.state.started_at, turn.settings.fence.deadline)


def _must_be_off(turn: Turn) -> bool:
    """Whether this node cannot go on before the peer is proved off: its word would do, but does not come."""
    state = turn.state
    if state.dropping is not None and not state.dropping.is_granted:
        since = state.dropping.since
    elif state.role is Role.PROMOTING and state.attempt is not None:
        if state.attempt.needs_off:
            return True
        if (
            not state.attempt.commit_lineage
            or state.attempt.keeps_peer
            or state.attempt.is_committed
            or is_vouched_for(turn)
        ):
            return False
        since = state.tried_at
    else:
        return False
    if is_out(turn):
        return False
    patience = turn.settings.silence if turn.peer_report is not None else 0
    return turn.now - since >= patience


def _may_return(turn: Turn) -> bool:
    """Whether what the peer's absence was needed for is on disk, or was given up."""
    state = turn.state
    if state.dropping is not None or not state.is_durable or turn.now < _returns_from(turn):
        return False
    if state.role is Role.PROMOTING:
        return state.attempt is not None and state.attempt.is_committed
    return True


def is_out(turn: Turn) -> bool:
    """Whether the peer cannot be promoted meanwhile: it is proved off, or has recorded that its copy is behind.

    A copy that is behind can be promoted by force; whoever is about to do that is not out.
    A shot that is under way cannot be called back: its word counts no more then, since its copy may be lost with it.
    A mixture that was to be recorded as in sync may be that on disk, whatever the last report says: its host may stand
    still with the record on its way.
    """
    if turn.state.fence.is_off:
        return True
    if isinstance(turn.state.fence.request, PowerOff):
        return False
    behind = set(CopyState) - set(USABLE)
    if turn.state.pairing.is_told:
        behind.remove(CopyState.SYNCING)
    report = turn.peer_report
    return (
        report is not None
        and report.role not in (Role.PROMOTING, Role.PRIMARY)
        and bool(report.copies)
        and all(copy.record.copy in behind for _, copy in report.copies)
    )


def is_vouched_for(turn: Turn) -> bool:
    """Whether an operator answers for it that the peer, which stays silent, is off: its device may be dead with it."""
    attempt = turn.state.attempt
    return attempt is not None and attempt.on_word and turn.peer_report is None


def proved(turn: Turn) -> Progress:
    """Whether the peer is proved off; the refusal says why not, after a try that brought no proof."""
    fence = turn.state.fence
    if fence.is_off:
        return Progress.REACHED
    if fence.retry_at is not None and turn.now < fence.retry_at:
        turn.set(refusal=f"{turn.settings.peer} could not be proved off: {fence.problem}")
        return Progress.FAILED
    return Progress.BUSY


def finish(turn: Turn, number: int, answer: Answer) -> None:
    """Take in what the device says."""
    fence = turn.state.fence
    if not fence.asking or fence.asking != number:
        return
    request: Request | None = fence.request
    fence = replace(fence, asking=0, request=None, retry_at=None)
    match answer:
        case IsOff() if isinstance(request, PowerOff):
            _off(turn, fence)
        case IsOn() if isinstance(request, PowerOn):
            turn.note(f"{turn.settings.peer} has its power back")
            turn.set(fence=replace(fence, has_to_return=False, failures=0, problem=""))
            _owe(turn, is_owed=False)
        case NotOff(reason=reason) | Unknown(reason=reason):
            turn.note(f"fence device: {reason}")
            turn.set(
                fence=replace(
                    fence,
                    failures=fence.failures + 1,
                    problem=reason,
                    retry_at=later(
                        turn.now, _RETRY if turn.state.dropping is not None else _RETRY_STANDBY
                    ),
                )
            )
        case _:
            turn.set(fence=fence)


def _off(turn: Turn, fence: Fence) -> None:
    """The peer is off: whatever it said last is of a boot that has ended."""
    report = turn.state.peer.report
    turn.note(f"{turn.settings.peer} is proved off")
    turn.set(
        fence=replace(
            fence,
            is_off=True,
            off_boot=report.boot if report is not None else "",
            off_at=turn.now,
            has_to_return=turn.settings.fence.powers_on,
            failures=0,
            problem="",
        ),
        peer=PeerView(report=report, life_at=turn.state.peer.life_at, past=turn.state.peer.past),
    )


def is_of_the_past(turn: Turn, report: GroupReport) -> bool:
    """Whether a report comes from a boot that was proved off; one of another boot says that the peer is back.

    No packet is under way for as long as a peer that is off is heard here: then the device has told a lie.
    """
    fence, peer = turn.state.fence, turn.settings.peer
    if not fence.is_off or fence.off_at is None:
        last = turn.state.peer.report
        is_anew = last is None or last.boot != report.boot
        if fence.failures and not fence.asking and is_anew:
            # What could not be proved, or was no proof, was about a boot that has ended.
            turn.set(fence=replace(fence, failures=0, problem=""))
        if not fence.asking and (not fence.has_to_return or turn.now > _returns_from(turn)):
            _forget_debt(turn)  # It was shot at, and is there.
        return False
    back = Fence(asking=fence.asking, request=fence.request)
    if fence.off_boot and report.boot == fence.off_boot:
        if turn.now - fence.off_at <= 2 * turn.settings.takeover_silence:
            return True
        lie = f"it said that {peer} is off, and {peer} is heard: repair the device"
        turn.note(f"fence device: {lie}")
        back = replace(back, failures=1, problem=lie)
    turn.set(fence=back)
    if not back.asking:
        _owe(turn, is_owed=False)
    return False


def beside_silence(turn: Turn) -> str:
    """Return why this node does not shoot its silent peer in order to serve; empty if it may.

    The device has no memory: a node that has not spoken to its peer since it booted cannot know whether that one went
    on alone, unless its own copy is the one that did.
    """
    state, peer = turn.state, turn.settings.peer
    if state.fence.is_off:
        return ""
    has_spoken = state.contact or any(each.spoken_boot == state.boot for _, each in state.durable)
    # A claim that nobody allowed, since the kernel let the peer's copy go by itself, is no proof that it did not serve.
    is_sole = all(
        each.copy is CopyState.SOLE and changes.is_allowed(each) for _, each in state.durable
    )
    if not has_spoken and not is_sole:
        return (
            f"{peer} was not heard since this host booted: only contact or 'hafailover promote' can tell "
            "whose data counts"
        )
    if not is_sole and _was_sole(state.peer.report):
        # It would shoot this node in turn as soon as it has booted, whatever was served meanwhile.
        return (
            f"the record of {peer} said at last that its copy alone counts: only contact or 'hafailover promote' can "
            "tell whose does"
        )
    returns_by = state.peer.returns_by
    if returns_by is not None and turn.now < returns_by:
        return f"{peer}'s agent is being restarted: it is waited for"
    heard = silent_since(state)
    since = state.started_at if heard is None else heard
    delay = turn.settings.fence.secondary_delay * _turns_to_wait(turn)
    wait = turn.settings.silence + turn.settings.timers.lateness + delay
    left = since + wait - turn.now
    if left > 0:
        return f"{peer} is silent; it is powered off in {(left + SECOND - 1) // SECOND} s"
    retry_at = state.fence.retry_at
    if retry_at is not None and turn.now < retry_at:
        left = (retry_at - turn.now + SECOND - 1) // SECOND
        return (
            f"{peer} could not be proved off ({state.fence.problem}); the next try is in {left} s"
        )
    return ""


def _was_sole(report: GroupReport | None) -> bool:
    """Whether the peer's last report called its copies the only ones that count: with that it may shoot at any time."""
    return (
        report is not None
        and bool(report.copies)
        and all(copy.record.copy is CopyState.SOLE for _, copy in report.copies)
    )


def _turns_to_wait(turn: Turn) -> int:
    """Return after how many of its delays this node shoots a silent peer, so that two standbys never shoot at once.

    Who last saw the other one act is the secondary that the delay is meant for. Who acted itself, and has no word from
    since then, has to expect that it is seen so, and waits for another turn.
    """
    state, report = turn.state, turn.state.peer.report
    acted_at, heard_us_at = state.acted_at, state.peer.heard_us_at
    is_seen_at_rest = acted_at is None or (
        heard_us_at is not None and heard_us_at - acted_at > turn.settings.silence
    )
    is_preferred = turn.settings.is_preferred if report is None else goes_first(turn, report)
    if is_seen_at_rest and (is_preferred or report is None or is_acting(report)):
        return 1
    return 2 if is_preferred else TURNS_MAX
