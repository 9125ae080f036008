"""Whose advertisement is it, and what does one that does not count still tell?"""

import socket
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from hafailover.errors import EdgeError
from hafailover.group.events import AdvertisementAccepted, Event, SignOfLife
from hafailover.system.advert_socket import Received, WireError
from hafailover.system.frame_building import frame_orders
from hafailover.system.frame_set import FrameSet, Outgoing
from hafailover.system.vrrp_port import VrrpPort, _Ear
from hafailover.vrrp.acceptance import IgnoredReason
from hafailover.vrrp.advertisement import Advertisement, decode, internet_checksum
from hafailover.vrrp.settings import GROUP_IPV4, Version
from tests.cli.settings import GROUP, ROUTER, data_node
from tests.system.conftest import Bench

PEER = IPv4Address("192.0.2.3")
SETTINGS = replace(
    ROUTER, version=Version.V2, password=b"secret", expected_peers=(PEER,), interval_ns=10**9
)


def payload(password: bytes = b"secret", vrid: int = 51) -> bytes:
    head = bytes([0x21, vrid, 100, 1, 1, 1])
    tail = IPv4Address("192.0.2.1").packed + password.ljust(8, b"\0")
    checksum = internet_checksum(head + b"\0\0" + tail)
    return head + checksum.to_bytes(2) + tail


class Rig:
    """An ear without a socket."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[tuple[str, Event]] = []
        self.port = VrrpPort(
            bench.loop,
            feed=lambda group, event: self.events.append((group, event)),
            say=lambda _: None,
        )
        self.read: list[Advertisement] = []
        monkeypatch.setattr(
            self.port, "read_again", lambda _, advertisement: self.read.append(advertisement)
        )
        self.ear = _Ear(self.port, "web", "lan", SETTINGS)

    def hear(self, data: bytes, source: IPv4Address = PEER) -> None:
        received = Received(payload=data, source=source, destination=GROUP_IPV4, ttl=255)
        found = decode(data, source=source, destination=GROUP_IPV4, ttl=255)
        self.ear.hear(found, received)


@pytest.fixture
def rig(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig(bench, monkeypatch)


def test_one_that_counts_is_an_event_and_is_read_twice(rig: Rig) -> None:
    rig.hear(payload())
    [(group, event)] = rig.events
    assert isinstance(event, AdvertisementAccepted)
    assert (group, event.family, event.advertisement.priority) == ("web", 4, 100)
    # scapy reads what came; the event goes into the journal, where the password has no business.
    assert [each.authentication for each in rig.read] == [b"secret\0\0"]
    assert event.advertisement == replace(rig.read[0], authentication=b"")


def test_a_wrong_password_from_the_peer_is_a_sign_of_life_now_and_then(rig: Rig) -> None:
    for _ in range(100):
        rig.hear(payload(b"other"))
    assert rig.port.ignored["web", IgnoredReason.PASSWORD] == 100
    assert set(rig.events) == {
        ("web", SignOfLife(network="lan", what="VRRP: the password is not ours"))
    }
    assert len(rig.events) < 50
    assert rig.read == []


def test_a_wrong_password_from_a_stranger_is_nothing(rig: Rig) -> None:
    rig.hear(payload(b"other"), IPv4Address("192.0.2.99"))
    assert rig.events == []


def test_a_damaged_one_is_nothing(rig: Rig) -> None:
    rig.hear(payload()[:-1])
    assert rig.events == []
    assert rig.port.ignored["web", IgnoredReason.LENGTH] == 1


class Arriving:
    """A wire on which messages wait to be read."""

    def __init__(self, interface: str, messages: list[bytes]) -> None:
        self.interface = interface
        self.messages = messages
        self._end, self._other = socket.socketpair()

    def fileno(self) -> int:
        return self._end.fileno()

    def receive(self) -> list[Received]:
        return [
            Received(payload=each, source=PEER, destination=GROUP_IPV4, ttl=255)
            for each in self.messages
        ]

    def send(self, outgoing: Outgoing) -> None:
        raise AssertionError(outgoing)

    def close(self) -> None:
        self._end.close()
        self._other.close()


class Mute:
    """Sends nothing."""

    def send(self, frames: tuple[bytes, ...]) -> None:
        raise AssertionError(frames)

    def close(self) -> None:
        """Nothing is open."""


def test_each_reason_is_counted_by_itself_and_told(rig: Rig, bench: Bench) -> None:
    broken, foreign = payload(b"other"), payload(vrid=52)
    arriving = [broken, broken, payload()[:-1], foreign, foreign, foreign, b"?"]
    rig.port.open(
        [replace(GROUP, name="web", routers=(SETTINGS,))],
        {},
        {},
        open_sender=lambda _: Mute(),
        open_wire=lambda interface, *_: Arriving(interface, arriving),
    )
    rig.port.read()
    told = [(each["group"], each["reason"], each["count"]) for each in rig.port.tell_ignored()]
    assert told == [
        ("", "too_short", 1),
        ("", "other_vrid", 3),
        ("web", "length", 1),
        ("web", "password", 2),
    ]
    assert rig.port.tell_ignored()[-1]["what"] == "the password is not ours"
    bench.loop.run_until_complete(rig.port.close())


def test_a_data_group_has_frames_for_a_primary_too() -> None:
    macs = {"em0": "02:00:00:00:00:01"}
    plain = frame_orders([GROUP], macs)["web", 4]
    data = frame_orders(data_node().groups, macs)["web", 4]
    assert (plain.priorities, data.priorities) == ((0, 100), (0, 100, 254))


class Line:
    """A wire, and a sender of announcements, that keeps what is sent; ``refusal`` is raised instead."""

    def __init__(self, interface: str) -> None:
        self.interface = interface
        self.sent: list[object] = []
        self.is_open = True
        self.refusal: WireError | None = None
        self._end, self._other = socket.socketpair()

    def fileno(self) -> int:
        return self._end.fileno()

    def receive(self) -> list[Received]:
        return []

    def send(self, what: object) -> None:
        assert self.is_open
        if self.refusal is not None:
            raise self.refusal
        self.sent.append(what)

    def close(self) -> None:
        self.is_open = False
        self._end.close()
        self._other.close()


class Reopening:
    """A port whose sockets can be opened again."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.lost: list[str] = []
        self.said: list[str] = []
        self.opened: list[Line] = []
        self.can_open = True
        self.port = VrrpPort(
            bench.loop, feed=lambda *_: None, say=self.said.append, lost=self.lost.append
        )
        frame = Outgoing(priority=100, destination=GROUP_IPV4, data=b"advertisement")
        frames = FrameSet(advertisements=(frame,), announcements=(b"announcement",))
        self.port.open(
            [replace(GROUP, routers=(SETTINGS,))],
            {(GROUP.name, 4): frames},
            {},
            open_sender=self.open,
            open_wire=self.open_wire,
        )

    def open(self, interface: str) -> Line:
        self.opened.append(Line(interface))
        return self.opened[-1]

    def open_wire(self, interface: str, *_: object) -> Line:
        if not self.can_open:
            raise EdgeError("it cannot be opened")
        return self.open(interface)

    def speak(self) -> None:
        self.port.send_advertisement(GROUP.name, 4, 100)
        self.port.announce(GROUP.name)
        self.port.read()


