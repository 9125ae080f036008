"""How late are the advertisements of a pair with data while it takes over, and while it rebuilds the other copy?

The lab's pair. The primary loses its power; the secondary wins the election and runs ``fsck_ffs -p``, made to take
long. Then the dead node returns, and its copy is rebuilt. The client's kernel stamps every advertisement. What keeps
the cores busy meanwhile is outside.

    python -m benchmarks.lab_under_load INTERVAL_MS FSCK_S MEGABYTES
"""

import asyncio
import json
import sys
import time

from benchmarks.advert_jitter import spread
from benchmarks.lab_pair import standing, until, until_settled
from hafailover.lab.configuration import Tuning
from hafailover.lab.host.control import disturb
from hafailover.lab.world import World

LISTEN_MAX_S = 600.0


async def measure(interval_ms: int, fsck_s: float, megabytes: int) -> dict[str, dict[str, float]]:
    """Return the spread of the intervals while fsck runs and during the rebuild, in shares of the configured one."""
    tuning = Tuning(interval=f"{interval_ms}ms", image_megabytes=megabytes)
    async with standing(tuning) as world:
        await until_settled(world)
        await disturb(world.nodes["B"].files.root, ("slow", str(fsck_s), "fsck_ffs"))
        listener = await _listen(world)
        await world.nodes["A"].power_off()
        off_at = time.time()
        await until(lambda: world.observer.look().addressed == {"B"}, "B serves")
        during_fsck = _of_successor(await _heard(listener), off_at, fsck_s)
        listener = await _listen(world)
        back = time.time()
        await world.nodes["A"].power_on()
        await until_settled(world, "B")
        during_rebuild = [at for at in await _heard(listener) if at >= back]
    return {
        "during fsck": spread(during_fsck, interval_ms / 1000),
        "during a rebuild": spread(during_rebuild, interval_ms / 1000),
    }


async def _listen(world: World) -> asyncio.subprocess.Process:
    """Let the client note all advertisements until it is asked for them."""
    client = world.bystanders["client"]
    interface = client.machine.ports[0].interface
    process = await asyncio.create_subprocess_exec(
        "nsenter", f"--net=/proc/{client.pid}/ns/net", "--",
        sys.executable, "-m", "benchmarks.advert_listener", interface, str(LISTEN_MAX_S),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    if process.stdout is not None:
        await process.stdout.readline()
    return process


async def _heard(listener: asyncio.subprocess.Process) -> list[float]:
    listener.terminate()
    text, _ = await listener.communicate()
    return [at for at, priority in json.loads(text) if priority > 0]


def _of_successor(times: list[float], off_at: float, fsck_s: float) -> list[float]:
    """Return the advertisements of the successor during its fsck: all that come after the other one was off."""
    own = [at for at in times if at > off_at]
    return [at for at in own if at <= own[0] + fsck_s]


if __name__ == "__main__":
    interval, fsck, size = sys.argv[1:]
    print(json.dumps(asyncio.run(measure(int(interval), float(fsck), int(size)))))
