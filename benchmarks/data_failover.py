"""How long are the data away, with hafailover and with scripts written by hand around a VRRP daemon?

    python -m benchmarks.data_failover [--smoke] [--json FILE]

Both ways run on the same emulated hosts: real processes, packets and image bytes. In turn the group is moved
and moved back on purpose, the primary's power is cut, it returns and takes over again, and the secondary's power
is cut. Then the older of two copies is left alone for a while, and a primary dies under the arbiter etcd.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from benchmarks.data_story import Tale, tell
from benchmarks.figures import Figure, Scale, all_of, main
from benchmarks.shares import Shares
from benchmarks.stories import OURS, SCRIPTS, STALL_LIMIT_S, Seen

LEASE_MS = 10_000.0
OWN_MS = 100.0
"""What may come on top of detection and commands."""
WAYS = (OURS, SCRIPTS)


def run(scale: Scale) -> Iterator[Figure]:
    """Play both ways for each size.

    Where times count, one story at a time; the ways to lose an older copy are looked at side by side.
    """
    sizes = (16,) if scale.is_smoke else (64, 256, 1024)
    stale = {
        way: Tale(
            story="stale",
            way=way,
            megabytes=sizes[0],
            alone_s=float(scale.of(30, 8)),
            write_s=float(scale.of(3, 1)),
        )
        for way in WAYS
    }
    death = Tale(story="death", way=OURS, megabytes=sizes[0], arbiter="etcd")
    with ThreadPoolExecutor(2) as together, ThreadPoolExecutor(2 if scale.is_smoke else 1) as alone:
        faults = {
            (size, way): alone.submit(tell, Tale(story="faults", way=way, megabytes=size))
            for size in sizes
            for way in WAYS
        }
        under_etcd = alone.submit(tell, death)
        yield from all_of(
            *(partial(_of_size, size, [faults[size, way] for way in WAYS]) for size in sizes),
            lambda: _with_etcd(sizes[0], under_etcd.result()),
            lambda: _stale(sizes[0], {way: together.submit(tell, stale[way]) for way in WAYS}),
        )


def _of_size(megabytes: int, stories: Sequence[Future[Seen]]) -> Iterable[Figure]:
    return _figures(megabytes, *(story.result() for story in stories))


def _stale(megabytes: int, seen: dict[str, Future[Seen]]) -> Iterator[Figure]:
    """Yield what the older copy did, alone, with both ways."""
    ours, scripts = (seen[way].result() for way in WAYS)
    for what, one, other, bound in (
        (
            "answers to clients from the older copy, alone",
            ours.old_answers,
            scripts.old_answers,
            "nobody: the node that has the older copy waits for its peer",
        ),
        (
            "acknowledged writes overwritten after that",
            ours.lost,
            scripts.lost,
            "the lineage on record; the scripts compare nothing, and gmirror keeps one half of the two",
        ),
    ):
        yield Figure(
            what=f"{what}, {megabytes} MB",
            value=float(one),
            unit="",
            beside=SCRIPTS,
            other=float(other),
            goal=0.0,
            samples=ours.acknowledged,
            bound=bound,
        )


def _with_etcd(megabytes: int, seen: Seen) -> Iterator[Figure]:
    outage = seen.outage["primary powered off"]
    yield Figure(
        what=f"outage, primary powered off, {megabytes} MB, etcd",
        value=outage,
        unit="ms",
        beside="the lease",
        other=LEASE_MS,
        bound="the lease of the dead primary, commands",
    )
    yield from _shares("etcd", outage, seen.shares)


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
    main("data_failover", "How long data are away.", run)
