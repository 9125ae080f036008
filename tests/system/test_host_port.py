"""The process ends with the last of its groups."""

from collections.abc import Callable
from typing import Any, cast

from hafailover.system.child import Ended
from hafailover.system.host import HostPort


def test_a_group_that_was_to_be_left_up_and_has_to_stop_now_is_waited_for_again() -> None:
    ended: list[str] = []
    nothing = cast("Any", None)
    port = HostPort(
        nothing,
        nothing,
        frozenset({"one", "two"}),
        say=lambda _: None,
        alarm=lambda _group, _text: None,
        finished=lambda: ended.append("now"),
    )
    port.stop("one")
    port.wait_for("one")
    port.stop("two")
    assert ended == []
    port.stop("one")
    assert ended == ["now"]


class Lasting:
    """A loop and a runner of a host that no command resets."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self._answers: list[Callable[[Ended], None]] = []
        self._later: list[Callable[[], None]] = []

    def start(self, argv: tuple[str, ...], *, deadline: int, done: Callable[[Ended], None]) -> None:
        assert deadline > 0
        self.commands.append(" ".join(argv))
        self._answers.append(done)

    def call_later(self, _delay: float, then: Callable[[], None]) -> None:
        self._later.append(then)

    def go_on(self) -> None:
        self._answers.pop()(
            Ended(status=None, problem="reboot did not end within 3 s and was killed")
        )
        self._later.pop()()


def test_a_reboot_that_waits_for_a_stuck_mirror_is_followed_by_what_waits_for_nobody() -> None:
    """shutdown_post_sync of g_mirror.c takes the lock that its worker holds over a write to a frozen ggate."""
    host = Lasting()
    port = HostPort(
        cast("Any", host),
        cast("Any", host),
        frozenset({"one"}),
        say=lambda _: None,
        alarm=lambda _group, _text: None,
        finished=lambda: None,
    )
    port.reset("one", "the lease is over")
    port.reset("one", "said twice")
    host.go_on()
    host.go_on()
    assert host.commands == ["reboot -nq", "sysctl debug.kdb.panic=1", "reboot -nq"]
