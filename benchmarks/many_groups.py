"""What do many virtual routers cost, and how soon does the first advertisement leave?

    python -m benchmarks.many_groups [--smoke] [--json FILE]

An agent and a keepalived with as many virtual routers each, version 3, 1 s, on a LAN of their own, at the
same time.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import agent_node
from benchmarks.client_probe import Listener
from benchmarks.figures import Figure, Scale, main, median
from benchmarks.lab_pair import Usage, usage
from tests.interop.inside import enter
from tests.interop.lan import CLIENT, Lan, ip

LIMIT_S = 120.0
_COMMAND_LINE = ("hafailover.cli.main", "hafailover.cli.run", "hafailover.config.load")
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one kind of router cost with so many virtual routers."""

    first_s: float
    processor_percent: float
    resident_bytes: int
    page_bytes: int
    """Resident memory of the process that serves metrics and the status page, which can be switched off."""


def run(scale: Scale) -> list[Figure]:
    """Measure both kinds with more and more groups."""
    figures: list[Figure] = []
    starts: dict[str, list[float]] = {"hafailover": [], "keepalived": []}
    memory: dict[int, float] = {}
    pages: list[float] = []
    for count in (1, 16) if scale.is_smoke else (1, 16, 255):
        costs = measure(count, float(scale.of(15, 2)))
        ours, theirs = costs["hafailover"], costs["keepalived"]
        memory[count] = ours.resident_bytes / MEGABYTE
        figures += [
            Figure(
                what=f"processor with {count} plain groups, 1 s interval",
                value=ours.processor_percent,
                unit="% core",
                beside="keepalived",
                other=theirs.processor_percent,
                goal={1: 0.5, 255: 25.0}.get(count),
                bound="one wake-up for each advertisement",
            ),
            Figure(
                what=f"resident memory with {count} plain groups",
                value=memory[count],
                unit="MB",
                beside="keepalived",
                other=theirs.resident_bytes / MEGABYTE,
                goal=50.0 if count == 1 else None,
                bound="the Python interpreter",
            ),
        ]
        pages.append(ours.page_bytes / MEGABYTE)
    most = max(memory)
    figures.append(
        Figure(
            what=f"memory of each further group (1 to {most})",
            value=(memory[most] - memory[1]) / (most - 1),
            unit="MB",
            goal=0.3,
            bound="state, ring of the journal, frames",
        )
    )
    figures.append(
        Figure(
            what="resident memory of metrics and status page, a process of its own",
            value=max(pages),
            unit="MB",
            beside="agent",
            other=memory[1],
            bound="the Python interpreter, once more",
        )
    )
    for _ in range(scale.of(7, 1)):
        for name, cost in measure(1, 0.5).items():
            starts[name].append(cost.first_s)
    return [*_start(starts), *figures]


def _start(starts: dict[str, list[float]]) -> Iterator[Figure]:
    """Yield how long a start takes, and what it is made of; the two imports run at the same time, on a core each."""
    count = len(starts["hafailover"])
    whole = median(starts["hafailover"]) * 1000
    yield Figure(
        what="start to first advertisement",
        value=whole,
        unit="ms",
        beside="keepalived",
        other=median(starts["keepalived"]) * 1000,
        goal=800.0,
        worst=max(starts["hafailover"]) * 1000,
        samples=count,
        bound="the agent's own import; scapy's is beside it, in a child",
    )
    for what, modules in (
        ("scapy's import, in the child that builds the frames", ("hafailover.system.frames",)),
        ("the import of command line and configuration", _COMMAND_LINE),
        ("the import of all that the agent is", (*_COMMAND_LINE, "hafailover.system.agent")),
    ):
        yield Figure(
            what=f"of which {what}",
            value=median([_import_s(modules) for _ in range(count)]) * 1000,
            unit="ms",
            beside="whole start",
            other=whole,
            samples=count,
        )


def _import_s(modules: Iterable[str]) -> float:
    """Return how long a fresh Python imports modules, in seconds."""
    code = f"import time; t = time.monotonic(); import {', '.join(modules)}; print(time.monotonic() - t)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=agent_node.ROOT,
    )
    return float(done.stdout)


