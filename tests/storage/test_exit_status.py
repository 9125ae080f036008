"""What an exit status means, status by status and word by word."""

import pytest

from hafailover.storage.exit_status import CheckResult, after_full_check, after_preen, describe
from hafailover.storage.steps import StepOutcome

MISSING = "Can't stat /dev/md99: No such file or directory\n"
NO_SUPERBLOCK = "Cannot find file system superblock\n"
NO_WRITE = "** /dev/mirror/gm0 (NO WRITE)\n** Last Mounted on /mnt/data\n"
INCONSISTENT = "/dev/md5: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.\n"
REPLAYED = "** SU+J Recovering /dev/mirror/data\n***** FILE SYSTEM MARKED CLEAN *****\n"


@pytest.mark.parametrize(
    ("status", "stdout", "preened", "checked"),
    [
        (0, "", CheckResult.CLEAN, CheckResult.CLEAN),
        (0, REPLAYED, CheckResult.CLEAN, CheckResult.CLEAN),
        (0, NO_WRITE, CheckResult.NOT_WRITABLE, CheckResult.NOT_WRITABLE),
        (0, "***** PLEASE RERUN FSCK *****", CheckResult.AGAIN, CheckResult.AGAIN),
        (
            0,
            "***** FILE SYSTEM STILL DIRTY *****",
            CheckResult.NEEDS_FULL_CHECK,
            CheckResult.FAILED,
        ),
        (1, "", CheckResult.FAILED, CheckResult.FAILED),
        (2, "", CheckResult.INTERRUPTED, CheckResult.INTERRUPTED),
        (3, NO_SUPERBLOCK, CheckResult.NO_FILE_SYSTEM, CheckResult.NO_FILE_SYSTEM),
        (4, "***** REBOOT NOW *****", CheckResult.REBOOT_NEEDED, CheckResult.REBOOT_NEEDED),
        (5, "", CheckResult.FAILED, CheckResult.FAILED),
        (6, "", CheckResult.FAILED, CheckResult.FAILED),
        (7, "", CheckResult.FAILED, CheckResult.FAILED),
        (8, INCONSISTENT, CheckResult.NEEDS_FULL_CHECK, CheckResult.FAILED),
        (8, MISSING, CheckResult.NO_DEVICE, CheckResult.NO_DEVICE),
        (8, NO_SUPERBLOCK, CheckResult.NO_FILE_SYSTEM, CheckResult.NO_FILE_SYSTEM),
        (8, "/dev/md5: NO WRITE ACCESS", CheckResult.NOT_WRITABLE, CheckResult.NOT_WRITABLE),
        (12, "", CheckResult.INTERRUPTED, CheckResult.INTERRUPTED),
        (16, "", CheckResult.AGAIN, CheckResult.AGAIN),
        (99, "", CheckResult.FAILED, CheckResult.FAILED),
        (-9, "", CheckResult.INTERRUPTED, CheckResult.INTERRUPTED),
    ],
)
def test_what_a_check_came_to(
    status: int, stdout: str, preened: CheckResult, checked: CheckResult
) -> None:
    outcome = StepOutcome(status=status, stdout=stdout)
    assert after_preen(outcome) is preened
    assert after_full_check(outcome) is checked


def test_a_check_that_never_ended_is_not_one_that_never_began() -> None:
    hung = StepOutcome(status=None, took_ns=600, problem="deadline")
    assert after_preen(hung) is CheckResult.HUNG
    assert after_preen(StepOutcome(status=None)) is CheckResult.HUNG
    missing = StepOutcome(status=None, problem="fsck_ffs: not found")
    assert after_preen(missing) is CheckResult.NOT_RUN


@pytest.mark.parametrize(
    ("verb", "outcome", "words"),
    [
        ("mount", StepOutcome(status=None, problem="deadline"), "deadline"),
        ("mount", StepOutcome(status=None), "did not end"),
        ("mount", StepOutcome(status=-9), "SIGKILL"),
        ("mount", StepOutcome(status=-77), "signal 77"),
        ("mount", StepOutcome(status=0), "accepted"),
        ("mount", StepOutcome(status=127), "missing"),
        ("mount", StepOutcome(status=1, stderr="mount: /dev/md5: Device busy"), "is busy"),
        (
            "gmirror destroy",
            StepOutcome(status=1, stderr="gmirror: Cannot destroy device gm0 (error=16)."),
            "is busy",
        ),
        (
            "ggatec destroy",
            StepOutcome(status=1, stdout="error: ggatec: ioctl(/dev/ggctl): Device busy."),
            "is busy",
        ),
        ("ggatec create", StepOutcome(status=1), "syslog"),
        ("gmirror insert", StepOutcome(status=0), "only begun"),
        ("ggated", StepOutcome(status=0), "not known yet"),
        ("umount", StepOutcome(status=1), "exit status 1: without a word"),
        ("umount", StepOutcome(status=1, stderr="umount: x:\n\tbad"), "umount: x: bad"),
    ],
)
def test_an_outcome_is_told_in_words(verb: str, outcome: StepOutcome, words: str) -> None:
    assert words in describe(verb, outcome)
