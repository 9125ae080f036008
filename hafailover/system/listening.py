"""Does a program that said it started really listen? Asked by connecting.

ggated(8) goes into the background and exits 0 before it binds its socket; what comes of that stands
in syslog only (observed on 14.0).
"""

import asyncio
from typing import Final

TRIES_S: Final = (0.0, 0.05, 0.1, 0.2, 0.4)
"""Pauses before each try: it has just begun."""
_CONNECT_S: Final = 0.5


async def listens(address: str, port: int) -> bool:
    """Return whether somebody takes a connection there within about a second."""
    for pause in TRIES_S:
        await asyncio.sleep(pause)
        try:
            async with asyncio.timeout(_CONNECT_S):
                _, writer = await asyncio.open_connection(address, port)
        except (OSError, TimeoutError):
            continue
        writer.transport.abort()
        return True
    return False
