"""The wire of the groups of a node, against a real kernel, in namespaces."""

import asyncio
import select
import time
from collections.abc import Callable
from ipaddress import ip_address, ip_interface

import pytest

from hafailover.group.events import AdvertisementAccepted, Event, SignOfLife
from hafailover.group.settings import GroupSettings
from hafailover.system.frame_set import FrameSet, frame_order
from hafailover.system.frames import build_frames
from hafailover.system.group_wire import GroupWire, WireReports, frame_orders
from hafailover.system.linux_announce import LinuxAnnouncer
from hafailover.vrrp.acceptance import IgnoredReason
from hafailover.vrrp.settings import AnnounceSettings, Family, RouterSettings, Version
from tests.interop.inside import inside
from tests.interop.lan import Lan, ip
from tests.vrrp import wire

pytestmark = pytest.mark.netns

LIMIT_S = 20.0


def router(lan: Lan, host: str, **changes: object) -> RouterSettings:
    peer = {"a": "b", "b": "a"}[host]
    fields = {
        "primary_address": ip_address(lan.address(host)),
        "expected_peers": (ip_address(lan.address(peer)),),
        "password": b"secret12",
    }
    return wire.settings(Version.V2, **{**fields, **changes})


def group(name: str, *routers: RouterSettings) -> GroupSettings:
    return GroupSettings(
        name=name,
        node="a",
        peer="b",
        interface="eth0",
        routers=routers,
        announce=AnnounceSettings(),
        addresses=(ip_interface("192.0.2.100/32"),),
    )


class Ears:
    """What a wire said."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Event]] = []
        self.problems: list[tuple[str, str]] = []

    @property
    def reports(self) -> WireReports:
        return WireReports(
            feed=lambda name, event: self.events.append((name, event)),
            problem=lambda name, text: self.problems.append((name, text)),
        )


def opened(groups: list[GroupSettings], mac: str, ears: Ears) -> GroupWire:
    frames: dict[tuple[str, Family], FrameSet] = {
        key: build_frames(order) for key, order in frame_orders(groups, {"eth0": mac}).items()
    }
    return GroupWire(groups, frames, LinuxAnnouncer, ears.reports)


def until(listening: GroupWire, condition: Callable[[], object]) -> None:
    end = time.monotonic() + LIMIT_S
    while not condition() and time.monotonic() < end:
        select.select([fileno for fileno, _ in listening.readers], [], [], 0.1)
        listening.read()
    assert condition()


def test_groups_share_a_socket_and_hear_their_own_only(lan: Lan) -> None:
    theirs = [group("web", router(lan, "a")), group("mail", router(lan, "a", vrid=52))]
    ours = [group("web", router(lan, "b")), group("mail", router(lan, "b", vrid=52))]

    def listen() -> tuple[int, list[tuple[str, Event]]]:
        async def scenario() -> tuple[int, list[tuple[str, Event]]]:
            ears = Ears()
            listening = opened(ours, lan.mac("b"), ears)
            inside(lan.space("a"), speak)
            until(listening, lambda: len(ears.events) == 2)
            sockets = len(listening.readers)
            await listening.aclose()
            return sockets, ears.events

        return asyncio.run(scenario())

    def speak() -> None:
        ears = Ears()
        speaking = opened(theirs, lan.mac("a"), ears)
        speaking.send_advertisement("mail", 4, 254)
        speaking.send_advertisement("web", 4, 0)
        speaking.announce("web")
        assert not ears.problems

    sockets, events = inside(lan.space("b"), listen)
    assert sockets == 1
    heard = [
        (name, event.family, event.advertisement.vrid, event.advertisement.priority)
        for name, event in events
        if isinstance(event, AdvertisementAccepted)
    ]
    assert heard == [("mail", 4, 52, 254), ("web", 4, 51, 0)]


@pytest.mark.parametrize(("expected", "alive"), [("a", True), ("c", False)])
def test_a_wrong_password_from_the_peer_is_a_sign_of_life(
    lan: Lan,
    expected: str,
    alive: bool,  # noqa: FBT001
) -> None:
    ours = router(lan, "b", expected_peers=(ip_address(lan.address(expected)),))

    def listen() -> tuple[list[tuple[str, Event]], dict[IgnoredReason, int]]:
        ears = Ears()
        listening = opened([group("web", ours)], lan.mac("b"), ears)
        inside(lan.space("a"), speak)
        until(listening, lambda: listening.ignored("web", Family.IPV4))
        return ears.events, dict(listening.ignored("web", Family.IPV4))

    def speak() -> None:
        wrong = router(lan, "a", password=b"guessed")
        opened([group("web", wrong)], lan.mac("a"), Ears()).send_advertisement("web", 4, 100)

    events, ignored = inside(lan.space("b"), listen)
    reason = IgnoredReason.PASSWORD if alive else IgnoredReason.UNEXPECTED_SOURCE
    assert ignored == {reason: 1}
    what = "ignored a VRRP message from 10.99.0.1: the password is not ours"
    assert events == ([("web", SignOfLife(network="lan", what=what))] if alive else [])


def test_what_can_not_be_sent_is_told_and_goes_on(lan: Lan) -> None:
    def send() -> list[tuple[str, str]]:
        ears = Ears()
        ours = opened([group("web", router(lan, "a"))], lan.mac("a"), ears)
        ip("link", "set", "eth0", "down")
        ours.send_advertisement("web", 4, 100)
        ours.announce("web")
        return ears.problems

    problems = inside(lan.space("a"), send)
    assert [name for name, _ in problems] == ["web", "web"]
    assert "cannot send" in problems[0][1]
    assert "cannot announce" in problems[1][1]


def test_a_primary_s_priority_is_ordered_too() -> None:
    plain = wire.settings()
    orders = frame_orders([group("web", plain)], {"eth0": "02:00:00:00:00:01"})
    assert orders == {
        ("web", Family.IPV4): frame_order(plain, "02:00:00:00:00:01", 254),
    }
    assert orders["web", Family.IPV4].priorities == (0, 100, 254)
