"""How fast are the parts that a failover is made of?

python -m benchmarks.machine_room [--smoke] [--json FILE]
"""

import asyncio
import cProfile
import hashlib
import os
import signal
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.figures import Figure, Scale, main, median
from hafailover.group import machine
from hafailover.group.actions import AlertKind, Severity
from hafailover.group.settings import ArbiterKind
from hafailover.runtime.settings import AlertHookSettings, AlertSettings
from hafailover.sim import schedule
from hafailover.storage.geom_facts import see_geom
from hafailover.system import compare_work
from hafailover.system.alerts import AlertPort
from hafailover.system.courier_link import CourierLink
from hafailover.system.log import Log
from hafailover.system.writer_thread import LineWriter
from hafailover.units import seconds

CONFXML = Path(__file__).parents[1] / "tests/data/freebsd-14.0/confxml/06-complete-idle.confxml"
MEGABYTE = 1 << 20


def run(scale: Scale) -> list[Figure]:
    """Measure all of them."""
    return [*_decisions(scale), *_observation(scale), *_hashing(scale), *_alerts(scale)]


def _spent(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _decisions(scale: Scale) -> list[Figure]:
    """Play random runs, and count what the core's share of them is."""
    count = scale.of(100, 3)
    schedule.run(0)
    spent = []
    for seed in range(1, count + 1):
        began = time.process_time()
        schedule.run(seed, arbiter=ArbiterKind.PING)
        spent.append(time.process_time() - began)
    steps, inside = 0, 0.0
    step = machine.step

    def counted(*arguments: Any) -> machine.Step:
        nonlocal steps, inside
        began = time.perf_counter()
        result = step(*arguments)
        inside += time.perf_counter() - began
        steps += 1
        return result

    with patch.object(machine, "step", counted):
        for seed in range(1, scale.of(20, 2) + 1):
            schedule.run(seed, arbiter=ArbiterKind.PING)
    return [
        Figure(
            what="simulator: three-fault schedules per second and core",
            value=1 / median(spent),
            unit="1/s",
            goal=100.0,
            goal_is="value at least",
            samples=count,
            bound="steps of the real core, some hundred for each schedule, and as much for the model kernels",
        ),
        Figure(
            what="one decision of the core",
            value=inside / steps * 1e6,
            unit="µs",
            samples=steps,
            bound="immutable state in plain Python",
        ),
        Figure(
            what="decisions of the core per second and core",
            value=steps / inside,
            unit="1/s",
            samples=steps,
            bound="immutable state in plain Python",
        ),
        *_profile(scale.of(20, 1)),
    ]


def _profile(count: int) -> list[Figure]:
    """Say which part of the program a schedule spends its time in."""
    profiler = cProfile.Profile()
    for seed in range(1, count + 1):
        profiler.runcall(schedule.run, seed, arbiter=ArbiterKind.PING)
    spent: defaultdict[str, float] = defaultdict(float)
    for row in profiler.getstats():
        spent[_part(row.code)] += row.inlinetime
    total = sum(spent.values())
    return [
        Figure(
            what=f"of a schedule's time, under a profiler: {part}",
            value=100 * share / total,
            unit="%",
            samples=count,
        )
        for part, share in sorted(spent.items(), key=lambda item: -item[1])[:6]
    ]


def _part(code: Any) -> str:
    """Return what a function belongs to: a package of this program, or Python."""
    _, found, inside = getattr(code, "co_filename", "").partition("/hafailover/")
    return f"hafailover.{inside.partition('/')[0]}" if found else "Python and its library"


def _observation(scale: Scale) -> list[Figure]:
    text = CONFXML.read_text()
    rounds = scale.of(300, 20)
    ours = _spent(lambda: [see_geom(text) for _ in range(rounds)]) / rounds
    bare = _spent(lambda: [ET.fromstring(text) for _ in range(rounds)]) / rounds  # noqa: S314 - a file of ours
    return [
        Figure(
            what="reading kern.geom.confxml (when it changed)",
            value=ours * 1e3,
            unit="ms",
            beside="bare XML parser",
            other=bare * 1e3,
            samples=rounds,
            bound="the XML parser",
        )
    ]


def _hashing(scale: Scale) -> list[Figure]:
    """Compare without the brake that spares a host at work."""
    size = scale.of(256, 8) * MEGABYTE
    arguments = {"offset": 0, "length": size, "block": MEGABYTE}
    with tempfile.NamedTemporaryFile() as file:
        file.write(os.urandom(MEGABYTE) * (size // MEGABYTE))
        file.flush()
        with patch.object(compare_work, "RATE", 1 << 62):
            ours = _lasted(lambda: compare_work.hash_blocks(path=file.name, **arguments))
        data = Path(file.name).read_bytes()
        hashed = _lasted(
            lambda: [hashlib.blake2b(data[at : at + MEGABYTE]) for at in range(0, size, MEGABYTE)]
        )
        sha = _lasted(
            lambda: [hashlib.sha256(data[at : at + MEGABYTE]) for at in range(0, size, MEGABYTE)]
        )
        read = _lasted(lambda: _read(file.name))
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        from_disk = _lasted(lambda: _read(file.name))
    return [
        Figure(
            what="hashing an image for a comparison, brake off",
            value=size / MEGABYTE / ours,
            unit="MB/s",
            beside=name,
            other=size / MEGABYTE / other,
            bound=f"BLAKE2b; a running host is spared: at most {compare_work.RATE // MEGABYTE} MB/s",
        )
        for name, other in (
            ("BLAKE2b alone", hashed),
            ("SHA-256 alone", sha),
            ("reading alone, from the cache", read),
            ("reading alone, from the disk", from_disk),
        )
    ]


def _read(path: str) -> None:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - bare reading is what is measured
        while file.read(MEGABYTE):
            pass


def _lasted(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _alerts(scale: Scale) -> list[Figure]:
    return asyncio.run(_raise_many(scale.of(20_000, 500)))


async def _raise_many(count: int) -> list[Figure]:
    """Raise alerts while the command that delivers them hangs."""
    log = Log(LineWriter("log", os.open(os.devnull, os.O_WRONLY)), node="A")
    command = ("sleep", "30")
    hook = AlertHookSettings(command=command, severity=Severity.NOTE, deadline=seconds(60))
    settings = AlertSettings(hooks=(hook,), queue=count // 2)
    spool = tempfile.TemporaryDirectory()
    link = CourierLink(
        asyncio.get_running_loop(), settings, Path(spool.name) / "alerts", log, os.environ
    )
    port = AlertPort(log, link, node="A")
    began = time.perf_counter()
    for number in range(count):
        port.raise_alert("web", AlertKind.FAILOVER, Severity.WARNING, f"number {number}")
    spent = time.perf_counter() - began
    dropped = port.dropped
    link.close()
    # Its command hangs: it would go on writing into the spool for as long as that is borne.
    os.kill(link.pid, signal.SIGKILL)
    await asyncio.to_thread(os.waitpid, link.pid, 0)
    log.close(1.0)
    spool.cleanup()
    return [
        Figure(
            what="raising an alert while the command that delivers them hangs",
            value=spent / count * 1e6,
            unit="µs",
            samples=count,
            bound="a bounded queue; nobody waits for a delivery",
        ),
        Figure(
            what=f"alerts given up of {count} raised at once, queue of {settings.queue}",
            value=float(dropped),
            unit="",
            bound="counted, and shown by status",
        ),
    ]


if __name__ == "__main__":
    main("machine_room", "How fast the parts of a failover are.", run)
