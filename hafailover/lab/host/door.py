"""Who may ask the emulated kernel for what?

Its socket, for tools, ggatec processes and drills.
"""

import asyncio
import contextlib
import json
import marshal
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hafailover.emulation import superblock
from hafailover.emulation.commands import ggatec
from hafailover.emulation.commands.result import Result
from hafailover.emulation.effects import CommandFinished, ProgramRequested
from hafailover.emulation.errors import describe
from hafailover.emulation.faults import Fault, FaultKind
from hafailover.emulation.files import FileError
from hafailover.emulation.gate import GateSpec
from hafailover.lab.host import disk_faults, tool, wire
from hafailover.lab.host.filesystems import EmulatedDevice
from hafailover.lab.host.gate_channel import GateChannel
from hafailover.lab.host.processes import list_processes

if TYPE_CHECKING:
    from hafailover.lab.host.kerneld import KernelProcess

_LINE_LIMIT = 1 << 20
_RUN = b"run "
"""Before the arguments of a program that only asks, as ``marshal`` writes them, in hexadecimal."""


class Door:
    """The socket and everybody who stands in it."""

    def __init__(self, process: "KernelProcess") -> None:
        self._process = process
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._disk_errors: dict[str, int] = {}

    async def open(self) -> asyncio.Server:
        """Listen; the socket appears only when it can be used."""
        place = tool.door(str(self._process.root))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(place)  # noqa: PTH108
        disk_faults.write(str(self._process.root), {})
        return await asyncio.start_unix_server(self._meet, place, limit=_LINE_LIMIT)

    def finished(self, effect: CommandFinished) -> None:
        """Pass a command's end on."""
        self._answer(
            effect.ticket,
            {"status": effect.status, "stdout": effect.stdout, "stderr": effect.stderr},
        )

    def proceed(self, effect: ProgramRequested) -> None:
        """Let a program that is a process of its own begin, or refuse its options."""
        answer: dict[str, Any] = {"proceed": {}}
        if effect.argv[0] == "ggatec":
            options = ggatec.read(effect.argv)
            if isinstance(options, Result):
                answer = {"status": options.status, "stdout": options.stdout}
                answer["stderr"] = options.stderr
            else:
                host, path = options.operands
                answer = {
                    "proceed": {
                        "rescue": effect.argv[1] == "rescue",
                        "host": host,
                        "path": path,
                        "port": int(options.last("p", str(wire.PORT))),
                        "unit": int(options.last("u")) if options.has("u") else None,
                        "timeout": int(options.last("t", "0")),
                        "queue_size": int(options.last("q", "1024")),
                        "access": options.last("o", "rw"),
                        "verbose": options.has("v"),
                    }
                }
        self._answer(effect.ticket, answer)
        # What becomes of the process from here on is not the kernel's business.
        self._process.kernel.finish(effect.ticket, 0, self._process.now())

    def _answer(self, ticket: int, answer: dict[str, Any]) -> None:
        future = self._waiting.pop(ticket, None)
        if future is not None and not future.done():
            future.set_result(answer)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            if line.startswith(_RUN):
                argv = marshal.loads(bytes.fromhex(line[len(_RUN) :].decode()))  # noqa: S302 - our own tool
                answer = await self._run(tuple(argv), reader)
                said = (answer["status"], answer.get("stdout", ""), answer.get("stderr", ""))
                writer.write(marshal.dumps(said))
                return
            words: dict[str, Any] = json.loads(line or b"{}")
            if "run" in words:
                answer = await self._run(tuple(words["run"]), reader)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
            elif "gate" in words:
                await self._gate(words, reader, writer)
            else:
                writer.write(json.dumps(await self._order(words)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _run(self, argv: tuple[str, ...], reader: asyncio.StreamReader) -> dict[str, Any]:
        """Run a command; a signal, or the end of who asked, only tries to end it."""
        process = self._process
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        if argv[0] == "ps":
            future.set_result({"status": 0, "stdout": list_processes(argv), "stderr": ""})
        else:
            ticket = process.kernel.execute(argv, process.now())
            self._waiting[ticket] = future
            process.settle()
        listening = asyncio.create_task(self._listen(reader, future))
        try:
            return await future
        finally:
            listening.cancel()

    async def _listen(
        self, reader: asyncio.StreamReader, future: asyncio.Future[dict[str, Any]]
    ) -> None:
        while True:
            line = await reader.readline()
            ticket = next((t for t, f in self._waiting.items() if f is future), None)
            if ticket is not None:
                self._process.kernel.kill(ticket, self._process.now())
                self._process.settle()
            if not line:
                return

    async def _gate(
        self,
        words: dict[str, Any],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        process = self._process
        unit = words["unit"]
        if words["gate"] == "create":
            fields = ("unit", "mediasize", "timeout", "queue_size", "access", "info")
            spec = GateSpec(**{name: words[name] for name in fields})
            error, unit = process.kernel.gate_create(spec, process.now())
        else:
            error = process.kernel.gate_cancel(unit, process.now())
        answer = {"error": error, "unit": unit, "text": describe(error) if error else ""}
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
        if error:
            return
        channel = GateChannel(process, unit, reader, writer)
        process.serve_gate(unit, channel)
        process.settle()
        await channel.run()

    async def _order(self, words: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        match words:
            case {"fault": dict(fields)}:
                kind, said = FaultKind(fields.pop("kind")), tuple(fields.pop("words", ()))
                process.kernel.add_fault(Fault(kind=kind, words=said, **fields))
            case {"clear": _}:
                process.kernel.clear_faults(process.now())
                self._disk_errors.clear()
                disk_faults.write(str(process.root), {})
                process.settle()
            case {"disk": dict(errors)}:
                self._disk_errors.update(errors)
                disk_faults.write(str(process.root), self._disk_errors)
            case {"damage": str(device)}:
                return await self._damage(device)
            case {"watchdog": int(span_ns)}:
                process.pat_watchdog(span_ns)
            case {"pending": _}:
                return {"ok": True, "pending": list(process.kernel.pending().values())}
            case _:
                return {"ok": False, "error": f"unknown order: {sorted(words)}"}
        return {"ok": True}

    async def _damage(self, target: str) -> dict[str, Any]:
        """Leave a file system as a crash may: dirty, and beyond what preening repairs."""
        process = self._process
        handle = process.kernel.open_device(target)
        mount = process.kernel.machine.mounts.at(target)
        if handle is not None:
            emulated = EmulatedDevice(process.filesystems.blocks, handle, 0)
            worse = _worse(await emulated.read(superblock.OFFSET, superblock.LENGTH))
            if worse is not None:
                await emulated.write(superblock.OFFSET, worse.encode())
            if mount is not None and worse is not None:
                mount.block = worse
        else:
            try:
                sector = process.files.pread(target, superblock.OFFSET, superblock.LENGTH)
                worse = _worse(sector)
                if worse is not None:
                    process.files.pwrite(target, superblock.OFFSET, worse.encode())
                    process.files.fsync(target)
            except (OSError, FileError) as error:
                return {"ok": False, "error": str(error)}
        if worse is None:
            return {"ok": False, "error": f"no file system on {target}"}
        return {"ok": True}


def _worse(sector: bytes) -> superblock.Superblock | None:
    block = superblock.decode(sector)
    if block is None:
        return None
    flags = block.flags | superblock.NEEDS_FULL_CHECK | superblock.UNCLEAN
    return replace(block, clean=False, flags=flags)
