"""How is a name looked up, so that a resolver that hangs holds up nobody, not even the end?

The loop's own ``getaddrinfo`` runs in a pool of threads that are waited for at the end, as long as it takes. Here each
look-up has a thread of its own that nobody waits for.
"""

import asyncio
import socket
import threading
from contextlib import suppress


async def look_up(host: str, port: int) -> tuple[str, ...]:
    """Return the addresses of a host, without repetition; can be cancelled.

    Raises:
        OSError: They are not found.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[str, ...]] = loop.create_future()

    def tell(found: tuple[str, ...] | OSError) -> None:
        if answer.done():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def look() -> None:
        found = _ask(host, port)
        # The loop may be closed by now.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, found)

    try:
        threading.Thread(target=look, name="name look-up", daemon=True).start()
    except RuntimeError as error:
        raise OSError(str(error)) from error
    return await answer


def _ask(host: str, port: int) -> tuple[str, ...] | OSError:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return error
    except UnicodeError as error:
        return OSError(f"it is no name: {error}")
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
