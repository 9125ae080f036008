"""An interface that is back, as the agent takes it on FreeBSD: ifconfig(8) tells of it."""

import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from hafailover.errors import EdgeError
from hafailover.system import links
from hafailover.system.child import Ended
from hafailover.system.links import InterfaceGrip, LinkEdges
from tests.cli.settings import GROUP
from tests.system.conftest import Bench

MAC, OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02"
UP = """\
em0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> metric 0 mtu 1500
\tether {}
\tstatus: {}
"""


class World:
    """Everything that an interface is open in, and the ifconfig that tells of it."""

    def __init__(self) -> None:
        self.done: list[object] = []
        self.shown = UP.format(MAC, "active")
        self.index = 3
        self.looks = 0

    def start(self, argv: Sequence[str], *, deadline: int, done: Callable[[Ended], None]) -> None:
        assert tuple(argv) == ("ifconfig", "em0")
        assert deadline
        self.looks += 1
        complaint = b"" if self.shown else b"ifconfig: interface em0 does not exist"
        done(
            Ended(
                status=0 if self.shown else 1,
                stdout=self.shown.encode(),
                stderr=complaint,
                took_ns=0,
            )
        )

    def if_nametoindex(self, name: str) -> int:
        assert name == "em0"
        if not self.index:
            raise OSError("no interface with this name")
        return self.index

    def take(self, interface: str) -> None:
        self.done.append(("take", interface))

    def use_frames(self, frames: object) -> None:
        self.done.append(("frames", frames))

    def use_mac(self, interface: str, mac: str) -> None:
        self.done.append(("mac", interface, mac))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def grip(world: World, monkeypatch: pytest.MonkeyPatch) -> InterfaceGrip:
    async def frames_of(groups: object, macs: Mapping[str, str]) -> Mapping[str, str]:
        assert groups == (GROUP,)
        return macs

    monkeypatch.setattr(links, "has_netlink", lambda: False)
    monkeypatch.setattr(links, "hardware_addresses", lambda _: {"em0": MAC})
    monkeypatch.setattr(links, "frames_of", frames_of)
    monkeypatch.setattr(socket, "if_nametoindex", world.if_nametoindex)
    everything: Any = world
    edges = LinkEdges(runner=everything, vrrp=everything, addresses=everything)
    return InterfaceGrip("em0", (GROUP,), edges)


def test_the_same_hardware_is_taken_as_it_was(
    bench: Bench, world: World, grip: InterfaceGrip
) -> None:
    assert bench.loop.run_until_complete(grip.take())
    assert world.done == [("take", "em0")]


def test_other_hardware_is_spoken_for_in_other_frames(
    bench: Bench, world: World, grip: InterfaceGrip
) -> None:
    world.shown = UP.format(OTHER, "active")
    assert bench.loop.run_until_complete(grip.take())
    assert world.done == [("frames", {"em0": OTHER}), ("mac", "em0", OTHER), ("take", "em0")]
    world.done.clear()
    assert bench.loop.run_until_complete(grip.take())
    assert world.done == [("take", "em0")]


def test_one_without_a_carrier_is_not_taken(
    bench: Bench, world: World, grip: InterfaceGrip
) -> None:
    world.shown = UP.format(MAC, "no carrier")
    assert not bench.loop.run_until_complete(grip.take())
    assert world.done == []


def test_one_that_is_not_there_is_not_looked_at(
    bench: Bench, world: World, grip: InterfaceGrip
) -> None:
    world.index = 0
    assert not bench.loop.run_until_complete(grip.take())
    assert world.looks == 0


def test_one_that_goes_just_then_is_told_of(
    bench: Bench, world: World, grip: InterfaceGrip
) -> None:
    world.shown = ""
    with pytest.raises(EdgeError, match="em0: ifconfig: interface em0 does not exist"):
        bench.loop.run_until_complete(grip.take())