@pytest.fixture
def reopening(bench: Bench) -> Iterator[Reopening]:
    subject = Reopening(bench)
    yield subject
    bench.loop.run_until_complete(subject.port.close())


def test_an_interface_that_is_gone_is_silent_until_it_is_taken_again(reopening: Reopening) -> None:
    reopening.port.let_go("em0")
    reopening.port.let_go("em0")
    reopening.speak()
    assert [line.is_open for line in reopening.opened] == [False, False]
    assert reopening.said == []
    reopening.port.take("em0")
    reopening.speak()
    assert [len(line.sent) for line in reopening.opened] == [0, 0, 1, 1]


def test_what_cannot_be_opened_wholly_is_not_open_at_all(reopening: Reopening) -> None:
    reopening.port.let_go("em0")
    reopening.can_open = False
    with pytest.raises(EdgeError):
        reopening.port.take("em0")
    assert not any(line.is_open for line in reopening.opened)
    reopening.speak()
    reopening.can_open = True
    reopening.port.take("em0")
    assert [line.is_open for line in reopening.opened[-2:]] == [True, True]


@pytest.mark.parametrize("is_lost", [True, False])
def test_only_an_error_that_lasts_makes_an_interface_lost(
    reopening: Reopening, is_lost: bool
) -> None:
    reopening.opened[1].refusal = WireError("em0", "cannot send", is_lost=is_lost)
    reopening.speak()
    assert reopening.lost == []  # The group that speaks is in the middle of something.
    reopening.bench.turn()
    assert reopening.lost == (["em0"] if is_lost else [])
