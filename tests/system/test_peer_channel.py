"""Two channels on loopback addresses, and strangers."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from hafailover.errors import AddressError, KeyFileError
from hafailover.group.events import Event, ReportReceived, SignOfLife
from hafailover.group.report import GroupReport, Role
from hafailover.runtime.peer_messages import Taken, encode_report
from hafailover.runtime.peer_wire import Fault
from hafailover.runtime.settings import NetworkSettings
from hafailover.system.peer_channel import SIGN_PERIOD_S, STRANGERS_MAX, PeerNetwork
from hafailover.system.peer_connection import Identity
from hafailover.system.peer_connections import AGAIN_MAX
from hafailover.system.peer_key import read_key
from tests.system.conftest import Bench

KEY = b"k" * 32
REPORT = GroupReport(
    node="A",
    boot="b",
    incarnation="i",
    sequence=1,
    role=Role.STANDBY,
    epoch=1,
    priority=100,
    candidate=True,
)


class End:
    """One node's end of the channel, and what it was told."""

    def __init__(self, node: str, *, port: int, key: bytes = KEY) -> None:
        own, other = ("127.0.0.1", "127.0.0.2") if node == "A" else ("127.0.0.2", "127.0.0.1")
        self.events: list[tuple[str, Event]] = []
        self.network = PeerNetwork(
            NetworkSettings(name="lan", own_address=own, peer_address=other, interface="lo"),
            port=port,
            identity=Identity(node=node, peer="B" if node == "A" else "A", key=key),
            groups=("g", "h"),
            feed=lambda group, event: self.events.append((group, event)),
        )

    @property
    def reports(self) -> list[tuple[str, int]]:
        return [
            (group, event.report.sequence)
            for group, event in self.events
            if isinstance(event, ReportReceived)
        ]

    @property
    def signs(self) -> list[str]:
        return [event.what for _, event in self.events if isinstance(event, SignOfLife)]


