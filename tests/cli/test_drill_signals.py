"""A drill brings the group home when its terminal goes, and leaves the process's handlers as they were."""

import signal
from typing import Any

import pytest

from hafailover.cli import drill
from hafailover.drill import conduct as conducting


def test_a_signal_interrupts_the_drill_and_nothing_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Any] = []

    def conduct(*_: object) -> None:
        seen.extend(signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP))

    monkeypatch.setattr(conducting, "conduct", conduct)
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]

    drill._conduct(None, as_json=False)  # type: ignore[arg-type]

    assert seen == [signal.default_int_handler] * 2
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before
