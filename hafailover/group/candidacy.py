"""May this node become primary now? If not, one sentence says why; it is what ``status`` and ``explain`` show."""

from hafailover.group import arbiters, flapping
from hafailover.group.contact import goes_first, group_verdict, hears_us, is_acting, silent_since
from hafailover.group.report import GroupReport, Role
from hafailover.group.settings import ArbiterKind
from hafailover.group.turn import Turn
from hafailover.lineage.changes import is_active, is_allowed
from hafailover.lineage.compare import BEHIND, USABLE, Verdict
from hafailover.lineage.record import CopyState
from hafailover.units import SECOND

_PROBE_AGE_MAX = 2 * SECOND


def refusal(turn: Turn, *, has_token: bool = False) -> str:
    """Return why this node is no candidate, whoever the peer is; empty if nothing of its own speaks against it.

    ``has_token``: the group was handed to this node. A change of role that has begun is not stopped half way.
    """
    standing = _standing_refusal(turn, has_token=has_token)
    return standing or _copy_refusal(turn) or arbiters.own_refusal(turn)


def _standing_refusal(turn: Turn, *, has_token: bool) -> str:
    state = turn.state
    if state.role is not Role.STANDBY:
        return f"this node is {state.role.value}"
    if state.is_stopping or state.restarting_since is not None:
        return "the agent is stopping"
    if state.pause is not None and not has_token:
        return "role changes are paused" + (f": {state.pause.reason}" if state.pause.reason else "")
    if state.hold_until is not None and turn.now < state.hold_until:
        left = (state.hold_until - turn.now + SECOND - 1) // SECOND
        return f"hold-down after {state.failures} failed promotion(s), {left} s left"
    if state.failures >= turn.settings.timers.promotion_failures:
        return (
            f"{state.failures} promotions failed in a row: repair the cause, then 'hafailover clear-hold "
            f"{turn.settings.name}'"
        )
    if not state.link_is_up:
        return f"interface {turn.settings.interface} has no link"
    return flapping.refusal(turn)


def _copy_refusal(turn: Turn) -> str:
    state = turn.state
    if state.resolving is not None:
        return f"an operator gave this node's copy up: that of {turn.settings.peer} is kept"
    if state.giving_up_since is not None:
        return f"this node was given up for a drill: {turn.settings.peer} is to take over"
    for volume, record in state.records:
        if record.copy not in USABLE:
            doubt = f" ({record.doubt})" if record.doubt else ""
            return f"the copy of {volume} is {record.copy.value}{doubt}"
    if state.write_problem:
        return f"the lineage records cannot be written: {state.write_problem}"
    facts = state.facts
    if facts is None or not facts.is_complete:
        return f"the storage cannot be seen: {facts.problem if facts else 'not looked at yet'}"
    return ""


def beside_peer(turn: Turn, report: GroupReport) -> str:
    """Return why this node does not take the role while it hears its peer; empty if the peer agrees."""
    if is_acting(report):
        return f"{turn.settings.peer} is {report.role.value}"
    token = report.token
    if token is not None and token.successor == turn.settings.node:
        if token.epoch > turn.state.token_spent:
            return ""
        # One that was taken before was for that one time.
        return f"{turn.settings.peer} takes the group back, since this node could not serve it"
    if turn.state.token_given is not None:
        return f"the group was released to {turn.settings.peer}"
    verdict = group_verdict(turn, report)
    if verdict in (Verdict.DIVERGED, Verdict.UNKNOWN, Verdict.NEITHER, Verdict.THEIRS):
        return str(verdict.value)
    if not hears_us(turn):
        return f"{turn.settings.peer} is heard, but does not hear this node: the link works one way only"
    if not has_agreed(turn, report):
        return f"{turn.settings.peer} has not agreed yet"
    return arbiters.pending(turn)


def has_agreed(turn: Turn, report: GroupReport) -> bool:
    """Whether the peer agrees that this node serves, or its word is not needed."""
    intent = turn.state.intent
    return bool(intent) and (report.consent == intent or _cannot_agree(turn, report))


def _cannot_agree(turn: Turn, report: GroupReport) -> bool:
    """Whether the peer does not get over its start, with a copy that is behind this one: its word is not waited for.

    Nothing of it is up, as its records say. What its image may show once it can be read makes it diverged at most, and
    never the data: that is what this copy is beyond doubt.
    """
    since = turn.state.peer.heard_since
    if report.role is not Role.STARTING or since is None:
        return False
    return (
        turn.now - since > turn.settings.timers.demote_deadline
        and all(each.copy is CopyState.SOLE and is_allowed(each) for _, each in turn.state.durable)
        and all(
            copy.record.copy in BEHIND and not is_active(copy.record) for _, copy in report.copies
        )
    )


def _wants(turn: Turn, report: GroupReport, own_refusal: str) -> bool:
    """Whether this node would serve if the peer agreed."""
    if own_refusal or is_acting(report) or turn.state.token_given is not None:
        return False
    if not turn.state.is_durable:
        return False
    verdict = group_verdict(turn, report)
    if verdict is Verdict.MINE:
        return True
    if verdict not in (Verdict.EITHER, Verdict.IDENTICAL):
        return False
    # Between equals the preferred node serves, unless something of its own speaks against it.
    return goes_first(turn, report) or (report.role is Role.STANDBY and bool(report.refusal))