class Rig:
    """Both ends, on a port of their own."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.port = free_port()
        self.ends: list[End] = []

    def start(self, node: str, key: bytes = KEY) -> End:
        end = End(node, port=self.port, key=key)
        self.bench.loop.run_until_complete(end.network.start())
        self.ends.append(end)
        return end

    def stop(self, end: End) -> None:
        self.ends.remove(end)
        self.bench.loop.run_until_complete(end.network.close())
        self.bench.turn()

    def both(self) -> tuple[End, End]:
        one, other = self.start("A"), self.start("B")
        self.until(lambda: one.network.is_connected_out and other.network.is_connected_out)
        return one, other

    def until(self, holds: Callable[[], object]) -> None:
        self.bench.until(holds)


@pytest.fixture
def rig(bench: Bench) -> Iterator[Rig]:
    subject = Rig(bench)
    yield subject
    for end in tuple(subject.ends):
        subject.stop(end)
    bench.until(lambda: True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def has(end: End, sequence: int) -> bool:
    return ("g", sequence) in end.reports


def numbered(sequence: int) -> GroupReport:
    return replace(REPORT, sequence=sequence)


def test_reports_go_both_ways(rig: Rig) -> None:
    one, other = rig.both()
    one.network.send("g", numbered(1))
    other.network.send("h", numbered(2))
    rig.until(lambda: one.reports and other.reports)
    assert (other.reports, one.reports) == ([("g", 1)], [("h", 2)])
    assert one.signs == other.signs == []


def test_what_waited_for_a_connection_is_the_newest_of_each_group(rig: Rig) -> None:
    one = rig.start("A")
    for sequence in range(1, 100):
        one.network.send("g", numbered(sequence))
    one.network.send("h", numbered(7))
    other = rig.start("B")
    rig.until(lambda: len(other.reports) >= 2)
    assert sorted(other.reports) == [("g", 99), ("h", 7)]


def test_a_burst_never_queues_up(rig: Rig) -> None:
    one, other = rig.both()
    for sequence in range(1, 1001):
        one.network.send("g", replace(numbered(sequence), epoch=sequence))
    rig.until(lambda: ("g", 1000) in other.reports)
    # One was on its way, one waited.
    assert other.reports == [("g", 1), ("g", 1000)]


def test_every_report_in_a_row_arrives(rig: Rig) -> None:
    one, other = rig.both()
    for sequence in range(1, 30):
        one.network.send("g", numbered(sequence))
        rig.until(partial(has, other, sequence))
    assert [sequence for _, sequence in other.reports] == list(range(1, 30))


def test_repetitions_are_short_and_told_as_whole_reports(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = rig.both()
    sent: list[bytes] = []
    outgoing = one.network._outgoing
    assert outgoing is not None
    seal = outgoing.wire.seal

    def watched(payload: bytes) -> bytes:
        sent.append(payload)
        return seal(payload)

    monkeypatch.setattr(outgoing.wire, "seal", watched)
    for sequence in range(1, 41):
        one.network.send("g", numbered(sequence))
        one.network.send("h", numbered(sequence + 1))
        rig.until(partial(has, other, sequence))
    one.network.send("g", replace(numbered(41), epoch=2))
    rig.until(partial(has, other, 41))
    assert max(len(payload) for payload in sent[2:-1]) < 40
    events = [event for group, event in other.events if group == "g"]
    told = [event.report for event in events if isinstance(event, ReportReceived)]
    assert told == [*map(numbered, range(1, 41)), replace(numbered(41), epoch=2)]
    assert other.signs == []


def test_repetitions_in_quick_succession_wait_for_no_acknowledgement(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hafailover.system.peer_connections.ACK_LATEST_S", 3600.0)
    one, other = rig.both()
    for sequence in range(5 * AGAIN_MAX):
        one.network.send("g", numbered(sequence))
        rig.until(partial(has, other, sequence))
    assert len(other.reports) == 5 * AGAIN_MAX


def test_an_acknowledgement_goes_with_the_next_own_report(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hafailover.system.peer_connections.ACK_PERIOD_S", 0.0)
    one, other = rig.both()
    for sequence in (1, 2):
        one.network.send("g", numbered(sequence))
        rig.until(partial(has, other, sequence))
    outgoing = one.network._outgoing
    assert outgoing is not None
    assert len(outgoing._flying) == 1
    other.network.send("g", numbered(1))
    rig.until(lambda: not outgoing._flying)


def test_an_acknowledgement_rides_on_a_repetition_that_goes_the_other_way(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ACK_PERIOD_S", "ACK_LATEST_S"):
        monkeypatch.setattr(f"hafailover.system.peer_connections.{name}", 3600.0)
    one, other = rig.both()
    one.network.send("g", numbered(1))
    other.network.send("g", numbered(1))
    rig.until(lambda: has(one, 1) and has(other, 1))
    outgoing, incoming = one.network._outgoing, other.network._incoming
    assert outgoing is not None
    assert incoming is not None
    apart: list[bytes] = []
    monkeypatch.setattr(incoming.wire, "seal", apart.append)
    one.network.send("g", numbered(2))
    rig.until(partial(has, other, 2))
    assert len(outgoing._flying) == 1

    other.network.send("g", numbered(2))
    rig.until(lambda: not outgoing._flying)

    assert has(one, 2)
    assert apart == []


def test_an_acknowledgement_of_an_earlier_connection_says_nothing(rig: Rig) -> None:
    one, other = rig.both()
    one.network.send("g", numbered(1))
    rig.until(partial(has, other, 1))
    outgoing = one.network._outgoing
    assert outgoing is not None
    rig.until(lambda: not outgoing._flying)
    one.network.send("g", numbered(2))

    outgoing.taken(Taken(of="00000000", count=2))
    assert len(outgoing._flying) == 1

    outgoing.taken(Taken(of=outgoing.wire.name, count=2))
    assert not outgoing._flying


def test_repetitions_do_not_queue_up_without_acknowledgements(rig: Rig) -> None:
    one, other = rig.both()
    one.network.send("g", numbered(0))
    rig.until(partial(has, other, 0))
    for sequence in range(1, 101):
        one.network.send("g", numbered(sequence))
    rig.until(partial(has, other, 100))
    assert len(other.reports) <= 2 + AGAIN_MAX


def said_in_new_words(group: str, report: GroupReport) -> bytes:
    """Say of everything in epoch 2 a role that no agent knows yet."""
    payload = encode_report(group, report)
    return (
        payload.replace(b'"role":"standby"', b'"role":"dozing"') if report.epoch == 2 else payload
    )


def speak_in_new_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have both say so, and acknowledge only with what they say anyway."""
    for name in ("ACK_PERIOD_S", "ACK_LATEST_S"):
        monkeypatch.setattr(f"hafailover.system.peer_connections.{name}", 3600.0)
    monkeypatch.setattr("hafailover.system.peer_connections.encode_report", said_in_new_words)


