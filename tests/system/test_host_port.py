"""The process ends with the last of its groups."""

from typing import Any, cast

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
