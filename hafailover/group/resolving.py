"""How is a choice between two copies carried out, when only an operator can make it?

The order goes to the node whose copy is discarded. It first puts whatever only its copy holds into a file; then its
record says stale, with the choice, durably; only that lets the other node call its own copy the data, and rebuild this
one. Until then nothing is overwritten anywhere, and either node may crash: the order is simply given again.
"""

from dataclasses import replace

from hafailover.group import demotion, passing
from hafailover.group.actions import SaveDifferences
from hafailover.group.contact import group_verdict, is_acting
from hafailover.group.events import DifferencesSaved, OperatorAsked
from hafailover.group.report import GroupReport, Role
from hafailover.group.state import Resolving
from hafailover.group.turn import Turn
from hafailover.lineage import changes
from hafailover.lineage.compare import USABLE, Verdict
from hafailover.lineage.record import CopyState, ImageBinding, OperatorChoice
from hafailover.storage.facts import ImageFacts, TailKind
from hafailover.storage.view import VolumeView
from hafailover.units import SECOND, later

_TRIES_MAX = 3
_RETRY = 5 * SECOND
_GIVEN_UP = "an operator gave this node's copy up"
"""How the refusal of a node begins that is about to give its copy up (candidacy.py)."""
_OPEN = (Verdict.DIVERGED, Verdict.UNKNOWN, Verdict.NEITHER)


def is_open(turn: Turn, report: GroupReport) -> bool:
    """Whether only an operator can say which of the two copies counts."""
    return group_verdict(turn, report) in _OPEN


def obey(turn: Turn, order: OperatorAsked) -> None:
    """Take the order to give this node's copy up, or refuse it."""
    report = turn.peer_report
    problem = _problem(turn, order, report)
    if problem or report is None:
        passing.reply(turn, order.id, problem, accepted=False)
        return
    lineages = tuple((name, copy.record.lineage) for name, copy in report.copies)
    turn.set(resolving=Resolving(keep=order.keep, reason=order.reason, lineages=lineages))
    turn.note(f"an operator keeps the copy of {order.keep}: {order.reason}")
    if turn.state.role is Role.PRIMARY:
        demotion.begin(turn, f"an operator keeps the copy of {order.keep} and gives this one up")
    text = f"what only the copy of {turn.settings.node} holds is being saved; then it is rebuilt"
    passing.reply(turn, order.id, f"{text} from that of {order.keep}", accepted=True)


def _problem(turn: Turn, order: OperatorAsked, report: GroupReport | None) -> str:
    state, peer = turn.state, turn.settings.peer
    if order.keep == turn.settings.node:
        return f"{peer} is not heard, and it is its copy that would be given up"
    if order.keep != peer:
        return f"there is no node {order.keep!r}; there are {turn.settings.node} and {peer}"
    if report is None:
        return (
            f"{peer} is not heard: both nodes have to know of the choice. If {peer} is lost for good: "
            "'hafailover promote --force-copy --peer-is-off'"
        )
    if not order.reason.strip():
        return "a reason is needed: it stays in the record"
    if state.role not in (Role.STANDBY, Role.PRIMARY):
        return f"{turn.settings.node} is {state.role.value}; wait until that is over"
    if is_acting(report) and (state.role is Role.PRIMARY or report.role is not Role.PRIMARY):
        return f"{peer} is {report.role.value}; wait until that is over"
    if report.refusal.startswith(_GIVEN_UP):
        return f"{peer} was told to give its own copy up for this one; wait until that is over"
    verdict = group_verdict(turn, report)
    if verdict not in _OPEN:
        return f"there is nothing to choose: {verdict.value}"
    return _unfit(turn, report)


def _unfit(turn: Turn, report: GroupReport) -> str:
    """Say why the copy that would be kept, or the one that would be rebuilt, is not fit for that."""
    for name, copy in report.copies:
        if copy.record.copy is CopyState.SYNCING:
            return (
                f"the copy of {name} on {report.node} is a mixture of old and new: it cannot be kept. "
                f"Keep that of {turn.settings.node}"
            )
    views = turn.last_seen()
    if views is None:
        return "the storage of this node cannot be seen"
    for view in views:
        image = view.image
        if image is None or not image.exists or image.size_bytes != view.settings.size_bytes:
            return f"the image of {view.settings.name} is missing or has another size: it could not be rebuilt"
    if turn.state.write_problem:
        return f"the lineage records cannot be written: {turn.state.write_problem}"
    return ""