def test_a_report_that_is_not_understood_ends_the_one_before_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak_in_new_words(monkeypatch)
    one, other = rig.both()
    for group in ("g", "h"):
        one.network.send(group, numbered(1))
    rig.until(lambda: len(other.reports) == 2)
    given_up = replace(numbered(2), epoch=2)
    one.network.send("g", given_up)
    rig.until(lambda: other.network.refused)

    for sequence in (3, 4):
        one.network.send("g", replace(given_up, sequence=sequence))
        one.network.send("h", numbered(sequence))
        rig.until(partial(lambda sequence: ("h", sequence) in other.reports, sequence))
    assert [each for each in other.reports if each[0] == "g"] == [("g", 1)]
    assert other.network.refused["a repetition of nothing"] == 2
    assert other.signs

    one.network.send("g", numbered(5))
    rig.until(partial(has, other, 5))


def test_an_acknowledgement_rides_on_a_repetition_of_what_was_not_understood(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak_in_new_words(monkeypatch)
    one, other = rig.both()
    one.network.send("g", replace(numbered(1), epoch=2))
    other.network.send("g", numbered(1))
    rig.until(lambda: has(one, 1) and other.network.refused)
    other.network.send("g", numbered(2))
    rig.until(partial(has, one, 2))
    outgoing = other.network._outgoing
    assert outgoing is not None
    assert len(outgoing._flying) == 1
    one.network.send("g", replace(numbered(2), epoch=2))
    rig.until(lambda: not outgoing._flying)
    assert other.network.is_connected_out


def test_a_fresh_connection_begins_with_a_whole_report(rig: Rig) -> None:
    one, other = rig.both()
    one.network.send("g", numbered(1))
    rig.until(partial(has, other, 1))
    assert one.network._outgoing is not None
    one.network._outgoing.abort()
    rig.until(lambda: not one.network.is_connected_out)
    one.network.send("g", numbered(2))
    rig.until(partial(has, other, 2))
    assert not any("repetition" in reason for reason in other.network.refused)


def test_a_restarted_peer_is_found_again(rig: Rig) -> None:
    one, other = rig.both()
    rig.stop(other)
    rig.until(lambda: not one.network.is_connected_out)
    fresh = rig.start("B")
    one.network.send("g", numbered(5))
    fresh.network.send("g", numbered(6))
    rig.until(lambda: fresh.reports and one.reports)
    assert (fresh.reports, one.reports) == ([("g", 5)], [("g", 6)])


def test_a_link_without_acknowledgements_is_given_up(rig: Rig) -> None:
    one, other = rig.both()
    incoming = other.network._incoming
    assert incoming is not None
    assert incoming.transport is not None
    incoming.transport.pause_reading()
    one.network.send("g", numbered(1))
    one.network.send("g", replace(numbered(2), epoch=2))
    rig.until(lambda: ("g", 2) in other.reports)
    assert other.network._incoming is not incoming


def test_another_key_is_a_sign_of_life_and_nothing_else(rig: Rig) -> None:
    one, other = rig.start("A"), rig.start("B", key=b"x" * 32)
    one.network.send("g", numbered(1))
    rig.until(lambda: one.signs and other.signs)
    assert set(one.signs) == {Fault.SIGNATURE.value}
    assert other.reports == []
    assert other.network.refused[Fault.SIGNATURE.value] > 0
    assert {group for group, _ in one.events} == {"g", "h"}


def knock(rig: Rig, source: str, data: bytes) -> None:
    """Connect from ``source``, say something, and wait until that is over."""

    async def visit() -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", rig.port, local_addr=(source, 0)
        )
        try:
            writer.write(data)
            assert await reader.read() == b""
        except ConnectionResetError:
            return
        finally:
            writer.close()

    rig.bench.loop.run_until_complete(visit())


