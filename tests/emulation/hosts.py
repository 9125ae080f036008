"""One or two emulated hosts in virtual time, for the tests."""

from collections import deque
from dataclasses import replace
from typing import Any

from hafailover.emulation.effects import (
    BlockDone,
    CommandFinished,
    FilesystemWork,
    GateWork,
    KernelMessage,
    ProgramRequested,
    Reset,
)
from hafailover.emulation.faults import Fault, FaultKind
from hafailover.emulation.files import FileError, MemoryFileStore
from hafailover.emulation.gate import GateSpec
from hafailover.emulation.geom import BioCommand
from hafailover.emulation.kernel import BlockRequest, Kernel
from hafailover.emulation.machine import KernelConfig
from hafailover.units import MILLISECOND, SECOND

MEGABYTE = 1 << 20


class Host:
    """A kernel on files in memory, and its clock."""

    def __init__(self, name: str = "nodeA", seed: int = 1, **settings: Any) -> None:
        self.files = MemoryFileStore()
        self.config = replace(KernelConfig(hostname=name, seed=seed), **settings)
        self.kernel = Kernel(self.config, self.files)
        self.now = 0
        self.messages: list[str] = []
        self.resets: list[str] = []
        self.done: dict[int, CommandFinished] = {}
        self.blocks: dict[int, BlockDone] = {}
        self.requested: list[ProgramRequested] = []
        self.filesystem_work: list[FilesystemWork] = []
        self.links: dict[int, Link] = {}
        self._tag = 0

    def start(self, line: str) -> int:
        ticket = self.kernel.execute(tuple(line.split()), self.now)
        self.pump()
        return ticket

    def run(self, line: str, limit: int = 120 * SECOND) -> CommandFinished:
        """Run a command to its end, letting time pass as needed."""
        ticket = self.start(line)
        self.wait(lambda: ticket in self.done, limit)
        return self.done[ticket]

    def text(self, line: str) -> str:
        """Run a command and return its output as a terminal shows it, exit status included."""
        done = self.run(line)
        return f"{done.stdout}{done.stderr}[exit {done.status}]\n"

    def ok(self, *lines: str) -> None:
        for line in lines:
            done = self.run(line)
            assert done.status == 0, (line, done)

    def ok_if_there(self, line: str) -> None:
        """Run a command that may find nothing to do."""
        done = self.run(line)
        assert done.status == 0 or "No such file" in done.stderr, (line, done)

    def wait(self, condition: Any, limit: int = 120 * SECOND) -> None:
        end = self.now + limit
        while not condition():
            deadline = self.kernel.deadline()
            assert deadline is not None, "nothing will ever happen"
            assert deadline <= end, "nothing happened in time"
            self.advance(max(0, deadline - self.now))

    def advance(self, span: int) -> None:
        """Let time pass, stopping at every deadline so that links can answer."""
        end = self.now + span
        while True:
            deadline = self.kernel.deadline()
            self.now = end if deadline is None else max(self.now, min(end, deadline))
            self.kernel.tick(self.now)
            self.pump()
            if self.now >= end and (deadline is None or deadline > end):
                return

    def pump(self) -> None:
        """Handle all effects until there are none."""
        while effects := self.kernel.effects():
            for effect in effects:
                match effect:
                    case CommandFinished():
                        self.done[effect.ticket] = effect
                    case BlockDone():
                        self.blocks[effect.tag] = effect
                    case KernelMessage():
                        self.messages.append(effect.text)
                    case ProgramRequested():
                        self.requested.append(effect)
                    case FilesystemWork():
                        self.filesystem_work.append(effect)
                    case GateWork():
                        if effect.unit in self.links:
                            self.links[effect.unit].serve()
                    case Reset(reason=reason):
                        self.resets.append(reason)
                    case _:
                        raise AssertionError(effect)

    def write(self, device: str, offset: int, data: bytes) -> int:
        """Start a write; the tag of its answer."""
        handle = self.kernel.open_device(device)
        assert handle is not None
        return self.submit(handle, BioCommand.WRITE, offset, data=data)

    def submit(
        self, handle: int, command: BioCommand, offset: int, length: int = 0, data: bytes = b""
    ) -> int:
        self._tag += 1
        request = BlockRequest(
            command=command, offset=offset, length=length, data=data, tag=self._tag
        )
        self.kernel.submit(handle, request, self.now)
        self.pump()
        return self._tag

    def read(self, device: str, offset: int, length: int) -> bytes:
        handle = self.kernel.open_device(device)
        assert handle is not None
        tag = self.submit(handle, BioCommand.READ, offset, length)
        self.wait(lambda: tag in self.blocks)
        assert self.blocks[tag].error == 0
        return self.blocks[tag].data

    def make_busy(self, directory: str) -> None:
        """Let somebody use a mounted file system while the next command looks."""
        text = f"umount: unmount of {directory} failed: Device busy\n"
        self.kernel.add_fault(
            Fault(program="umount", kind=FaultKind.FAIL, words=(directory,), stderr=text)
        )

    def connect(
        self, peer: "Host", path: str, unit: int, timeout: int = 30, *, frozen: bool = False
    ) -> "Link":
        """Do what ``ggatec create`` does, to a file of the peer."""
        size = peer.files.stat(path).size
        spec = GateSpec(mediasize=size, unit=unit, timeout=timeout, info=f"10.77.0.2:3080 {path}")
        link = Link(self, peer, path, unit)
        link.frozen = frozen
        self.links[unit] = link
        answer, _ = self.kernel.gate_create(spec, self.now)
        assert answer == 0
        self.pump()
        link.serve()
        return link


