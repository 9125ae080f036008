"""How late are advertisements while both cores of the machine are busy?

A pair of keepalived and a pair of hafailover are on one LAN each, at the same time, while as many processes as
there are cores compute without end. The client notes the kernel's time stamp of each advertisement.

    python -m benchmarks.advert_jitter --interval 100 --seconds 30 --json out.json
"""

import argparse
import itertools
import json
import multiprocessing
import os
import tempfile
import time
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


def burn() -> None:
    """Compute without end."""
    while True:
        pass


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
        "median": round(gaps[len(gaps) // 2], 4),
        "p99": round(gaps[len(gaps) * 99 // 100], 4),
        "longest": round(gaps[-1], 4),
        "shortest": round(gaps[0], 4),
        "late": sum(gap > LATE for gap in gaps),
    }


def begun(times: list[float], interval_s: float) -> int:
    """Return how often somebody began to advertise who had not for longer than three intervals."""
    waits = [after - before > 3 * interval_s for before, after in itertools.pairwise(times)]
    return sum(waits) + bool(times)


def measure(interval_ms: int, seconds: float, busy: int) -> dict[str, dict[str, float]]:
    """Watch a pair of both kinds at the same time, with ``busy`` processes that compute.

    ``takeovers`` counts how often a backup became Master beside a Master that was alive.
    """
    context = multiprocessing.get_context("fork")
    burners = [context.Process(target=burn, daemon=True) for _ in range(busy)]
    with (
        tempfile.TemporaryDirectory() as folder,
        Lan(f"hj{os.getpid()}k") as one,
        Lan(f"hj{os.getpid()}h") as other,
    ):
        watchers, backups = [], []
        for name, lan in zip(KINDS, (one, other), strict=True):
            dialect = Dialect(version=Version.V3, interval_ms=interval_ms)
            own = Path(folder) / name
            own.mkdir()
            KINDS[name](lan, "a", "b", dialect, own).start(PRIORITY_MASTER)
            ours, theirs = context.Pipe(duplex=False)
            arguments = (lan.space(CLIENT), (lan.mac("a"), lan.mac("b")), seconds, theirs)
            watchers.append((name, ours, context.Process(target=_watch, args=arguments)))
            backups.append(KINDS[name](lan, "b", "a", dialect, own))
        time.sleep(4 * interval_ms / 1000 + 1)
        for backup in backups:
            backup.start(PRIORITY_BACKUP)
        time.sleep(4 * interval_ms / 1000 + 1)
        try:
            for process in (*burners, *(watcher for _, _, watcher in watchers)):
                process.start()
            seen = {}
            for name, pipe, _ in watchers:
                if not pipe.poll(seconds + LIMIT_S):
                    raise TimeoutError("the client does not answer")
                master, backup_ = pipe.recv()
                takeovers = begun(backup_, interval_ms / 1000)
                seen[name] = spread(master, interval_ms / 1000) | {"takeovers": takeovers}
            return seen
        finally:
            for process in (*burners, *(watcher for _, _, watcher in watchers)):
                process.kill()
                process.join()


def main() -> None:
    """Measure, print, and write JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--interval", type=int, default=100, help="milliseconds")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--busy", type=int, default=os.cpu_count(), help="processes that compute")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    seen = measure(options.interval, options.seconds, options.busy)
    print(f"Intervals of {options.interval} ms, as shares of it, {options.busy} busy processes")
    print(f"{'':<12}" + "".join(f"{key:>10}" for key in next(iter(seen.values()))))
    for name, row in seen.items():
        print(f"{name:<12}" + "".join(f"{value:>10}" for value in row.values()))
    if options.json:
        options.json.write_text(json.dumps(seen, indent=1))


if __name__ == "__main__":
    main()
