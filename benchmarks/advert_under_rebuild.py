"""How late are a primary's advertisements while it rebuilds the other copy?

The lab's pair, advertising every 100 ms. The secondary loses its power, writes go on, it returns and is rebuilt whole.
"""

import asyncio
import json
from typing import Any

from benchmarks.advert_jitter import spread
from benchmarks.advert_under_fsck import listen
from benchmarks.lab_pair import standing, until_settled
from hafailover.lab.configuration import Tuning

ALONE_S = 3.0
"""So long the primary is alone; it writes meanwhile, so that the other copy falls behind."""


async def measure(interval_ms: int, megabytes: int, seconds: float) -> dict[str, Any]:
    """Return the spread of the intervals from the secondary's return on, in shares of the configured one.

    Args:
        interval_ms: Between advertisements.
        megabytes: Size of the image.
        seconds: How long the client listens; the rebuild is to be over by then, and one that is not is an error.

    Raises:
        TimeoutError: The copies are not in sync in time.
    """
    tuning = Tuning(interval=f"{interval_ms}ms", image_megabytes=megabytes)
    async with standing(tuning) as world:
        await until_settled(world)
        await world.nodes["B"].power_off()
        await asyncio.sleep(ALONE_S)
        listener = await listen(world, seconds)
        await world.nodes["B"].power_on()
        async with asyncio.timeout(seconds):
            await until_settled(world)
        text, _ = await listener.communicate()
    times = [at for at, priority in json.loads(text) if priority > 0]
    return spread(times, interval_ms / 1000)
