"""Advertisements and links on a wire of our own: vnet jails on FreeBSD, name spaces elsewhere."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from hafailover.system.carp_watch import has_carp
from tests.freebsd.hosts import is_freebsd
from tests.freebsd.wires import End, Program, wire

pytestmark = pytest.mark.netns


@pytest.fixture
def ends() -> Iterator[tuple[End, End]]:
    if os.geteuid() != 0:
        pytest.skip("network stacks need root")
    with wire() as made:
        yield made


@pytest.fixture
def no_carp() -> None:
    """Where carp(4) is loaded it takes what a raw socket is to hear."""
    if is_freebsd() and has_carp():
        pytest.skip("carp(4) is loaded: kldunload carp")


def exchange(one: Program, two: Program, source: str, target: str) -> None:
    two.ask("hear")
    one.ask(f"send {target} 51")
    one.answers("sent")
    two.answers(f"{source} {target} 255 51")


@pytest.mark.parametrize(
    ("prefix", "group"), [("192.0.2.", "224.0.0.18"), ("fe80::", "ff02::12")], ids=["ipv4", "ipv6"]
)
@pytest.mark.usefixtures("no_carp")
def test_an_advertisement_crosses_by_multicast_and_to_one(
    ends: tuple[End, End], prefix: str, group: str
) -> None:
    one, two = (end.program(f"{prefix}{number}") for number, end in enumerate(ends, start=1))
    exchange(one, two, f"{prefix}1", group)
    exchange(two, one, f"{prefix}2", f"{prefix}1")
    one.end()
    two.end()


def test_a_link_that_goes_and_comes_is_told(ends: tuple[End, End]) -> None:
    program = ends[0].program("192.0.2.1")
    ends[0].set_link(is_up=False)
    program.ask("watch")
    program.answers("down")
    program.end()


@pytest.mark.usefixtures("no_carp")
def test_an_interface_that_is_renamed_and_back_is_gone_and_heard_again(
    ends: tuple[End, End],
) -> None:
    one, two = (end.program(f"192.0.2.{number}") for number, end in enumerate(ends, start=1))
    name = ends[0].interface
    ends[0].rename(name, "away0")
    one.ask("lose")
    one.answers("gone")
    ends[0].rename("away0", name)
    one.ask("find")
    one.answers("there")
    one.ask("renew")
    one.answers("renewed")
    exchange(one, two, "192.0.2.1", "224.0.0.18")
    exchange(two, one, "192.0.2.2", "224.0.0.18")
    one.end()
    two.end()


if is_freebsd():

    @pytest.fixture
    def carp() -> Iterator[None]:
        """Have carp(4) loaded, and afterwards as it was: the next run's raw sockets have to hear."""
        was_loaded = has_carp()
        subprocess.run(["/sbin/kldload", "-n", "carp"], check=True)
        yield
        if not was_loaded:
            subprocess.run(["/sbin/kldunload", "carp"], check=True)

    @pytest.mark.usefixtures("carp")
    def test_beside_carp_advertisements_are_heard_through_bpf(ends: tuple[End, End]) -> None:
        one, two = ends[0].program("192.0.2.1", "raw"), ends[1].program("192.0.2.2", "bpf")
        exchange(one, two, "192.0.2.1", "224.0.0.18")
        exchange(one, two, "192.0.2.1", "192.0.2.2")
        one.end()
        two.end()

    def test_an_announcement_goes_out_through_bpf(ends: tuple[End, End]) -> None:
        one = ends[0].program("192.0.2.1")
        one.ask("announce")
        one.answers("announced")
        one.end()
