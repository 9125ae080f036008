"""A Python that believes it runs on FreeBSD, in a node of the lab: ``python -m tests.system.simulated_node HOME ...``.

As ``simulated_freebsd``, but what its sockets and bpf(4) say goes over the lab's networks, the C library
reads ``kern.geom.confxml`` from the emulated kernel, its worker processes believe the same, and every
command that any of them starts is written to ``HOME/children``. The lab's own marks are taken away.
"""

import ctypes
import errno
import os
import runpy
import shlex
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hafailover.override import override
from tests.system.simulated_freebsd import REAL_OPEN, REAL_RUN, Host, Library

ROOT = Path(__file__).parents[2]
ON_LINUX = ("hafailover.system.scapy_child",)
"""scapy looks at the real kernel when it is loaded; its import on FreeBSD was seen there."""
BIOCSETIF = 0x8020426C
PF_ROUTE = 17
IP_RECVIF = 20
REAL_SOCKET, REAL_EXECUTABLE = socket.socket, sys.executable
REAL_SPAWN, REAL_SPAWNP, REAL_FSTAT = os.posix_spawn, os.posix_spawnp, os.fstat
AF_PACKET, IP_PKTINFO = socket.AF_PACKET, 8
PYTHON = """#!/bin/sh
case $1 in -I) isolated=-IS ;; esac
exec {python} $isolated -c 'import sys; sys.path.insert(0, "{root}")
from tests.system.simulated_node import child; child("{directory}")' "$@"
"""


class Wired(socket.socket):
    """A socket of the lab, which takes FreeBSD's options."""

    def __init__(
        self,
        family: int = -1,
        type: int = -1,  # noqa: A002 - asyncio names it
        proto: int = -1,
        fileno: int | None = None,
    ) -> None:
        if family == PF_ROUTE:
            # The routing socket of a kernel that has nothing to say: each look sees the same.
            family, type, proto = socket.AF_UNIX, socket.SOCK_DGRAM, 0  # noqa: A001
        super().__init__(family, type, proto, fileno)

    @override
    def setsockopt(self, level: Any, option: Any, *value: Any) -> None:
        if (level, option) == (socket.IPPROTO_IP, IP_RECVIF):
            option = IP_PKTINFO
        super().setsockopt(level, option, *value)

    @override
    def recvmsg(self, *arguments: Any) -> Any:
        data, control, flags, source = super().recvmsg(*arguments)
        return data, [_by_interface(*each) for each in control], flags, source


def _by_interface(level: int, kind: int, value: bytes) -> tuple[int, int, bytes]:
    """Tell by which interface a packet came as FreeBSD does: struct sockaddr_dl."""
    if (level, kind) != (socket.IPPROTO_IP, IP_PKTINFO):
        return level, kind, value
    (index,) = struct.unpack_from("=i", value)
    return level, IP_RECVIF, struct.pack("=BBH50x", 54, 18, index)


class NodeLibrary(Library):
    """The C library over the emulated kernel."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._sysctl = str(directory / "bin" / "sysctl")

    @override
    def sysctlbyname(self, name: bytes, *arguments: Any) -> int:
        if name != b"kern.geom.confxml":
            return super().sysctlbyname(name, *arguments)
        room, length = arguments[:2]
        text: bytes = REAL_RUN((self._sysctl, "-n", name), capture_output=True).stdout + b"\0"
        size = length._obj
        if size.value < len(text):
            ctypes.set_errno(errno.ENOMEM)
            return -1
        ctypes.memmove(room, text, len(text))
        size.value = len(text)
        return 0


class Status:
    """What fstat(2) says, with the flags that only FreeBSD has."""

    def __init__(self, found: os.stat_result, flags: int) -> None:
        self._found = found
        self.st_flags = flags

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found, name)


class Node(Host):
    """The simulated host in the lab."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._directory = directory
        self._library = NodeLibrary(directory)
        self._cards: dict[int, socket.socket] = {}

    @override
    def become(self) -> None:
        names = socket.if_nametoindex
        super().become()
        socket.if_nametoindex = names
        socket.socket = Wired  # type: ignore[misc]
        os.environ.pop("HAFAILOVER_LAB", None)
        os.posix_spawn, os.posix_spawnp = self._spawn, self._spawnp
        os.fstat, os.chflags = self._fstat, self._chflags  # type: ignore[assignment,attr-defined]
        sys.executable = str(self._python())

    def _python(self) -> Path:
        path = self._directory / "python"
        text = PYTHON.format(python=REAL_EXECUTABLE, root=ROOT, directory=self._directory)
        if not path.exists():
            path.write_text(text)
            path.chmod(0o755)
        return path

    @override
    def _open(self, path: Any, *arguments: Any, **more: Any) -> int:
        if path != "/dev/bpf":
            return REAL_OPEN(path, *arguments, **more)
        card = REAL_SOCKET(AF_PACKET, socket.SOCK_RAW, 0)
        self._cards[card.fileno()] = card
        return card.fileno()

    @override
    def _ioctl(self, descriptor: int, request: int, argument: Any = 0, *_: Any) -> Any:
        if request == BIOCSETIF:
            self._cards[descriptor].bind((argument[:16].rstrip(b"\0").decode(), 0))
        return argument

    @override
    def _run(self, argv: Sequence[str], **more: Any) -> Any:
        self._note(argv)
        return super()._run(argv, **more)

    def _spawn(self, program: Any, argv: Any, *rest: Any, **more: Any) -> int:
        self._note(argv)
        return REAL_SPAWN(program, argv, *rest, **more)

    def _spawnp(self, program: Any, argv: Any, *rest: Any, **more: Any) -> int:
        self._note(argv)
        return REAL_SPAWNP(program, argv, *rest, **more)

    def _note(self, argv: Sequence[str]) -> None:
        with (self._directory / "children").open("a") as log:
            log.write(f"{shlex.join(argv)}\n")

    def _chflags(self, path: str, flags: int) -> None:
        self._note(("chflags", f"{flags:#o}", path))

    def _fstat(self, descriptor: int) -> Any:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        found, flags = REAL_FSTAT(descriptor), 0
        log = self._directory / "children"
        for line in log.read_text().splitlines() if log.exists() else ():
            words = shlex.split(line)
            if words[0] == "chflags" and words[2] == path:
                flags = int(words[1], 8)
        return Status(found, flags)


def child(directory: str) -> None:
    """Be the Python that a simulated agent starts, with its arguments."""
    words = sys.argv[1:]
    if words[0] == "-m" and words[1] in ON_LINUX:
        os.execv(REAL_EXECUTABLE, (REAL_EXECUTABLE, *words))  # noqa: S606 - what the agent would start
    Node(Path(directory)).become()
    while words[0] in ("-I", "-S"):
        words.pop(0)
    sys.argv = words[1:] if words[0] == "-m" else ["-c", *words[2:]]
    if words[0] == "-m":
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        exec(words[1], {"__name__": "__main__"})  # noqa: S102 - what the agent wrote for its worker


def main() -> None:
    """Believe, then do what was asked."""
    directory, *words = sys.argv[1:]
    Node(Path(directory)).become()
    sys.argv = ["hafailover", *words]
    from hafailover.cli.main import main as product  # noqa: PLC0415

    product()


if __name__ == "__main__":
    main()
