"""How does a plan become work? One storage step at a time, each followed by a fresh look at what is there.

Three lanes run beside each other: observation, work (planned steps, services), and the urgent lane in which a lost
peer is let go without looking first, since readers of the GEOM tree can hang just then.
"""

from enum import Enum

from hafailover.group.actions import Observe, RunStep, WriteRecords
from hafailover.group.report import Role
from hafailover.group.settings import GroupSettings
from hafailover.group.state import GroupState, Pending
from hafailover.group.turn import Turn
from hafailover.lineage.record import CopyState
from hafailover.storage.steps import (
    CommandStep,
    FileStep,
    Look,
    Next,
    Plan,
    Reached,
    Refused,
    SignalStep,
    Step,
    StepOutcome,
    Wait,
    shows,
)
from hafailover.storage.tries import TRIES_MAX, Tries
from hafailover.units import MILLISECOND, SECOND, Instant, later

_LOOK_SOON = 100 * MILLISECOND
_LOOK_LATER = SECOND
_WRITE_RETRY = SECOND
_PACE = 25 * MILLISECOND
"""A step without effect is tried again after 50 ms, 100 ms, 200 ms ...: a fresh device is busy while it is tasted."""


_STANDBY_PATIENCE = 3
"""A standby to which nothing happens looks at its host after so many periods."""

_AHEAD = 4
"""With whatever else happens a regular look comes up to a quarter of a heartbeat early, and spares a waking."""

ROUTINE = "routine observation"
"""A look that nothing but the time asks for."""

TEST_WRITE = 0
"""Id of an answer that nobody asked for: the regular test of the disk under the records."""


class Progress(Enum):
    """What became of a plan."""

    REACHED = "reached"
    BUSY = "under way"
    FAILED = "failed: the state's refusal says why"


def pursue(turn: Turn, plan: Plan) -> Progress:
    """Do what ``plan`` says next, if nothing else is under way."""
    match plan:
        case Reached():
            return Progress.REACHED
        case Next(step=step, reason=reason):
            return _run(turn, step, reason)
        case Look(openers_of=openers_of):
            # Asked for all images at once: two volumes that ask in turn would forget each other's answer.
            images = tuple(each.image for each in turn.settings.volumes) if openers_of else ()
            turn.set(must_look=True, ask_openers=images)
            return Progress.BUSY
        case Wait(reason=reason):
            _look_in(turn, _LOOK_SOON * 3)
            turn.set(refusal=reason)
            return Progress.BUSY
        case Refused(reason=reason):
            turn.set(refusal=reason)
            _look_in(turn, _LOOK_LATER)
            return Progress.FAILED


def _run(turn: Turn, step: Step, reason: str) -> Progress:
    state = turn.state
    if state.work is not None:
        return Progress.BUSY
    if state.tries.of(step) >= TRIES_MAX:
        turn.set(
            refusal=f"{describe(step)} was tried {state.tries.count} times without effect"
            + (f"; it said: {state.tries.last_words}" if state.tries.last_words else "")
        )
        return Progress.FAILED
    count = state.tries.of(step)
    ready_at = later(state.tried_at, _PACE << count) if count else turn.now
    if turn.now < ready_at:
        _look_in(turn, ready_at - turn.now)
        return Progress.BUSY
    pending = turn.ask(describe(step))
    turn.set(work=_with_step(turn, pending.id, step), refusal="")
    turn.do(RunStep(id=pending.id, step=step, reason=reason))
    return Progress.BUSY


def run_urgent(turn: Turn, step: Step, reason: str) -> None:
    """Run ``step`` in the urgent lane, beside whatever hangs in the others."""
    pending = turn.ask(describe(step))
    turn.set(urgent=_with_step(turn, pending.id, step))
    turn.do(RunStep(id=pending.id, step=step, reason=reason))


def _with_step(turn: Turn, number: int, step: Step) -> Pending:
    return Pending(id=number, since=turn.now, what=describe(step), step=step)


def finish_work(turn: Turn, outcome: StepOutcome) -> None:
    """Take note of how the step in the work lane ended; whether it succeeded is for the next look to say."""
    pending = turn.state.work
    if pending is None or pending.step is None:
        return
    words = _last_words(outcome)
    tries = turn.state.tries.plus(pending.step, words)
    turn.set(work=None, tries=tries, tried_at=turn.now)
    if shows(pending.step):
        turn.look_again()
        turn.set(look_at=None, ask_openers=_freed_images(turn, pending.step))
    if outcome.problem or (
        isinstance(pending.step, CommandStep) and outcome.status not in pending.step.accepts
    ):
        turn.note(f"{pending.what}: {words}")


def _freed_images(turn: Turn, step: Step) -> tuple[str, ...]:
    """Return the image that ``step`` may have set free: whether somebody still has it open is asked at once."""
    frees = isinstance(step, SignalStep) or (
        isinstance(step, CommandStep) and step.verb == "mdconfig -d"
    )
    images = tuple(
        each.image for each in turn.settings.volumes if frees and each.name == step.volume
    )
    return tuple(dict.fromkeys((*turn.state.ask_openers, *images)))