class Link:
    """A ggatec and a ggated without a network between them; ``frozen`` stops the answers."""

    def __init__(self, client: Host, server: Host, path: str, unit: int) -> None:
        self.client = client
        self.server = server
        self.path = path
        self.unit = unit
        self.frozen = False
        self.served: deque[tuple[BioCommand, int, int]] = deque(maxlen=10000)
        self.error = 0
        self._serving = False

    def serve(self) -> None:
        if self._serving:
            return
        self._serving = True
        kernel = self.client.kernel
        while not self.frozen:
            error, request = kernel.gate_fetch(self.unit, self.client.now)
            if error or request is None:
                break
            self.served.append((request.command, request.offset, request.length))
            failure, data = self.error, b""
            files = self.server.files
            try:
                match request.command:
                    case BioCommand.READ:
                        data = files.pread(self.path, request.offset, request.length)
                    case BioCommand.WRITE:
                        files.pwrite(self.path, request.offset, request.data)
                    case BioCommand.FLUSH:
                        files.fsync(self.path)
                    case BioCommand.DELETE:
                        raise AssertionError
            except FileError as caught:
                failure = caught.error
            kernel.gate_answer(self.unit, request.seq, failure, data, self.client.now)
            self.client.pump()
        self._serving = False

    def thaw(self) -> None:
        self.frozen = False
        self.client.kernel.gate_cancel(self.unit, self.client.now)
        self.client.pump()
        self.serve()


def pair(size: int = 8 * MEGABYTE, **settings: Any) -> tuple[Host, Host]:
    """Two hosts, each with one image of ``size`` bytes."""
    one, two = Host("nodeA", 1, **settings), Host("nodeB", 2, **settings)
    one.files.create("/img/a", size)
    two.files.create("/img/b", size)
    return one, two


def complete(one: Host, two: Host, timeout: int = 30) -> Link:
    """Bring up a mirror of both images on ``one``, rebuilt and COMPLETE, formatted SU+J."""
    one.ok(
        "mdconfig -a -t vnode -f /img/a -u 10",
        "gmirror label -b prefer data md10",
        "newfs -U -j /dev/mirror/data",
        "gmirror configure -p 100 data md10",
    )
    link = one.connect(two, "/img/b", 10, timeout)
    one.ok("gmirror insert -p 0 data ggate10")
    wait_status(one, "COMPLETE", "ggate10 (ACTIVE)")
    return link


def wait_status(host: Host, *words: str, limit: int = 120 * SECOND) -> str:
    """Let time pass until ``gmirror status -s`` says all of ``words``."""
    end = host.now + limit
    while True:
        said = host.run("gmirror status -s").stdout
        if all(word in said for word in words):
            return said
        assert host.now < end, said
        host.advance(100 * MILLISECOND)