def measure(count: int, seconds: float) -> dict[str, Cost]:
    """Let both kinds advertise ``count`` virtual routers."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Lan(f"hm{os.getpid()}h") as one,
        Lan(f"hm{os.getpid()}k") as other,
    ):
        ours, theirs = Path(folder) / "ours", Path(folder) / "theirs"
        theirs.mkdir()
        commands = (_agent(ours, one, count), _keepalived(theirs, count))
        first, pids = {}, {}
        for name, lan, command in zip(
            ("hafailover", "keepalived"), (one, other), commands, strict=True
        ):
            first[name] = _until_all_advertise(lan, command, count, Path(folder) / f"{name}.log")
            pids[name] = [int(pid) for pid in ip("netns", "pids", lan.space("a")).split()]
        # The status page is a process that starts last.
        time.sleep(min(2.0, seconds))
        before, began = _uses(pids), time.monotonic()
        time.sleep(seconds)
        span, after = time.monotonic() - began, _uses(pids)
        pages = {pid for seen in after.values() for pid in seen if _is_page(pid)}
    return {
        name: Cost(
            first_s=first[name],
            processor_percent=100
            * sum(after[name][pid].cpu_s - before[name][pid].cpu_s for pid in before[name])
            / span,
            resident_bytes=_resident(after[name], set(after[name]) - pages),
            page_bytes=_resident(after[name], pages),
        )
        for name in pids
    }


def _resident(seen: dict[int, Usage], pids: set[int]) -> int:
    return sum(each.resident_bytes for pid, each in seen.items() if pid in pids)


def _is_page(pid: int) -> bool:
    return b"hafailover.web.server" in Path(f"/proc/{pid}/cmdline").read_bytes()


def _uses(pids: dict[str, list[int]]) -> dict[str, dict[int, Usage]]:
    """Read what is still there: the child that builds the frames has ended by now."""
    return {
        name: {pid: usage(pid) for pid in each if Path(f"/proc/{pid}").exists()}
        for name, each in pids.items()
    }


def _until_all_advertise(lan: Lan, command: list[str], count: int, log: Path) -> float:
    """Start a router; return how long it took until its first advertisement, once all have come."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    watcher = context.Process(target=_watch, args=(lan.space(CLIENT), count, theirs), daemon=True)
    watcher.start()
    ours.recv()
    began = time.time()
    lan.spawn("a", command, log)
    if not ours.poll(LIMIT_S):
        watcher.kill()
        raise TimeoutError(f"not all of {count} routers advertise: {log.read_text()[-2000:]}")
    first: float = ours.recv()
    watcher.join()
    return first - began


def _watch(space: str, count: int, answer: Any) -> None:
    enter(space)
    listener = Listener("eth0")
    answer.send("listening")
    seen: dict[int, float] = {}
    while len(seen) < count:
        for frame in listener.frames(0.5):
            if frame.is_advertisement:
                start = 14 + (frame.data[14] & 15) * 4
                seen.setdefault(frame.data[start + 1], frame.at)
    answer.send(min(seen.values()))


def _agent(folder: Path, lan: Lan, count: int) -> list[str]:
    groups = {
        f"g{number}": agent_node.group(number, 255, f"10.98.{number}.1", 1000, 3)
        for number in range(1, count + 1)
    }
    return agent_node.command(folder, lan.address("a"), groups)


def _keepalived(folder: Path, count: int) -> list[str]:
    blocks = [
        f"vrrp_instance V{number} {{\n  state MASTER\n  interface eth0\n"
        f"  virtual_router_id {number}\n  priority 255\n  advert_int 1\n  version 3\n"
        f"  virtual_ipaddress {{\n    10.98.{number}.1/24\n  }}\n}}\n"
        for number in range(1, count + 1)
    ]
    config = folder / "keepalived.conf"
    config.write_text("global_defs {\n  router_id a\n}\n" + "".join(blocks))
    options = ["-P", "-n", "-l", "-f", str(config)]
    return ["keepalived", *options, "-p", f"{folder}/pid", "-r", f"{folder}/vrrp.pid"]


if __name__ == "__main__":
    main("many_groups", "What many virtual routers cost.", run)