def test_signs_of_life_are_rationed(rig: Rig) -> None:
    one = rig.start("A")
    began = rig.bench.loop.time()
    for _ in range(50):
        knock(rig, "127.0.0.2", b"\xff" * 8)
    elapsed = rig.bench.loop.time() - began
    assert one.network.refused[Fault.OVERSIZED.value] == 50
    groups = 2
    assert len(one.signs) / groups <= 1 + elapsed / SIGN_PERIOD_S


def test_a_stranger_is_not_even_listened_to(rig: Rig) -> None:
    one = rig.start("A")
    knock(rig, "127.0.0.9", b"\xff" * 8)
    assert one.events == []
    assert one.network.refused["a connection from an address that is not the peer's"] == 1


def test_silent_connections_make_room_for_newer_ones(rig: Rig) -> None:
    one = rig.start("A")
    probes = []
    for _ in range(STRANGERS_MAX + 3):
        probe = socket.socket()
        probe.bind(("127.0.0.2", 0))
        probe.connect(("127.0.0.1", rig.port))
        probes.append(probe)
    rig.until(lambda: len(one.network._strangers) == STRANGERS_MAX)
    other = rig.start("B")
    other.network.send("g", numbered(3))
    rig.until(lambda: one.reports)
    rig.until(lambda: not one.network._strangers)
    for probe in probes:
        probe.close()


def test_a_report_of_an_unknown_group_is_refused_and_counted(rig: Rig) -> None:
    one, other = rig.both()
    one.network.send("other", numbered(1))
    one.network.send("g", numbered(1))
    rig.until(lambda: other.reports)
    [reason] = other.network.refused
    assert reason == "a report of the group other, which this node does not have"


def test_an_address_that_is_not_ours_is_said(bench: Bench) -> None:
    network = NetworkSettings(
        name="lan", own_address="192.0.2.1", peer_address="192.0.2.2", interface="x"
    )
    subject = PeerNetwork(
        network,
        port=free_port(),
        identity=Identity(node="A", peer="B", key=KEY),
        groups=(),
        feed=lambda _group, _event: None,
    )
    with pytest.raises(AddressError, match=r"cannot listen on 192\.0\.2\.1 port"):
        bench.loop.run_until_complete(subject.start())


@pytest.mark.parametrize(
    ("content", "mode", "problem"),
    [
        (b"x" * 31, 0o600, "has 31 bytes; 32 to 4096 are wanted"),
        (b"x" * 40, 0o640, "mode 0640 lets others read or write the key"),
        (b"x" * 40, 0o602, "mode 0602 lets others read or write the key"),
        (b" " * 40, 0o600, "has 0 bytes; 32 to 4096 are wanted"),
    ],
)
def test_a_bad_key_file_is_refused(tmp_path: Path, content: bytes, mode: int, problem: str) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(KeyFileError) as caught:
        read_key(path)
    assert caught.value.message == f"{path}: {problem}"
    assert caught.value.hint


def test_a_missing_key_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError) as caught:
        read_key(tmp_path / "key")
    assert "openssl rand" in caught.value.hint


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_good_key_is_read_without_its_newline(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"0123456789abcdef" * 2 + b"\n")
    path.chmod(mode)
    assert read_key(path) == b"0123456789abcdef" * 2
