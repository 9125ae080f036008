"""The watchdog is patted while every group allows it, and by nobody else."""

import asyncio
import errno
import json
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from hafailover.group.events import Event, WatchdogArmed
from hafailover.runtime.settings import EtcdSettings, NodeSettings, PathSettings
from hafailover.system.arbiter_edges import watchdog_for
from hafailover.system.watchdog_device import (
    FIDO,
    SOCKET_VARIABLE,
    WDIOC_CONTROL,
    WDIOC_SETTIMEOUT,
    WDIOCPATPAT,
    Fido,
    WatchdogSocket,
    explain,
    find_watchdog,
)
from hafailover.system.watchdog_port import WatchdogPort
from hafailover.units import Instant, Nanoseconds
from tests.system.conftest import Bench

SPAN = Nanoseconds(1 << 27)
"""An eighth of a second."""
LONG = 3_600 * 1_000_000_000


class Dog:
    """A device that remembers."""

    def __init__(self) -> None:
        self.pats: list[int] = []
        self.disarmed = 0
        self.error: OSError | None = None
        self.gate = threading.Event()
        self.gate.set()

    def pat(self, span_ns: int) -> None:
        self.gate.wait()
        if self.error is not None:
            raise self.error
        assert span_ns == SPAN
        self.pats.append(time.monotonic_ns())

    def disarm(self) -> None:
        self.disarmed += 1
        if self.error is not None:
            raise self.error


class Stand:
    """A port on such a device, and what it says."""

    def __init__(self, bench: Bench, mark: Path) -> None:
        self.dog = Dog()
        self.mark = mark
        self.heard: list[tuple[str, Event]] = []
        self.said: list[str] = []
        self.port = WatchdogPort(
            bench.loop,
            self.dog,
            span=SPAN,
            groups=("web", "mail"),
            mark=mark,
            feed=lambda group, event: self.heard.append((group, event)),
            say=self.said.append,
        )


@pytest.fixture
def stand(bench: Bench, tmp_path: Path) -> Iterator[Stand]:
    made = Stand(bench, tmp_path / "watchdog-armed")
    yield made
    made.dog.gate.set()
    made.port.close()


def soon(nanoseconds: int) -> Instant:
    return Instant(time.monotonic_ns() + nanoseconds)


def test_it_is_armed_and_patted_three_times_in_its_span(bench: Bench, stand: Stand) -> None:
    stand.port.arm("web", 5, soon(LONG))
    bench.until(lambda: stand.heard)
    assert stand.heard == [("web", WatchdogArmed(id=5))]
    bench.until(lambda: len(stand.dog.pats) >= 6)
    spans = sorted(b - a for a, b in zip(stand.dog.pats, stand.dog.pats[1:], strict=False))
    assert SPAN // 3 - 2_000_000 <= spans[len(spans) // 2] <= SPAN


def test_a_group_that_was_told_it_is_not_armed_limits_no_other(bench: Bench, stand: Stand) -> None:
    stand.port.arm("web", 1, soon(LONG))
    bench.until(lambda: stand.heard)
    stand.dog.error = OSError(errno.EBUSY, "Device busy")
    stand.port.arm("mail", 2, soon(SPAN))
    bench.until(lambda: len(stand.heard) == 2)
    stand.dog.error = None
    bench.loop.run_until_complete(asyncio.sleep(3 * SPAN / 1e9))
    count = len(stand.dog.pats)
    bench.until(lambda: len(stand.dog.pats) > count)
    assert stand.said == []


def test_what_could_not_be_armed_is_not_armed_later(bench: Bench, stand: Stand) -> None:
    """Nobody would say until when it may be patted, and the host would be reset under a good grant."""
    stand.dog.error = OSError(errno.EBUSY, "Device busy")
    stand.port.arm("web", 1, soon(LONG))
    bench.until(lambda: stand.heard)
    stand.dog.error = None
    bench.loop.run_until_complete(asyncio.sleep(SPAN / 1e9))
    assert stand.dog.pats == []
    stand.port.arm("web", 2, soon(LONG))
    bench.until(lambda: len(stand.dog.pats) >= 3)


def test_an_earlier_arming_that_failed_undoes_no_later_one(bench: Bench, stand: Stand) -> None:
    stand.dog.error = OSError(errno.EBUSY, "Device busy")
    stand.port.arm("web", 1, soon(LONG))
    # The thread has carried it out, and nobody has heard of it yet.
    time.sleep(0.05)
    stand.port.disarm("web")
    time.sleep(0.05)
    stand.dog.error = None
    stand.port.arm("web", 2, soon(LONG))
    bench.until(lambda: len(stand.heard) == 2)
    assert [bool(getattr(event, "problem", "")) for _, event in stand.heard] == [True, False]
    bench.until(lambda: len(stand.dog.pats) >= 3)


