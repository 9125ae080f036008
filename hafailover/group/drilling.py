"""What can a drill ask for that no operator would? A mark in the volume, the loss of a copy.

Each leaves the pair where a real loss would leave it, and the pair comes back by itself. Nothing is refused that a real
loss would not ask first; everything else is: a drill begins in a healthy pair only.
"""

from hafailover.group import arbiters, demotion, handover
from hafailover.group.actions import AlertKind, RaiseAlert, RunStep, Severity
from hafailover.group.contact import is_acting
from hafailover.group.events import OperatorAsked
from hafailover.group.passing import reply
from hafailover.group.report import GroupReport, Role
from hafailover.group.state import Marking
from hafailover.group.turn import Turn
from hafailover.group.work import Progress, pursue, try_again_later
from hafailover.lineage import changes
from hafailover.lineage.compare import is_safe_with
from hafailover.storage.closing import plan_unexported
from hafailover.storage.steps import FileStep, FileTask, StepOutcome
from hafailover.storage.view import VolumeView
from hafailover.units import Instant, seconds

_MARK_DEADLINE = seconds(30)
"""Longer than writes ever wait for a lost copy: how long they wait is what is measured."""


def mark(turn: Turn, order: OperatorAsked) -> None:
    """Append a line to the drill's file in a volume; the answer comes when it is on disk.

    The order's reason is the volume's name, a blank, and the line.
    """
    name, _, line = order.reason.partition(" ")
    volume = next((each for each in turn.settings.volumes if each.name == name), None)
    if turn.state.role is not Role.PRIMARY or volume is None or not line:
        text = f"{turn.settings.node} has no mounted volume {name!r}"
        reply(turn, order.id, text, accepted=False)
        return
    if turn.state.marking is not None:
        reply(turn, order.id, "a mark is still being written", accepted=False)
        return
    pending = turn.ask(f"mark {line}")
    turn.set(marking=Marking(id=pending.id, order=order.id))
    step = FileStep(
        task=FileTask.APPEND_MARK,
        path=volume.mount_point,
        volume=volume.name,
        deadline=_MARK_DEADLINE,
        arguments=(("line", line),),
    )
    turn.do(RunStep(id=pending.id, step=step, reason="a drill counts what is lost"))


def finish_mark(turn: Turn, number: int, outcome: StepOutcome) -> bool:
    """Answer for a mark that was written, or was not; return whether the step was one."""
    marking = turn.state.marking
    if marking is None or marking.id != number:
        return False
    turn.set(marking=None)
    problem = outcome.problem or outcome.stderr
    is_done = outcome.status == 0
    reply(turn, marking.order, "on disk" if is_done else problem, accepted=is_done)
    return True


def give_up(turn: Turn, order: OperatorAsked) -> None:
    """Let the group go as if this node were lost, without a handover: the peer has to take over alone.

    The copy is given up only once it has been seen, closed, to be identical to the peer's, and once that one is no
    more exported: until then nothing is said that a failure in between could turn into a loss.
    """
    problem = _obstacle(turn)
    if problem:
        reply(turn, order.id, problem, accepted=False)
        return
    reply(turn, order.id, f"{turn.settings.node} gives the group up", accepted=True)
    demotion.begin(turn, "a drill: this node is given up", gives_up=True)


def advance_giving_up(turn: Turn, report: GroupReport | None) -> None:
    """Give the copy up as soon as the peer's holds all of it on disk; keep it if the peer does not come to that.

    What a ggated took may be in its host's memory only: a power cut of both would leave two stale copies.
    """
    since = turn.state.giving_up_since
    if since is None:
        return
    if _may_keep(turn, report, since):
        turn.set(giving_up_since=None)
        turn.note(f"this copy is kept: {turn.settings.peer} did not take over in time")
        return
    theirs = dict(report.copies) if report is not None else {}
    if all(
        volume in theirs and is_safe_with(theirs[volume].record, record)
        for volume, record in turn.state.durable
    ):
        turn.set(giving_up_since=None)
        turn.note(f"this copy is given up: that of {turn.settings.peer} is identical, and closed")
        turn.change_records(lambda _, record: changes.outrun(record))


def _may_keep(turn: Turn, report: GroupReport | None, since: Instant) -> bool:
    """Whether this node may serve again: a peer that is silent may serve by now, and only a strict arbiter knows."""
    if report is None:
        return arbiters.is_strict(turn)
    return not is_acting(report) and turn.now - since > turn.settings.timers.release_hold


def withdraw(turn: Turn, order: OperatorAsked) -> None:
    """End the export of this node's image without a word to the primary, as a crash of ggated would."""
    state = turn.state
    if state.role is not Role.STANDBY or not state.sessions:
        text = f"{turn.settings.node} is {state.role.value} and exports nothing"
        reply(turn, order.id, text, accepted=False)
        return
    if state.withdrawing is not None:
        reply(turn, order.id, "the export is being ended already", accepted=False)
        return
    if turn.last_seen() is None:
        # Much later, when it can be seen again, nobody expects it any more.
        reply(
            turn,
            order.id,
            "the storage of this node cannot be seen: repeat the drill once 'hafailover status' shows it",
            accepted=False,
        )
        return
    turn.note("a drill: the export is ended")
    turn.set(withdrawing=order.id)


def tell(turn: Turn, order: OperatorAsked) -> None:
    """Let the people who get alerts know what came of a drill.

    The order's reason begins with the verdict; whatever is not "met" is worth a warning.
    """
    severity = Severity.NOTE if order.reason.startswith("met") else Severity.WARNING
    text = f"a drill of {turn.settings.name}: {order.reason}"
    turn.do(RaiseAlert(kind=AlertKind.DRILL_RESULT, severity=severity, text=text))
    reply(turn, order.id, "told", accepted=True)


def advance_withdrawal(turn: Turn, views: tuple[VolumeView, ...]) -> bool:
    """Do the next thing of a withdrawal; return whether one is under way."""
    order = turn.state.withdrawing
    if order is None:
        return False
    for view in views:
        progress = pursue(turn, plan_unexported(view, turn.state.tries))
        if progress is Progress.BUSY:
            return True
        if progress is Progress.FAILED:
            try_again_later(turn)
            _end_withdrawal(turn, order, turn.state.refusal, accepted=False)
            return True
    _end_withdrawal(turn, order, "the export has ended", accepted=True)
    return False


def _end_withdrawal(turn: Turn, order: int, text: str, *, accepted: bool) -> None:
    turn.set(withdrawing=None)
    reply(turn, order, text, accepted=accepted)


def _obstacle(turn: Turn) -> str:
    if turn.state.pause is not None:
        return "role changes are paused; 'hafailover resume' first"
    return handover.obstacle(turn)
