"""The bytes to and from a child: nobody waits for it, whatever it does."""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

_READ_BYTES: Final = 65536


class ChildStream:
    """The agent's end of a pair of sockets."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        end: socket.socket,
        *,
        took: Callable[[bytearray], None],
        lost: Callable[[], None],
        most: int,
    ) -> None:
        """Begin to read.

        Args:
            loop: Where the callbacks are called.
            end: Is owned from now on.
            took: Called with everything that has come and was not taken out of it yet.
            lost: Called once when the child has closed its end, or said too much; close the stream then.
            most: So many bytes may wait to be taken out.
        """
        self._loop = loop
        self._socket = end
        self._took = took
        self._lost = lost
        self._most = most
        self._unsent = b""
        self._received = bytearray()
        end.setblocking(False)  # noqa: FBT003 - the standard library's signature
        loop.add_reader(end, self._receive)

    @property
    def is_sent(self) -> bool:
        """Whether the system has taken everything that was to be sent."""
        return not self._unsent

    def send(self, data: bytes) -> None:
        """Send as soon as the child reads."""
        self._unsent += data
        self.flush()

    def close(self) -> None:
        """Call nobody any more, and send nothing more: a child that was given up must not act late."""
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()

    def flush(self) -> None:
        """Give the system what it takes at once; the rest follows."""
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            # The child has gone. The reader sees the end of the stream and tells.
            sent = len(self._unsent)
        self._unsent = self._unsent[sent:]
        if self._unsent:
            self._loop.add_writer(self._socket, self.flush)
        else:
            self._loop.remove_writer(self._socket)

    def _receive(self) -> None:
        try:
            chunk = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        self._received += chunk
        if not chunk or len(self._received) > self._most:
            # Whoever hangs up later hears of it once only.
            self._loop.remove_reader(self._socket)
            self._lost()
            return
        self._took(self._received)
