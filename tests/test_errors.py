"""Every error says what happened, what to do, and what the process ends with."""

from pathlib import Path

import pytest

from hafailover import errors
from hafailover.errors import HaFailoverError

CASES: list[tuple[HaFailoverError, int, str]] = [
    (errors.UnusableConfigurationError("no arbiter"), 78, "no arbiter"),
    (errors.WrongHostError("not here"), 69, "not here"),
    (errors.EdgeError("no"), 71, "no"),
    (errors.KeyFileError(Path("/k"), "is missing", hint="make one"), 78, "/k: is missing"),
    (errors.StoreError(Path("/s"), "No space left"), 74, "/s: No space left"),
    (
        errors.AddressError("192.0.2.1 port 3081", "in use"),
        71,
        "cannot listen on 192.0.2.1 port 3081: in use",
    ),
    (errors.NotPermittedError("opening a raw socket"), 77, "not permitted: opening a raw socket"),
    (errors.ControlError("odd"), 69, "odd"),
    (errors.AgentNotRunningError(Path("/c")), 69, "no agent answers at /c"),
    (
        errors.VersionMismatchError(1, 2),
        76,
        "this command speaks version 1 of the control protocol, the agent 2",
    ),
    (errors.RequestRefusedError("the peer serves"), 1, "the peer serves"),
    (errors.ControlTimeoutError("too long"), 75, "too long"),
]


@pytest.mark.parametrize(
    ("error", "status", "text"), CASES, ids=[type(error).__name__ for error, _, _ in CASES]
)
def test_an_error_is_rendered(error: HaFailoverError, status: int, text: str) -> None:
    assert (str(error), error.message, error.exit_status) == (text, text, status)


def test_every_error_of_the_module_is_in_the_table() -> None:
    named = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, HaFailoverError)
    }
    assert named - {HaFailoverError} == {type(error) for error, _, _ in CASES}
