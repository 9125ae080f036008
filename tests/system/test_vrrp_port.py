"""Whose advertisement is it, and what does one that does not count still tell?"""

import socket
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from hafailover.group.events import AdvertisementAccepted, Event, SignOfLife
from hafailover.system.advert_socket import Received
from hafailover.system.frame_building import frame_orders
from hafailover.system.frame_set import Outgoing
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
