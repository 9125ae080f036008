"""A host that answers, refuses or is silent, on loopback addresses."""

import os
import socket
from collections.abc import Iterator

import pytest

from hafailover.group.events import Event, ProbeFinished
from hafailover.system.prober import PeerPlace, ProberPort
from tests.system.conftest import Bench

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="raw sockets need root")


def place(network: str, peer: str, port: int = 9) -> PeerPlace:
    own = "::1" if ":" in peer else "127.0.0.1"
    return PeerPlace(network=network, own_address=own, peer_address=peer, port=port)


class Rig:
    """Probes, one at a time."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.subjects: list[ProberPort] = []

    def probe(self, *places: PeerPlace, targets: tuple[str, ...] = ()) -> ProbeFinished:
        events: list[Event] = []
        subject = ProberPort(
            self.bench.loop,
            places=places,
            targets=targets,
            feed=lambda _group, event: events.append(event),
        )
        self.subjects.append(subject)
        subject.probe("g", 3)
        self.bench.until(lambda: events)
        [event] = events
        assert isinstance(event, ProbeFinished)
        assert event.id == 3
        return event


@pytest.fixture
def rig(bench: Bench) -> Iterator[Rig]:
    subject = Rig(bench)
    yield subject
    for each in subject.subjects:
        each.close()


def test_a_living_host_is_found_on_its_network(rig: Rig) -> None:
    assert rig.probe(place("lan", "127.0.0.2")).peer_host == ("lan",)


def test_a_silent_host_is_not(rig: Rig) -> None:
    # TEST-NET-3 (RFC 5737) from a loopback source: no answer, or no route, and never a host.
    event = rig.probe(place("lan", "203.0.113.1"), place("replication", "127.0.0.2"))
    assert event.peer_host == ("replication",)


def test_a_refused_connection_alone_proves_a_host(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hafailover.system.prober._ECHO_REPLY", {4: 99, 6: 99})
    assert rig.probe(place("lan", "127.0.0.2")).peer_host == ("lan",)


def test_an_accepted_connection_alone_proves_a_host(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hafailover.system.prober._ECHO_REPLY", {4: 99, 6: 99})
    with socket.create_server(("127.0.0.2", 0)) as server:
        port = server.getsockname()[1]
        assert rig.probe(place("lan", "127.0.0.2", port)).peer_host == ("lan",)


def test_an_echo_alone_proves_a_host(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProberPort, "_knock", lambda *_: None)
    assert rig.probe(place("lan", "127.0.0.2")).peer_host == ("lan",)
    assert rig.probe(place("lan", "203.0.113.1")).peer_host == ()


def test_a_host_that_answers_is_spared_the_connection(rig: Rig) -> None:
    with socket.create_server(("127.0.0.2", 0)) as server:
        server.settimeout(0)
        assert rig.probe(place("lan", "127.0.0.2", server.getsockname()[1])).peer_host == ("lan",)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_targets_are_counted(rig: Rig) -> None:
    event = rig.probe(targets=("127.0.0.3", "127.0.0.4", "203.0.113.1"))
    assert (event.targets, event.peer_host) == (2, ())


def test_nothing_is_waited_for_once_all_have_answered(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hafailover.system.prober.DEADLINE_S", 3600.0)
    event = rig.probe(place("lan", "127.0.0.2"), targets=("127.0.0.3",))
    assert (event.targets, event.peer_host) == (1, ("lan",))


def test_without_targets_nothing_is_said_about_them(rig: Rig) -> None:
    assert rig.probe(place("lan", "127.0.0.2")).targets is None


def test_probes_do_not_take_each_others_answers(bench: Bench) -> None:
    events: list[tuple[str, Event]] = []
    subject = ProberPort(
        bench.loop,
        places=(place("lan", "127.0.0.2"),),
        targets=("127.0.0.3",),
        feed=lambda group, event: events.append((group, event)),
    )
    for number in range(20):
        subject.probe(f"g{number}", number)
    bench.until(lambda: len(events) == 20)
    expected = {
        (f"g{number}", ProbeFinished(id=number, peer_host=("lan",), targets=1))
        for number in range(20)
    }
    assert set(events) == expected
    subject.close()


def test_ipv6_is_probed_as_well(rig: Rig) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as trial:
            trial.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 loopback here")
    assert rig.probe(place("lan", "::1")).peer_host == ("lan",)


def test_an_echo_wakes_nobody_and_is_read_by_whoever_is_awake(bench: Bench) -> None:
    events: list[Event] = []
    subject = ProberPort(
        bench.loop,
        places=(place("lan", "127.0.0.2"),),
        targets=(),
        feed=lambda _group, event: events.append(event),
    )
    subject.probe("g", 3)
    bench.turn()
    assert not events
    # The kernel has answered itself by now.
    subject.read()
    assert events == [ProbeFinished(id=3, peer_host=("lan",), targets=None)]
    assert not subject._under_way
    subject.close()
