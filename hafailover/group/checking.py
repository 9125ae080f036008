"""How is a file system brought to be clean before it is mounted? Preening first, the full check only as configured."""

from dataclasses import replace

from hafailover.group.turn import Turn, put
from hafailover.group.undertakings import Attempt
from hafailover.storage import commands
from hafailover.storage.exit_status import CheckResult, after_full_check, after_preen
from hafailover.storage.settings import FullCheck
from hafailover.storage.steps import CommandStep, Next, Plan, Refused, StepOutcome
from hafailover.storage.view import VolumeView

_FULL_CHECKS_MAX = 2
_GO_ON = (CheckResult.CLEAN, CheckResult.AGAIN, CheckResult.NEEDS_FULL_CHECK)


def plan_check(attempt: Attempt, view: VolumeView) -> Plan:
    """Return the next step towards "the file system was found, or made, clean in this activation"."""
    runs = dict(attempt.repaired).get(view.settings.name, int(attempt.accepts_mixture))
    if runs % 2 == 0 and runs <= 2 * _FULL_CHECKS_MAX:
        return Next(commands.preen(view.settings), "never mounted but clean")
    if view.settings.full_check is FullCheck.OPERATOR:
        return Refused(
            f"fsck_ffs -p of {view.settings.device} gave up: run 'fsck_ffs {view.settings.device}' by hand "
            f"(volume {view.settings.name}), then 'hafailover clear-hold'"
        )
    if runs >= 2 * _FULL_CHECKS_MAX:
        return Refused(
            f"fsck_ffs -f -y could not make {view.settings.device} clean in {_FULL_CHECKS_MAX} runs"
        )
    return Next(commands.full_check(view.settings), "the automatic repair gave up")


def note_checked(turn: Turn, step: CommandStep, outcome: StepOutcome) -> str:
    """Take note of what fsck found; return why the promotion fails, empty if it does not.

    Here the exit status is all there is (fsck_ffs(8)). A full check is believed only when the preening that follows it
    finds nothing. ``repaired`` counts both kinds: even means that preening is next, odd the full check; what may be a
    mixture of old and new starts with the full check.
    """
    attempt = turn.state.attempt
    if attempt is None or not step.is_check:
        return ""
    runs = dict(attempt.repaired).get(step.volume, int(attempt.accepts_mixture))
    is_preen = step.verb == "fsck_ffs -p"
    result = after_preen(outcome) if is_preen else after_full_check(outcome)
    if is_preen and result is CheckResult.CLEAN:
        turn.set(attempt=replace(attempt, checked=(*attempt.checked, step.volume)))
        return ""
    if result in _GO_ON:
        turn.set(attempt=replace(attempt, repaired=put(attempt.repaired, step.volume, runs + 1)))
        return ""
    said = (outcome.stderr.strip() or outcome.stdout.strip()).splitlines()[-1:]
    return f"{' '.join(step.argv)}: {result.value}" + (f" ({said[0]})" if said else "")
