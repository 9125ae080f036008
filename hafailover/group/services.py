"""How are the group's services started, stopped and checked? One command at a time, in the configured order."""

from dataclasses import replace

from hafailover.group.actions import RunService, ServiceVerb
from hafailover.group.settings import GroupSettings, ServiceSettings
from hafailover.group.state import GroupState, ServiceCall, ServiceState
from hafailover.group.turn import Turn
from hafailover.group.work import Progress
from hafailover.storage.steps import StepOutcome
from hafailover.units import Instant, later

START_TRIES_MAX = 3


def start_all(turn: Turn) -> Progress:
    """Start what does not run, in order; what is being stopped has to end first."""
    call = turn.state.service_call
    if call is not None and call.verb is ServiceVerb.STOP:
        return Progress.BUSY
    for settings in turn.settings.services:
        service = _state(turn, settings.name)
        if service.is_running:
            continue
        if service.failures >= START_TRIES_MAX:
            turn.set(refusal=f"service {settings.name} does not start: {service.problem}")
            return Progress.FAILED
        _call(turn, settings, ServiceVerb.START)
        return Progress.BUSY
    return Progress.REACHED


def stop_all(turn: Turn) -> Progress:
    """Stop what runs, in reverse order. A service that fails to stop is not waited for: unmount deals with it.

    A start that is under way is waited for, unless everything ends by force: what it begins has to be stopped, too.
    """
    call, demotion = turn.state.service_call, turn.state.demotion
    is_in_haste = demotion is not None and demotion.is_forced
    if call is not None and call.verb is ServiceVerb.START and not is_in_haste:
        return Progress.BUSY
    for settings in reversed(turn.settings.services):
        if _state(turn, settings.name).is_running:
            _call(turn, settings, ServiceVerb.STOP)
            return Progress.BUSY
    return Progress.REACHED


def are_left_over(turn: Turn) -> bool:
    """Whether a service counts as running that this life has not started: a start is the first look at it."""
    return any(each.is_running and each.checked_at is None for each in turn.state.services)


def is_any_up(turn: Turn) -> bool:
    """Whether a service runs, or is being started."""
    call = turn.state.service_call
    is_starting = call is not None and call.verb is ServiceVerb.START
    return is_starting or any(each.is_running for each in turn.state.services)


def check_due(turn: Turn) -> None:
    """Start the next check that is due."""
    if turn.state.service_call is not None:
        return
    for settings in turn.settings.services:
        service = _state(turn, settings.name)
        since = service.checked_at
        if not service.is_running or not settings.check:
            continue
        if since is None or turn.now - since >= settings.check_interval:
            _call(turn, settings, ServiceVerb.CHECK)
            return


def next_check(state: GroupState, settings: GroupSettings) -> Instant | None:
    """Return when the next check is due; None while a command runs or nothing is checked."""
    if state.service_call is not None:
        return None
    due = []
    for each in settings.services:
        service = next((known for known in state.services if known.name == each.name), None)
        if (
            each.check
            and service is not None
            and service.is_running
            and service.checked_at is not None
        ):
            due.append(later(service.checked_at, each.check_interval))
    return min(due, default=None)


def failing(turn: Turn) -> str:
    """Say which service fails its checks for good; empty if none does."""
    for settings in turn.settings.services:
        service = _state(turn, settings.name)
        if service.is_running and service.failures >= settings.check_failures:
            return f"service {settings.name} failed {service.failures} checks in a row: {service.problem}"
    return ""


def unstopped(turn: Turn) -> str:
    """Say which service's stop command failed last; empty if none did."""
    for service in turn.state.services:
        if service.problem and not service.is_running and not service.failures:
            return f"service {service.name} did not stop: {service.problem}"
    return ""


def assume_running(turn: Turn) -> None:
    """Take over services of an earlier life of the agent; their checks will tell."""
    turn.set(
        services=tuple(
            ServiceState(name=each.name, is_running=True) for each in turn.settings.services
        )
    )


def expect_late_start(turn: Turn) -> None:
    """An earlier life was killed in the middle of something: a start of its can end after this life's stop."""
    longest = max((each.start_deadline for each in turn.settings.services), default=None)
    if longest is not None:
        turn.set(stop_again_at=later(turn.now, longest))


def stop_late_starts(turn: Turn) -> None:
    """Stop everything once more on a node that serves nothing, when such a start has had its time."""
    at = turn.state.stop_again_at
    if at is not None and turn.now >= at and turn.state.service_call is None:
        turn.set(stop_again_at=None)
        assume_running(turn)


def finish(turn: Turn, number: int, outcome: StepOutcome) -> None:
    """Take note of how a service command ended."""
    call = turn.state.service_call
    if call is None or call.id != number:
        return
    turn.set(service_call=None)
    service = _state(turn, call.service)
    problem = _problem(outcome)
    match call.verb:
        case ServiceVerb.START:
            _put(
                turn,
                replace(
                    service,
                    is_running=not problem,
                    failures=service.failures + 1 if problem else 0,
                    problem=problem,
                    checked_at=turn.now,
                ),
            )
        case ServiceVerb.STOP:
            _put(turn, replace(service, is_running=False, failures=0, problem=problem))
        case ServiceVerb.CHECK:
            _put(
                turn,
                replace(
                    service,
                    failures=service.failures + 1 if problem else 0,
                    problem=problem,
                    checked_at=turn.now,
                ),
            )
    if problem:
        turn.note(f"service {call.service}, {call.verb.value}: {problem}")


def forget_failures(turn: Turn) -> None:
    """Begin counting anew: a promotion begins."""
    turn.set(services=tuple(replace(each, failures=0, problem="") for each in turn.state.services))


def _problem(outcome: StepOutcome) -> str:
    if outcome.problem:
        return outcome.problem
    if outcome.status == 0:
        return ""
    tail = (outcome.stderr.strip() or outcome.stdout.strip()).splitlines()[-1:]
    return f"exit status {outcome.status}" + (f": {tail[0]}" if tail else "")


def _call(turn: Turn, settings: ServiceSettings, verb: ServiceVerb) -> None:
    if turn.state.service_call is not None:
        return
    pending = turn.ask(f"{verb.value} {settings.name}")
    turn.set(service_call=ServiceCall(id=pending.id, service=settings.name, verb=verb))
    turn.do(RunService(id=pending.id, service=settings.name, verb=verb))


def _state(turn: Turn, name: str) -> ServiceState:
    for each in turn.state.services:
        if each.name == name:
            return each
    return ServiceState(name=name)


def _put(turn: Turn, service: ServiceState) -> None:
    others = tuple(each for each in turn.state.services if each.name != service.name)
    turn.set(services=(*others, service))
