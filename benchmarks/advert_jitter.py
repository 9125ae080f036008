"""How late are advertisements, and does a backup ever take over beside a living Master?

A pair of keepalived and a pair of hafailover are on one LAN each, at the same time. The client notes the kernel's
time stamp of each advertisement.
"""

import itertools
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.client_probe import LIMIT_S, Listener
from benchmarks.vrrp_takeover import KINDS, PRIORITY_BACKUP, PRIORITY_MASTER
from hafailover.vrrp.settings import Version
from tests.interop.inside import enter
from tests.interop.lan import CLIENT, Lan
from tests.interop.nodes import Dialect

LATE = 1.5
"""An interval longer than this share of the configured one counts as late."""

CORES = os.cpu_count() or 1

Pairs = dict[str, Lan]
"""The LAN of each kind, with a Master and a backup on it."""


def _burn(*, behind_everybody: bool) -> None:
    if behind_everybody:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while True:
        pass


@contextmanager
def busy(*, behind_everybody: bool = False) -> Iterator[None]:
    """Keep all cores computing; on request with what gives way to everybody, so that the cores only never sleep."""
    context = multiprocessing.get_context("fork")
    options = {"behind_everybody": behind_everybody}
    burners = [context.Process(target=_burn, kwargs=options, daemon=True) for _ in range(CORES)]
    for process in burners:
        process.start()
    try:
        yield
    finally:
        for process in burners:
            process.kill()
            process.join()


def _watch(space: str, macs: tuple[str, str], seconds: float, answer: Any) -> None:
    """Send back the times of the advertisements of each of ``macs``."""
    enter(space)
    listener = Listener("eth0")
    end = time.time() + seconds
    times: dict[str, list[float]] = {mac: [] for mac in macs}
    while time.time() < end:
        for each in listener.frames(0.1):
            if each.is_advertisement and each.source in times:
                times[each.source].append(each.at)
    answer.send([times[mac] for mac in macs])


def spread(times: list[float], interval_s: float) -> dict[str, float]:
    """Return how long the intervals were, in shares of the configured one."""
    gaps = sorted((after - before) / interval_s for before, after in itertools.pairwise(times))
    if not gaps:
        raise TimeoutError("no advertisements were seen")
    return {
        "count": len(gaps),
        "p50": round(gaps[len(gaps) // 2], 4),
        "p99": round(gaps[len(gaps) * 99 // 100], 4),
        "longest": round(gaps[-1], 4),
        "late": sum(gap > LATE for gap in gaps),
    }


def begun(times: list[float], interval_s: float) -> int:
    """Return how often somebody began to advertise who had not for longer than three intervals."""
    waits = [after - before > 3 * interval_s for before, after in itertools.pairwise(times)]
    return sum(waits) + bool(times)


@contextmanager
def standing(interval_ms: int) -> Iterator[Pairs]:
    """Bring a pair of either kind up, each with its Master in place."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pairs, backups = {}, []
        dialect = Dialect(version=Version.V3, interval_ms=interval_ms)
        for name, kind in KINDS.items():
            lan = pairs[name] = stack.enter_context(Lan(f"hj{os.getpid()}{name[0]}"))
            own = folder / name
            own.mkdir()
            kind(lan, "a", "b", dialect, own).start(PRIORITY_MASTER)
            backups.append(kind(lan, "b", "a", dialect, own))
        time.sleep(4 * interval_ms / 1000 + 1)
        for backup in backups:
            backup.start(PRIORITY_BACKUP)
        time.sleep(4 * interval_ms / 1000 + 1)
        yield pairs


def measure(pairs: Pairs, interval_ms: int, seconds: float) -> dict[str, dict[str, float]]:
    """Watch both pairs at the same time.

    ``takeovers`` counts how often a backup became Master beside a Master that was alive.
    """
    context = multiprocessing.get_context("fork")
    watchers = []
    for name, lan in pairs.items():
        ours, theirs = context.Pipe(duplex=False)
        arguments = (lan.space(CLIENT), (lan.mac("a"), lan.mac("b")), seconds, theirs)
        watchers.append((name, ours, context.Process(target=_watch, args=arguments)))
    seen = {}
    try:
        for _, _, process in watchers:
            process.start()
        for name, pipe, _ in watchers:
            if not pipe.poll(seconds + LIMIT_S):
                raise TimeoutError("the client does not answer")
            master, backup = pipe.recv()
            takeovers = begun(backup, interval_ms / 1000)
            seen[name] = spread(master, interval_ms / 1000) | {"takeovers": takeovers}
        return seen
    finally:
        for _, _, process in watchers:
            process.kill()
            process.join()