def _last_words(outcome: StepOutcome) -> str:
    said = (outcome.stderr.strip() or outcome.stdout.strip()).splitlines()
    parts = [outcome.problem] if outcome.problem else [f"exit status {outcome.status}"]
    return ", ".join([*parts, *said[-1:]])


def settle(turn: Turn) -> None:
    """Forget how often things were tried: a new plan begins."""
    turn.set(tries=Tries(), refusal="")


def write_records(turn: Turn) -> None:
    """Make the records durable as they stand, if they are not and no write is under way."""
    state = turn.state
    # After a failed write the disk is tried again until one succeeds, though nothing else may be left to write.
    if (state.is_durable and not state.write_problem) or state.writing is not None:
        return
    if state.write_retry_at is not None and turn.now < state.write_retry_at:
        return
    pending = turn.ask("lineage records")
    turn.set(writing=pending, being_written=turn.state.records, write_retry_at=None)
    # A copy that is unknown only to this life of the agent keeps its record on disk: an operator may need it.
    known = tuple(each for each in turn.state.records if each[1].copy is not CopyState.UNKNOWN)
    turn.do(WriteRecords(id=pending.id, records=known))


def finish_records(turn: Turn, number: int, problem: str) -> None:
    """Take note that the records are durable, or why not."""
    state = turn.state
    if number == TEST_WRITE and state.writing is None:
        turn.set(write_problem=problem)
    if state.writing is None or state.writing.id != number:
        return
    if problem:
        turn.set(writing=None, write_problem=problem, write_retry_at=later(turn.now, _WRITE_RETRY))
        return
    turn.set(writing=None, durable=state.being_written, write_problem="")


def observe(turn: Turn) -> None:
    """Ask for a look at the host when one is due and none is under way."""
    if not is_look_due(turn):
        return
    state = turn.state
    is_routine = not state.must_look and state.look_at is None
    pending = turn.ask(ROUTINE if is_routine else "observation")
    images = tuple(volume.image for volume in turn.settings.volumes)
    turn.set(observing=pending, look_at=None)
    turn.do(
        Observe(id=pending.id, images=images, openers_of=state.ask_openers, is_routine=is_routine)
    )


def is_look_due(turn: Turn) -> bool:
    """Whether the host is to be looked at now: a look that nothing but its period asks for may come a moment early."""
    state, settings = turn.state, turn.settings
    due = look_due(state, settings)
    if due is None or turn.now >= due:
        return due is not None
    # What somebody waits for is not answered by a look that began before its time.
    ahead = later(turn.now, settings.timers.heartbeat // _AHEAD)
    return not state.must_look and ahead >= _regular_at(state, settings)


def look_due(state: GroupState, settings: GroupSettings) -> Instant | None:
    """Return when the host is to be looked at next; None while a look is under way or a step's own end asks for it."""
    is_working = state.work is not None and state.work.step is not None and shows(state.work.step)
    is_busy = is_working or state.addressing is not None
    if state.observing is not None or (is_busy and state.must_look):
        return None
    if state.must_look:
        return state.look_at if state.look_at is not None else state.facts_at
    due = (_regular_at(state, settings), state.look_at, _doubted_at(state, settings))
    return min(each for each in due if each is not None)


def _regular_at(state: GroupState, settings: GroupSettings) -> Instant:
    return later(state.facts_at, settings.timers.observe_period * _patience(state))


def _doubted_at(state: GroupState, settings: GroupSettings) -> Instant | None:
    """Return when a canary that does not come back makes a primary look at its own copy, before the peer's is let go.

    Letting go waits for no look, since readers of the GEOM tree can hang just then; but one that comes in time counts.
    """
    if not state.canaries or not state.pairing.units or state.dropping is not None:
        return None
    timers = settings.timers
    oldest = min([at for _, at in state.canaries])
    doubted_at = later(oldest, timers.canary_period + timers.canary_deadline // 2)
    return doubted_at if state.looked_at < doubted_at else None


def _patience(state: GroupState) -> int:
    """A primary watches its own copy; what a standby has is watched by the primary, through the canary."""
    return _STANDBY_PATIENCE if state.role is Role.STANDBY else 1


def try_again_later(turn: Turn) -> None:
    """Count anew, after a pause and another look: what failed may have been in the way of somebody else."""
    turn.set(tries=Tries(), must_look=True, look_at=later(turn.now, _LOOK_LATER))


def _look_in(turn: Turn, span: int) -> None:
    if turn.state.look_at is None:
        turn.set(look_at=later(turn.now, span))


def describe(step: Step) -> str:
    """Say in a few words what a step does, for history and status."""
    match step:
        case CommandStep():
            return " ".join(step.argv)
        case FileStep():
            return f"{step.task.value} ({step.path})"
        case SignalStep():
            return f"{step.signal} to {step.what}"