def agrees(turn: Turn, report: GroupReport) -> bool:
    """Whether this node agrees that the peer serves. The greater claim goes first, then the preferred node."""
    state = turn.state
    if state.role is not Role.STANDBY or not report.intent or state.token_given is not None:
        return False
    if not state.is_durable and not _is_told_on_disk(turn):
        return False  # The peer judges by what is on disk here; it must be what this node holds for true.
    verdict = group_verdict(turn, report)
    if verdict is Verdict.THEIRS:
        return True
    if verdict not in (Verdict.EITHER, Verdict.IDENTICAL):
        return False
    return not (goes_first(turn, report) and state.intent)


def _is_told_on_disk(turn: Turn) -> bool:
    """Whether the records cannot be written, and those on disk hide nothing that this node has.

    Then it stands in nobody's way. What is closed may be called open there, or what is behind be called better: that
    costs a rebuild, as long as etcd remembers whose copy counts from here on. Without it only the own disk can tell the
    next life of this agent that the peer's copy is newer, and it cannot: so there this one has to be behind already.
    """
    state = turn.state
    is_remembered = turn.settings.arbiter is ArbiterKind.ETCD
    if not is_remembered and not any(each.copy in BEHIND for _, each in state.records):
        return False
    durable = dict(state.durable)
    return bool(state.write_problem) and all(
        each.copy in BEHIND
        or (each.copy, each.lineage) == (durable[name].copy, durable[name].lineage)
        for name, each in state.records
    )


def beside_silence(turn: Turn) -> str:
    """Return why this node does not take over from a silent peer; empty if it may.

    A strict arbiter has the say. Without one: silence on every channel, for long enough that an isolated primary has
    stopped; the peer's *host* silent as well, since a dead agent leaves mount and address to its kernel; this node
    itself not the isolated one.
    """
    if arbiters.is_strict(turn):
        return arbiters.beside_silence(turn)
    state = turn.state
    peer = turn.settings.peer
    if state.token_given is not None or any(record.released_to for _, record in state.records):
        return f"the group was released to {peer}: it is taken back on contact or on an order only"
    heard = silent_since(state)
    since = state.started_at if heard is None else heard
    if state.peer.returns_by is not None and turn.now < state.peer.returns_by:
        return f"the agent of {peer} is being restarted and has asked to be waited for"
    if not has_spoken(turn):
        return (
            f"{peer} was not heard since this host booted: only contact or 'hafailover promote' can tell "
            "whose data counts"
        )
    left = since + turn.settings.takeover_silence - turn.now
    if left > 0:
        return f"{peer} is silent; a takeover waits {(left + SECOND - 1) // SECOND} s more"
    if not is_probed(turn):
        return f"{peer}'s host is being probed"
    if state.peer_host and not arbiters.has_left(turn):
        return (
            f"{peer}'s host answers on {' and '.join(state.peer_host)} although its agent is silent"
        )
    if any(record.was_isolated for _, record in state.records):
        return (
            "this node was cut off, or stood still, while its peer was silent: the peer may have gone on alone. "
            "Contact or 'hafailover promote' decides"
        )
    if turn.settings.arbiter is ArbiterKind.PING:
        return _isolation(turn)
    return ""


def is_probed(turn: Turn) -> bool:
    """Whether the peer's host was probed lately, and since it fell silent."""
    at, heard = turn.state.probed_at, silent_since(turn.state)
    since = turn.state.started_at if heard is None else heard
    return at is not None and turn.now - at <= _PROBE_AGE_MAX and at >= since


def _isolation(turn: Turn) -> str:
    state = turn.state
    if state.gateway_lost_at is not None or state.gateway_at is None:
        return "no ping target answers: this node may be the isolated one"
    return ""


def has_spoken(turn: Turn) -> bool:
    """Whether the peer was spoken to in this boot of the host, by this life of the agent or an earlier one."""
    state = turn.state
    return state.contact or any(record.spoken_boot == state.boot for _, record in state.durable)


def update(turn: Turn) -> None:
    """Decide whether the gate before Master is open, and say why not."""
    state = turn.state
    if state.role is not Role.STANDBY:
        return
    own = refusal(turn)
    report = turn.peer_report
    if report is not None:
        consent = report.intent if agrees(turn, report) else 0
        intent = 0 if consent or not _wants(turn, report, own) else _next_epoch(turn, report)
        if (intent, consent) != (state.intent, state.consent):
            turn.set(intent=intent, consent=consent)
        why = own or (
            f"this node agreed that {turn.settings.peer} serves"
            if consent
            else beside_peer(turn, report)
        )
    else:
        if state.intent or state.consent:
            turn.set(intent=0, consent=0)
        why = own or beside_silence(turn)
    if why != state.candidacy_refusal:
        turn.set(candidacy_refusal=why)


def _next_epoch(turn: Turn, report: GroupReport) -> int:
    floor = max(turn.state.epoch, report.epoch, arbiters.floor(turn.state))
    return turn.state.intent if turn.state.intent > floor else floor + 1


def epoch_to_take(turn: Turn) -> int:
    """Return the epoch of a promotion that begins now."""
    report = turn.state.peer.report
    floor = max(turn.state.epoch, report.epoch if report else 0, arbiters.floor(turn.state))
    return turn.state.intent if turn.state.intent > floor else floor + 1