def test_it_is_patted_only_while_every_group_allows_it(bench: Bench, stand: Stand) -> None:
    stand.port.arm("web", 1, soon(LONG))
    stand.port.arm("mail", 2, soon(LONG))
    bench.until(lambda: len(stand.dog.pats) >= 3)
    stand.port.allow("mail", soon(0))
    bench.until(lambda: stand.said)
    count = len(stand.dog.pats)
    bench.loop.run_until_complete(asyncio.sleep(0.2))
    assert len(stand.dog.pats) == count
    assert len(stand.said) == 1
    stand.port.allow("mail", soon(LONG))
    bench.until(lambda: len(stand.dog.pats) > count)


def test_a_loop_that_stands_still_pats_nothing(bench: Bench, stand: Stand) -> None:
    stand.port.arm("web", 1, soon(LONG))
    bench.until(lambda: len(stand.dog.pats) >= 2)
    count = len(stand.dog.pats)
    time.sleep(4 * SPAN / 1e9)
    assert len(stand.dog.pats) <= count + 1


def test_a_pat_that_comes_out_late_is_none(bench: Bench, stand: Stand) -> None:
    stand.dog.gate.clear()
    stand.port.arm("web", 1, soon(LONG))
    stand.port.arm("mail", 2, soon(50_000_000))
    time.sleep(0.1)
    stand.dog.gate.set()
    bench.until(lambda: len(stand.heard) == 2)
    assert stand.heard == [
        ("web", WatchdogArmed(id=1)),
        ("mail", WatchdogArmed(id=2, problem="it came too late")),
    ]


def test_a_slow_device_holds_up_nobody_and_gets_no_queue(bench: Bench, stand: Stand) -> None:
    stand.dog.gate.clear()
    stand.port.arm("web", 1, soon(LONG))
    begun = time.monotonic()
    bench.loop.run_until_complete(asyncio.sleep(3 * SPAN / 1e9))
    assert time.monotonic() - begun < 5
    assert stand.port._orders.qsize() <= 1


def test_it_is_disarmed_by_the_last_group(bench: Bench, stand: Stand) -> None:
    stand.port.arm("web", 1, soon(LONG))
    stand.port.arm("mail", 2, soon(LONG))
    bench.until(lambda: len(stand.heard) == 2)
    stand.port.disarm("web")
    stand.port.disarm("web")
    assert stand.dog.disarmed == 0
    stand.port.disarm("mail")
    bench.until(lambda: stand.dog.disarmed == 1)
    count = len(stand.dog.pats)
    bench.loop.run_until_complete(asyncio.sleep(2 * SPAN / 1e9))
    assert len(stand.dog.pats) == count


def test_what_an_earlier_life_armed_is_disarmed_once_every_group_has_said_that_it_needs_none(
    bench: Bench, stand: Stand
) -> None:
    stand.mark.touch()
    heir = WatchdogPort(
        bench.loop,
        stand.dog,
        span=SPAN,
        groups=("web", "mail"),
        mark=stand.mark,
        feed=lambda *_: None,
        say=stand.said.append,
    )
    heir.disarm("web")
    bench.loop.run_until_complete(asyncio.sleep(0.1))
    assert stand.dog.disarmed == 0

    heir.disarm("mail")

    bench.until(lambda: stand.dog.disarmed == 1)
    bench.until(lambda: not stand.mark.exists())
    heir.close()


def test_a_group_that_is_still_looking_keeps_nobodys_watchdog_armed_that_it_cannot_have_inherited(
    bench: Bench, stand: Stand
) -> None:
    problems: list[object] = []
    bench.loop.set_exception_handler(lambda _, context: problems.append(context))
    stand.port.arm("web", 1, soon(LONG))
    bench.until(lambda: stand.heard)

    stand.port.disarm("web")

    bench.until(lambda: stand.dog.disarmed == 1)
    bench.loop.run_until_complete(asyncio.sleep(2 * SPAN / 1e9))
    assert problems == []


def test_what_nobody_of_ours_has_armed_is_left_alone(bench: Bench, stand: Stand) -> None:
    stand.port.disarm("web")
    stand.port.disarm("mail")
    stand.port.arm("web", 1, soon(LONG))
    bench.until(lambda: stand.heard)

    assert stand.dog.disarmed == 0


def test_the_mark_is_there_while_it_is_armed(bench: Bench, stand: Stand) -> None:
    for number in (1, 2):
        stand.heard.clear()
        stand.port.arm("web", number, soon(LONG))
        bench.until(lambda: stand.heard)
        assert stand.mark.exists()
        stand.port.disarm("mail")
        stand.port.disarm("web")
        bench.until(lambda: not stand.mark.exists())

    assert stand.dog.disarmed == 2


def test_a_host_without_one_says_so(bench: Bench, stand: Stand) -> None:
    stand.dog.error = FileNotFoundError(errno.ENOENT, "No such file or directory")
    stand.port.arm("web", 1, soon(LONG))
    bench.until(lambda: stand.heard)
    assert stand.heard == [("web", WatchdogArmed(id=1, problem=explain(stand.dog.error)))]
    assert str(FIDO) in explain(stand.dog.error)


