"""How late are the advertisements of a node that promotes, while its fsck takes a minute and both cores are busy?

The lab's pair, advertising every 100 ms. The primary loses its power; the secondary wins the election and runs
``fsck_ffs -p``, made to take ``--fsck`` seconds, beside one busy process per core. The client's kernel stamps every
advertisement.

    python -m benchmarks.advert_under_fsck --fsck 60 --interval 100 --json out.json
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.advert_jitter import burn, spread
from hafailover.lab import agent_view, sandbox
from hafailover.lab.configuration import Tuning
from hafailover.lab.host.control import disturb
from hafailover.lab.world import World

_START_S = 120.0
_TAKEOVER_S = 30.0


async def measure(
    interval_ms: int, fsck_s: float, takeover_s: float = _TAKEOVER_S
) -> dict[str, Any]:
    """Return the spread of the intervals while fsck runs, in shares of the configured one.

    Args:
        interval_ms: Between advertisements.
        fsck_s: How long fsck takes.
        takeover_s: So long the client listens besides: the takeover is to begin meanwhile.
    """
    with tempfile.TemporaryDirectory(prefix="hafailover-bench-") as folder:
        async with World(Path(folder), Tuning(interval=f"{interval_ms}ms")) as world:
            await world.start()
            async with asyncio.timeout(_START_S):
                while not await _is_in_sync(world):
                    await asyncio.sleep(0.5)
            await disturb(world.nodes["B"].files.root, ("slow", str(fsck_s), "fsck_ffs"))
            listener = await listen(world, takeover_s + fsck_s)
            burners = _burn_all()
            await world.nodes["A"].power_off()
            text, _ = await listener.communicate()
            for burner in burners:
                burner.terminate()
            status = await agent_view.status(world, "B")
    return _judge(json.loads(text), interval_ms, fsck_s, status)


async def _is_in_sync(world: World) -> bool:
    return set((await agent_view.copies(world)).values()) == {"in_sync"}


async def listen(world: World, seconds: float) -> asyncio.subprocess.Process:
    """Let the client note the advertisements of the next ``seconds``; it prints them at its end."""
    client = world.bystanders["client"]
    interface = client.machine.ports[0].interface
    return await asyncio.create_subprocess_exec(
        "nsenter", f"--net=/proc/{client.pid}/ns/net", "--",
        sys.executable, "-m", "benchmarks.advert_listener", interface, str(seconds),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip


def _burn_all() -> list[multiprocessing.Process]:
    burners = [
        multiprocessing.Process(target=burn, daemon=True) for _ in range(os.cpu_count() or 1)
    ]
    for burner in burners:
        burner.start()
    return burners


def _judge(
    seen: list[list[float]], interval_ms: int, fsck_s: float, status: dict[str, Any]
) -> dict[str, Any]:
    """Take the advertisements of the successor: from the longest silence (the takeover) on."""
    times = [at for at, priority in seen if priority > 0]
    gaps = [after - before for before, after in pairwise(times)]
    begin = gaps.index(max(gaps)) + 1
    promoting = [at for at in times[begin:] if at <= times[begin] + fsck_s]
    return {
        "interval_ms": interval_ms,
        "fsck_s": fsck_s,
        "observed_s": round(promoting[-1] - promoting[0], 1),
        "takeover_gap_ms": round(max(gaps) * 1000),
        "role_afterwards": [group["role"] for group in status.get("groups", [])],
        **spread(promoting, interval_ms / 1000),
    }


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--interval", type=int, default=100, help="between advertisements, ms")
    parser.add_argument("--fsck", type=float, default=60.0, help="how long fsck takes, s")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    missing = sandbox.missing()
    if missing is not None:
        sys.exit(missing)
    sandbox.enter(["-m", "benchmarks.advert_under_fsck", *sys.argv[1:]])
    figures = asyncio.run(measure(options.interval, options.fsck))
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
