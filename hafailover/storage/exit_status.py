"""What does an exit status mean? Pure tables, from fsck_ffs(8) and from what was seen on 14.0.

For every other command the status only says whether a note is due; what happened is observed.
"""

import re
from enum import Enum
from typing import Final

from hafailover.storage.steps import StepOutcome


class CheckResult(Enum):
    """What a check of a file system came to."""

    CLEAN = "clean: it may be mounted"
    NEEDS_FULL_CHECK = "unexpected inconsistency: only a full check can repair it"
    AGAIN = "repaired in part: the same check must run again"
    NO_FILE_SYSTEM = "no superblock: there is no file system, or it is damaged beyond fsck"
    NO_DEVICE = "the device is not there"
    NOT_WRITABLE = "opened without write access: it is mounted, or read-only; nothing was repaired"
    REBOOT_NEEDED = "a mounted file system was changed: the host must be rebooted"
    INTERRUPTED = "interrupted by a signal"
    HUNG = "did not end within its deadline"
    NOT_RUN = "could not be run"
    FAILED = "failed"


_STATUS: Final = {
    0: CheckResult.CLEAN,
    1: CheckResult.FAILED,
    2: CheckResult.INTERRUPTED,
    3: CheckResult.NO_FILE_SYSTEM,
    4: CheckResult.REBOOT_NEEDED,
    # 5 and 6 answer -F and -B, 7 answers -F: to anything else they are no answer at all.
    5: CheckResult.FAILED,
    6: CheckResult.FAILED,
    7: CheckResult.FAILED,
    8: CheckResult.NEEDS_FULL_CHECK,
    12: CheckResult.INTERRUPTED,
    16: CheckResult.AGAIN,
    126: CheckResult.NOT_RUN,
    127: CheckResult.NOT_RUN,
}
"""Exit statuses of ``fsck_ffs -p`` and of ``fsck_ffs -f -y``."""

_TEXT: Final = (
    ("Cannot find file system superblock", CheckResult.NO_FILE_SYSTEM),
    ("Can't stat ", CheckResult.NO_DEVICE),
    ("(NO WRITE)", CheckResult.NOT_WRITABLE),
    ("NO WRITE ACCESS", CheckResult.NOT_WRITABLE),
    ("PLEASE RERUN FSCK", CheckResult.AGAIN),
    ("FILE SYSTEM STILL DIRTY", CheckResult.NEEDS_FULL_CHECK),
)
"""Words stricter than the status: it ends with 0 without write access, with 8 without a device."""


def after_preen(outcome: StepOutcome) -> CheckResult:
    """Say what ``fsck_ffs -p`` came to."""
    return _read(outcome)


def after_full_check(outcome: StepOutcome) -> CheckResult:
    """Say what ``fsck_ffs -f -y`` came to: what it could not repair, nothing can."""
    result = _read(outcome)
    return CheckResult.FAILED if result is CheckResult.NEEDS_FULL_CHECK else result


def _read(outcome: StepOutcome) -> CheckResult:
    if outcome.status is None:
        return CheckResult.NOT_RUN if outcome.problem and not outcome.took_ns else CheckResult.HUNG
    if outcome.status < 0:
        return CheckResult.INTERRUPTED
    words = f"{outcome.stdout}\n{outcome.stderr}"
    if outcome.status in {0, 8}:
        for text, result in _TEXT:
            if text in words:
                return result
    return _STATUS.get(outcome.status, CheckResult.FAILED)


_NOT_FOUND: Final = 127
_NOT_EXECUTABLE: Final = 126
_SPECIAL: Final = {
    ("mdconfig -a", 0): "accepted, also if the file is not writable and came up read-only",
    ("ggated", 0): "started; whether it could bind its address is not known yet",
    ("ggatec create", 1): "refused or not reachable; ggatec tells only syslog why",
    ("gmirror forget", 0): "accepted, also if nothing was to forget",
    ("gmirror configure -p", 0): "accepted, also if no component has that name",
    ("gmirror insert", 0): "accepted; the copying has only begun",
}
_ERRNO: Final = re.compile(r"\(error=(?P<errno>[0-9]{1,3})\)")
_EBUSY: Final = "16"
_SIGNALS: Final = {
    1: "SIGHUP",
    2: "SIGINT",
    3: "SIGQUIT",
    6: "SIGABRT",
    9: "SIGKILL",
    11: "SIGSEGV",
    13: "SIGPIPE",
    15: "SIGTERM",
}
"""Those that a command ends by; their numbers are the same on every host (signal(3))."""


def describe(verb: str, outcome: StepOutcome) -> str:
    """Say in a few words how a command ended, for the journal and for humans."""
    status = outcome.status
    if status is None:
        return outcome.problem or "did not end within its deadline"
    if status < 0:
        return f"ended by {_signal_name(-status)}"
    if (verb, status) in _SPECIAL:
        return _SPECIAL[verb, status]
    if status in {_NOT_FOUND, _NOT_EXECUTABLE}:
        return "the program is missing or cannot be executed"
    # ggatec prints its errors to stdout, the others to stderr.
    words = " ".join((outcome.stderr or outcome.stdout).split())
    busy = _ERRNO.search(words)
    if "Device busy" in words or (busy is not None and busy["errno"] == _EBUSY):
        return f"the device is busy: {words}"
    if status == 0:
        return "accepted"
    return f"exit status {status}: {words or 'without a word'}"


def _signal_name(number: int) -> str:
    return _SIGNALS.get(number, f"signal {number}")
