"""What an agent does when something within it is broken: whatever fails then as well, it ends."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from hafailover.system.agent import LAST_ACT_S, Agent


def _broken(*_: object) -> None:
    raise RuntimeError("this, too")


@pytest.mark.parametrize("broken", ["release", "flush"])
def test_an_agent_ends_though_its_last_act_fails(broken: str) -> None:
    done: list[Any] = []
    acts = {"release": lambda name, _: done.append(name), "flush": done.append} | {broken: _broken}
    ended = object()
    agent = SimpleNamespace(
        _exit_status=0,
        _groups={"web": None, "mail": None},
        _log=SimpleNamespace(say=lambda *_: None),
        _journal=SimpleNamespace(flush=acts["flush"]),
        _edges=SimpleNamespace(addresses=SimpleNamespace(release=acts["release"])),
        _ended=SimpleNamespace(set=ended),
        _loop=SimpleNamespace(call_later=lambda *call: done.append(call)),
    )

    with pytest.raises(RuntimeError, match="this, too"):
        Agent._fail(cast("Agent", agent), {"message": "broken"})

    assert agent._exit_status == 70
    assert done[0] == (LAST_ACT_S, ended)
    # The addresses of all groups come off, whatever becomes of the journal.
    assert broken == "release" or done[1:] == ["web", "mail"]
