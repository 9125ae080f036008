"""Is what the agent has opened on an interface still on the interface of that name?

One that is destroyed, or renamed, leaves its sockets deaf. FreeBSD even takes their multicast groups and their way out
from them (in_pcbpurgeif0), so that the next advertisement could leave through another interface. They are closed with
it, and opened anew once an interface of that name is up: its index, and perhaps its MAC address, is another one.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from hafailover.errors import EdgeError

AGAIN_S: Final = 1.0
"""What cannot be opened is tried again so often: a driver may say that it is up before it runs, and nothing later."""


class Grip(Protocol):
    """What is open on an interface."""

    async def take(self) -> bool:
        """Open everything on what has the name now; False if that is not up.

        Raises:
            EdgeError: It is not there, or something cannot be opened; nothing is open then.
        """
        ...

    def let_go(self) -> None:
        """Close it; what is closed already is no error."""
        ...


class Attachment:
    """Closes and opens what is open on one interface, and says so."""

    def __init__(self, interface: str, grip: Grip, say: Callable[[str], None]) -> None:
        """Begin with everything open."""
        self.interface = interface
        self.is_there = True
        self._grip = grip
        self._say = say
        self._taking: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    def vanished(self) -> None:
        """Close everything, and end an attempt to open it."""
        self.close()
        self._grip.let_go()
        if self.is_there:
            self.is_there = False
            self._say(
                f"interface {self.interface} is gone, destroyed or renamed: nothing is sent or heard on it"
            )

    def appeared(self, resumed: Callable[[], None]) -> None:
        """Open everything anew, as soon as that can be; then call ``resumed``.

        To be called again whenever the kernel says something new of the interface.
        """
        self._news.set()
        if self._taking is None or self._taking.done():
            self._taking = asyncio.get_running_loop().create_task(self._take(resumed))

    def close(self) -> None:
        """Attempt nothing any more."""
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    async def _take(self, resumed: Callable[[], None]) -> None:
        said = ""
        while True:
            self._news.clear()
            try:
                if await self._grip.take():
                    break
            except EdgeError as error:
                if error.message != said:
                    said = error.message
                    self._say(f"{said}; tried again every second")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), AGAIN_S)
        self.is_there = True
        self._say(f"interface {self.interface} is back: its sockets were opened anew")
        resumed()
