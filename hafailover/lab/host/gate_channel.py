"""How do requests travel between the kernel and one ggatec?"""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from hafailover.emulation.geom import BioCommand
from hafailover.lab.host import wire

if TYPE_CHECKING:
    from hafailover.lab.host.kerneld import KernelProcess

_COMMANDS: Final = {
    BioCommand.READ: wire.READ,
    BioCommand.WRITE: wire.WRITE,
    BioCommand.FLUSH: wire.FLUSH,
}


class GateChannel:
    """The kernel's end of the line to the ggatec that serves ``unit``."""

    def __init__(
        self,
        process: "KernelProcess",
        unit: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._unit = unit
        self._reader = reader
        self._writer = writer
        self._work = asyncio.Event()

    def notify(self) -> None:
        """Say that there may be something to fetch."""
        self._work.set()

    async def run(self) -> None:
        """Carry requests until ggatec or the device is gone."""
        outgoing = asyncio.create_task(self._hand_out())
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._take_back()
        finally:
            outgoing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await outgoing
            self._process.gate_gone(self._unit, self)

    async def _hand_out(self) -> None:
        kernel = self._process.kernel
        with contextlib.suppress(ConnectionError):
            while True:
                self._work.clear()
                error, request = kernel.gate_fetch(self._unit, self._process.now())
                if error:
                    self._writer.write(wire.HEADER.pack(wire.ENDED, 0, 0, 0, 0))
                    await self._writer.drain()
                    return
                if request is None:
                    await self._work.wait()
                    continue
                header = wire.HEADER.pack(
                    _COMMANDS[request.command], request.offset, request.length, request.seq, 0
                )
                self._writer.write(header + request.data)
                await self._writer.drain()

    async def _take_back(self) -> None:
        process = self._process
        while True:
            header = await self._reader.readexactly(wire.HEADER.size)
            command, _, length, sequence, error = wire.HEADER.unpack(header)
            if command == wire.CANCEL:
                # The mark goes out before anything that is handed out again.
                self._writer.write(wire.HEADER.pack(wire.CANCEL, 0, 0, 0, 0))
                process.kernel.gate_cancel(self._unit, process.now())
                process.settle()
                self.notify()
                continue
            data = b""
            if command == wire.READ and not error:
                data = await self._reader.readexactly(length)
            process.kernel.gate_answer(self._unit, sequence, error, data, process.now())
            process.settle()
