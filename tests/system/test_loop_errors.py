"""A shortage passes; everything else is the end."""

import asyncio
import socket
from pathlib import Path
from typing import Any

from hafailover.system.loop_errors import SAY_AGAIN_S, LoopErrors
from tests.system.conftest import Bench, few_descriptors


class Rig:
    """What was said, and what was taken for the end."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.failed: list[object] = []
        self.subject = LoopErrors(self.said.append, self.failed.append)


def test_who_finds_no_descriptor_left_is_let_in_later(bench: Bench, tmp_path: Path) -> None:
    rig = Rig()
    bench.loop.set_exception_handler(rig.subject)
    visits: list[asyncio.StreamWriter] = []

    def let_in(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(writer)
        writer.close()

    server = bench.loop.run_until_complete(asyncio.start_unix_server(let_in, tmp_path / "s"))
    with socket.socket(socket.AF_UNIX) as visitor:
        with few_descriptors():
            visitor.connect(str(tmp_path / "s"))
            bench.until(lambda: rig.said, "the shortage")
        assert rig.said == ["a connection has to wait: Too many open files"]
        assert not visits
        bench.until(lambda: visits, "the visit")
    assert rig.failed == []
    bench.loop.run_until_complete(visits[0].wait_closed())
    server.close()
    bench.loop.run_until_complete(server.wait_closed())


def test_a_shortage_is_not_said_all_the_time(bench: Bench) -> None:
    rig = Rig()
    context = {
        "message": "socket.accept() out of system resource",
        "exception": OSError(24, "Too many open files"),
    }
    for _ in range(3):
        rig.subject(bench.loop, context)
    assert len(rig.said) == 1
    rig.subject._silent_until -= SAY_AGAIN_S
    rig.subject(bench.loop, context)
    assert len(rig.said) == 2
    assert rig.failed == []


def test_everything_else_is_the_end(bench: Bench) -> None:
    rig = Rig()
    contexts: list[dict[str, Any]] = [
        {"message": "Task exception was never retrieved", "exception": OSError(24, "x")},
        {"message": "socket.accept() out of system resource", "exception": OSError(9, "x")},
        {"message": "Exception in callback", "exception": ValueError("x")},
        {"message": "nothing more"},
    ]
    for context in contexts:
        rig.subject(bench.loop, context)
    assert (rig.said, rig.failed) == ([], contexts)
