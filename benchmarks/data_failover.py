"""How long are the data away, with hafailover and with scripts written by hand around a VRRP daemon?

    python -m benchmarks.data_failover [--smoke] [--json FILE]

Both ways run on the same emulated hosts: real processes, packets and image bytes. In turn the group is moved
and moved back on purpose, the primary's power is cut, it returns and takes over again, and the secondary's power
is cut. Then the older of two copies is left alone for a while, and a primary dies under the arbiter etcd.
"""

import asyncio
import os
import sys
from collections.abc import Iterable

from benchmarks.figures import Figure, Scale, main
from benchmarks.shares import Shares
from benchmarks.stories import OURS, SCRIPTS, STALL_LIMIT_S, Seen, Story, pair
from hafailover.lab import sandbox
from hafailover.lab.configuration import Tuning

LEASE_MS = 10_000.0
OWN_MS = 100.0
"""What may come on top of detection and commands."""


def run(scale: Scale) -> list[Figure]:
    """Play both ways for each size."""
    return asyncio.run(_play_all(scale))


async def _play_all(scale: Scale) -> list[Figure]:
    sizes = (16,) if scale.is_smoke else (64, 256, 1024)
    figures: list[Figure] = []
    for megabytes in sizes:
        tuning = Tuning(image_megabytes=megabytes, interval="1s")
        seen = {}
        for way in (OURS, SCRIPTS):
            async with pair(way, tuning) as world:
                seen[way] = await Story(world, way).play()
        figures += _figures(megabytes, seen[OURS], seen[SCRIPTS])
    stale = await _stale(sizes[0], scale.of(30, 1), scale.of(8, 1))
    return [*figures, *stale, *await _with_etcd(sizes[0])]


async def _stale(megabytes: int, alone_s: float, write_s: float) -> list[Figure]:
    """Leave the older copy alone, with both ways."""
    tuning = Tuning(image_megabytes=megabytes, interval="1s")
    seen = {}
    for way in (OURS, SCRIPTS):
        async with pair(way, tuning) as world:
            seen[way] = await Story(world, way).play_stale(alone_s, write_s)
    return [
        Figure(
            what=f"acknowledged writes overwritten by the older copy, {megabytes} MB",
            value=float(seen[OURS].lost),
            unit="",
            beside=SCRIPTS,
            other=float(seen[SCRIPTS].lost),
            goal=0.0,
            samples=seen[OURS].acknowledged,
            bound="nobody: the node that has the older copy waits for its peer",
        )
    ]


async def _with_etcd(megabytes: int) -> list[Figure]:
    tuning = Tuning(image_megabytes=megabytes, interval="1s", arbiter="etcd")
    async with pair(OURS, tuning) as world:
        seen = await Story(world, OURS).play_death()
    return [
        Figure(
            what=f"outage, primary powered off, {megabytes} MB, etcd",
            value=seen.outage["primary powered off"],
            unit="ms",
            beside="the lease",
            other=LEASE_MS,
            bound="the lease of the dead primary, commands",
        ),
        *_shares("etcd", seen.outage["primary powered off"], seen.shares),
    ]


def _shares(how: str, outage_ms: float, seen: Shares | None) -> Iterable[Figure]:
    """Say whose the time was in which nobody served after the primary's death."""
    if seen is None:
        raise ValueError("the journal holds no promotion that ended")
    for what, value, bound in (
        ("detection", seen.detection_ms, "the silence or the lease that the arbiter demands"),
        ("commands and services", seen.commands_ms, "the commands of the system"),
        ("looks", seen.looks_ms, "the commands that a look runs; here each is a Python program"),
        ("records, arbiter, watchdog", seen.asked_ms, "fsync, the network"),
    ):
        yield Figure(
            what=f"primary powered off, {how}: {what}",
            value=value,
            unit="ms",
            beside="whole outage",
            other=outage_ms,
            bound=bound,
        )
    yield Figure(
        what=f"primary powered off, {how}: promotion's own time",
        value=seen.own_ms,
        unit="ms",
        beside="whole outage",
        other=outage_ms,
        goal=50.0,
        bound="decisions of the core, wake-ups between commands",
    )
    yield Figure(
        what=f"primary powered off, {how}: beyond the shares above",
        value=outage_ms - seen.detection_ms - seen.commands_ms - seen.looks_ms - seen.asked_ms,
        unit="ms",
        beside="whole outage",
        other=outage_ms,
        goal=OWN_MS,
        bound="own time, the client's ARP, the client's rhythm of asking",
    )


def _figures(megabytes: int, ours: Seen, scripts: Seen) -> list[Figure]:
    goals = {
        "primary powered off": (0.2, "ratio at most", "silence that ping demands, commands"),
        "planned failback": (2000.0, "value at most", "the commands: unmount, mount, services"),
        "return and failback": (
            2000.0,
            "value at most",
            "the rebuild is over before the outage begins",
        ),
        "planned failover": (None, "value at most", "the commands: unmount, mount, services"),
    }
    rows = []
    for what, (goal, kind, bound) in goals.items():
        rows.append(
            Figure(
                what=f"outage, {what}, {megabytes} MB",
                value=ours.outage[what],
                unit="ms",
                beside=SCRIPTS,
                other=scripts.outage[what],
                goal=goal if megabytes == 64 or kind == "value at most" else None,
                goal_is=kind,
                bound=bound,
            )
        )
    rows.append(
        Figure(
            what=f"longest write, secondary powered off, {megabytes} MB",
            value=ours.stall_ms,
            unit="ms",
            beside=f"{SCRIPTS} (given up after {STALL_LIMIT_S:.0f} s)",
            other=scripts.stall_ms,
            goal=1500.0,
            bound="four silent heartbeats, records, ggatec destroy",
        )
    )
    rows += _shares(f"ping, {megabytes} MB", ours.outage["primary powered off"], ours.shares)
    for what, one, other in (
        ("acknowledged writes lost", ours.lost, scripts.lost),
        ("ms with both nodes mounted", ours.both_mounted_ms, scripts.both_mounted_ms),
    ):
        rows.append(
            Figure(
                what=f"{what}, {megabytes} MB",
                value=float(one),
                unit="",
                beside=SCRIPTS,
                other=float(other),
                goal=0.0,
                samples=ours.acknowledged,
            )
        )
    return rows


if __name__ == "__main__":
    sandbox.enter(["-m", "benchmarks.data_failover", *sys.argv[1:]])
    os.environ.setdefault("LANG", "C.UTF-8")
    main("data_failover", "How long data are away.", run)