def advance(turn: Turn, report: GroupReport) -> None:
    """Do the next thing that a choice needs, on a node that serves nothing."""
    pending = turn.state.resolving
    if pending is not None and not pending.id and turn.views() is not None:
        if any(record.is_open for _, record in turn.state.records):
            return  # It is closed first.
        if pending.retry_at is not None and turn.now < pending.retry_at:
            return
        asked = turn.ask("saving what only this copy holds")
        turn.set(resolving=replace(pending, id=asked.id))
        turn.do(SaveDifferences(id=asked.id, reason=pending.reason))
    elif pending is None:
        _keep(turn, report)


def saved(turn: Turn, event: DifferencesSaved) -> None:
    """Give the copy up, now that what only it holds is in a file; or go back to where it stood."""
    pending = turn.state.resolving
    if pending is None or pending.id != event.id:
        return
    turn.set(resolving=None)
    views, facts_are_known = turn.last_seen(), turn.state.role is Role.STANDBY
    if event.problem and facts_are_known and pending.failures + 1 < _TRIES_MAX:
        turn.note(
            f"what only this copy holds could not be saved, tried again in {_RETRY // SECOND} s: {event.problem}"
        )
        retry_at = later(turn.now, _RETRY)
        turn.set(resolving=replace(pending, id=0, failures=pending.failures + 1, retry_at=retry_at))
        return
    report = turn.peer_report
    if report is not None and not _is_as_seen(pending, report):
        turn.note(
            f"the copy is not given up: that of {pending.keep} is another one now; look at the status, and choose again"
        )
        return
    if event.problem or views is None or not facts_are_known:
        turn.note(f"the copy is not given up: {event.problem or 'this node has begun to serve'}")
        return
    turn.note(f"what only this copy holds was saved: {event.text}")
    changed = []
    for view in views:
        name = view.settings.name
        lineage = dict(pending.lineages).get(name, "")
        choice = OperatorChoice(kept=pending.keep, lineage=lineage, reason=pending.reason)
        binding = _binding(turn, view)
        if binding is None:
            turn.note(f"the copy is not given up: the image of {name} cannot be seen")
            return
        record = turn.state.record(name)
        changed.append((name, changes.given_up(record, choice, binding, boot=turn.state.boot)))
    turn.set_records(tuple(changed))


def _is_as_seen(pending: Resolving, report: GroupReport) -> bool:
    """Whether the copies that shall be kept are still those that the operator saw, and were not given up themselves."""
    seen = dict(pending.lineages)
    return all(copy.record.lineage == seen.get(name, "") for name, copy in report.copies)


def _keep(turn: Turn, report: GroupReport) -> None:
    """Call this node's copy the data, if the other one was given up for just this one."""
    copies, own = dict(report.copies), turn.state.records
    if not own or all(record.copy in USABLE for _, record in own):
        return
    for name, record in own:
        theirs = copies.get(name)
        choice = None if theirs is None else theirs.record.choice
        if choice is None or choice.kept != turn.settings.node or choice.lineage != record.lineage:
            return
    views = turn.views()
    if views is None:
        return
    lineage, changed = turn.mint(), []
    for view in views:
        binding = _binding(turn, view)
        if binding is None:
            return
        record = turn.state.record(view.settings.name)
        fresh = changes.kept(
            record, binding, lineage=lineage, since=turn.wall_s, boot=turn.state.boot
        )
        changed.append((view.settings.name, fresh))
    turn.note(f"an operator keeps this node's copy: {report.node} gave its own up")
    turn.set_records(tuple(changed))


def _binding(turn: Turn, view: VolumeView) -> ImageBinding | None:
    """Return what binds a record to the image as it is now."""
    image: ImageFacts | None = view.image
    if image is None or not image.exists or image.problem:
        return None
    known = turn.state.record(view.settings.name).binding
    return ImageBinding(
        device=image.device,
        inode=image.inode,
        size_bytes=image.size_bytes,
        birth_ns=image.birth_ns,
        close_id=image.marker if image.tail is TailKind.MARKER else known.close_id if known else "",
    )