def test_one_that_cannot_be_switched_off_is_told(bench: Bench, stand: Stand) -> None:
    stand.port.arm("web", 1, soon(LONG))
    bench.until(lambda: stand.heard)
    stand.dog.error = OSError(errno.EOPNOTSUPP, "Operation not supported")
    stand.port.disarm("mail")
    stand.port.disarm("web")
    bench.until(lambda: any("may reset the host" in text for text in stand.said))


def test_one_that_the_settings_want_no_more_is_switched_off(bench: Bench, tmp_path: Path) -> None:
    """The agent was restarted with ``watchdog: off``: nobody pats it, and it would reset a host that serves well."""
    path = str(tmp_path / "dog")
    orders = []

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        orders.append(json.loads(await reader.readline()))
        writer.write(json.dumps({"ok": True}).encode() + b"\n")
        writer.close()

    server = bench.loop.run_until_complete(asyncio.start_unix_server(meet, path))
    mark = tmp_path / "watchdog-armed"
    mark.touch()
    settings = NodeSettings(
        node="A",
        peer="B",
        etcd=EtcdSettings(endpoints=("http://192.0.2.9:2379",)),
        paths=PathSettings(run=tmp_path),
    )
    edge = watchdog_for(
        settings, bench.loop, {SOCKET_VARIABLE: path}, feed=lambda *_: None, say=print
    )
    bench.until(lambda: not mark.exists())
    edge.close()
    server.close()

    assert orders == [{"watchdog": 0}]


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EOPNOTSUPP, errno.EPERM, errno.EIO])
def test_every_reason_is_a_sentence(number: int) -> None:
    assert len(explain(OSError(number, "what the system says")).split()) > 3


class Kernel:
    """ioctl(2) of a FreeBSD kernel, as far as it concerns /dev/fido."""

    def __init__(self, *, is_newer: bool) -> None:
        self.is_newer = is_newer
        self.armed_ns = 0

    def ioctl(self, _: int, request: int, argument: bytes) -> None:
        if request == WDIOC_SETTIMEOUT and self.is_newer:
            (binary,) = struct.unpack("=q", argument)
            nanoseconds = binary * 1_000_000_000 >> 32
            # What drivers of the older kind get: flsl() counts from one.
            self.armed_ns = 1 << nanoseconds.bit_length()
        elif request == WDIOC_CONTROL and self.is_newer:
            assert struct.unpack("=i", argument) == (0,)
            self.armed_ns = 0
        elif request == WDIOCPATPAT and not self.is_newer:
            (word,) = struct.unpack("=I", argument)
            active, power = word & 0x8000000, word & 0xFF
            assert bool(active) == bool(power)
            self.armed_ns = 1 << power if power else 0
        else:
            raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")


@pytest.mark.parametrize("is_newer", [True, False])
@pytest.mark.parametrize("power", [24, 30, 31, 32, 33, 36])
def test_old_and_new_kernels_get_the_same_span(
    mocker: MockerFixture, tmp_path: Path, power: int, *, is_newer: bool
) -> None:
    kernel = Kernel(is_newer=is_newer)
    mocker.patch("fcntl.ioctl", kernel.ioctl)
    path = tmp_path / "fido"
    path.touch()
    fido = Fido(path)
    for _ in range(2):
        fido.pat(1 << power)
        assert kernel.armed_ns == 1 << power
    fido.disarm()
    assert kernel.armed_ns == 0


def test_the_numbers_are_those_of_the_header() -> None:
    """FreeBSD's sys/watchdog.h and sys/ioccom.h, worked out by hand."""
    assert (WDIOCPATPAT, WDIOC_CONTROL, WDIOC_SETTIMEOUT) == (0x8004572A, 0x80045733, 0x80085735)


def test_the_one_behind_a_socket_gets_lines(bench: Bench, tmp_path: Path) -> None:
    path = str(tmp_path / "dog")
    orders = []

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        orders.append(json.loads(await reader.readline()))
        ok = orders[-1]["watchdog"] != SPAN * 2
        writer.write(json.dumps({"ok": ok}).encode() + b"\n")
        await writer.drain()
        writer.close()

    async def story() -> None:
        server = await asyncio.start_unix_server(meet, path)
        found = find_watchdog({SOCKET_VARIABLE: path})
        await asyncio.to_thread(found.pat, SPAN)
        await asyncio.to_thread(found.disarm)
        with pytest.raises(OSError, match="did not take it"):
            await asyncio.to_thread(found.pat, SPAN * 2)
        server.close()

    bench.loop.run_until_complete(story())
    assert orders == [{"watchdog": SPAN}, {"watchdog": 0}, {"watchdog": 2 * SPAN}]
    assert isinstance(find_watchdog({SOCKET_VARIABLE: path}), WatchdogSocket)
    assert isinstance(find_watchdog({}), Fido)
