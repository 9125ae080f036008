"""What is open on an interface is closed with it, and opened anew with the next one of its name."""

import asyncio

import pytest

from hafailover.errors import EdgeError
from hafailover.system import attachment
from hafailover.system.attachment import Attachment
from tests.system.conftest import Bench


class Held:
    """Stands for everything that is open."""

    def __init__(self) -> None:
        self.is_up = True
        self.problems: list[str] = []
        self.takes = 0
        self.is_open = True
        self.wait = asyncio.Event()
        self.wait.set()

    async def take(self) -> bool:
        self.takes += 1
        await self.wait.wait()
        if self.problems:
            raise EdgeError(self.problems.pop(0))
        self.is_open = self.is_up
        return self.is_up

    def let_go(self) -> None:
        self.is_open = False


class Rig:
    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.held = Held()
        self.said: list[str] = []
        self.resumed = 0
        self.attachment = Attachment("em0", self.held, self.said.append)

    def appear(self) -> None:
        async def appear() -> None:
            self.attachment.appeared(self.resume)
            await asyncio.sleep(0)

        self.bench.loop.run_until_complete(appear())

    def resume(self) -> None:
        self.resumed += 1


@pytest.fixture
def rig(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(attachment, "AGAIN_S", 0.01)
    return Rig(bench)


def test_it_is_closed_and_opened_again_and_both_is_said_once(rig: Rig) -> None:
    rig.attachment.vanished()
    rig.attachment.vanished()
    assert (rig.held.is_open, rig.attachment.is_there) == (False, False)
    rig.appear()
    rig.bench.until(lambda: rig.resumed)
    assert (rig.held.is_open, rig.attachment.is_there) == (True, True)
    assert rig.said == [
        "interface em0 is gone, destroyed or renamed: nothing is sent or heard on it",
        "interface em0 is back: its sockets were opened anew",
    ]


def test_what_cannot_be_opened_is_tried_again_and_said_once(rig: Rig) -> None:
    rig.attachment.vanished()
    rig.held.problems = ["em0: no bpf", "em0: no bpf", "em0: no memory"]
    rig.appear()
    rig.bench.until(lambda: rig.resumed)
    assert rig.said[1:-1] == [
        "em0: no bpf; tried again every second",
        "em0: no memory; tried again every second",
    ]


def test_one_that_is_not_up_yet_is_waited_for(rig: Rig) -> None:
    rig.attachment.vanished()
    rig.held.is_up = False
    rig.appear()
    rig.bench.until(lambda: rig.held.takes > 2)
    assert (rig.resumed, rig.attachment.is_there) == (0, False)
    rig.held.is_up = True
    rig.bench.until(lambda: rig.resumed)


def test_one_that_is_up_is_taken_as_soon_as_the_kernel_says_so(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachment, "AGAIN_S", 1e6)
    rig.attachment.vanished()
    rig.held.is_up = False
    rig.appear()
    rig.held.wait.clear()
    rig.appear()
    rig.held.is_up = True
    rig.held.wait.set()
    rig.bench.until(lambda: rig.resumed)


def test_one_that_goes_while_it_is_taken_is_let_go(rig: Rig) -> None:
    rig.attachment.vanished()
    rig.held.wait.clear()
    rig.appear()
    rig.appear()
    assert rig.held.takes == 1
    rig.attachment.vanished()
    rig.held.wait.set()
    rig.bench.turn()
    rig.bench.turn()
    assert (rig.held.is_open, rig.resumed) == (False, 0)
    rig.appear()
    rig.bench.until(lambda: rig.resumed)
    assert rig.held.is_open
