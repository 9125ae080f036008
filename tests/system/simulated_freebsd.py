"""A Python that believes it runs on FreeBSD: ``python -m tests.system.simulated_freebsd DIRECTORY ...``.

What Linux alone has is taken away, the lab and pyroute2 cannot be imported, raw sockets, the routing
socket and bpf(4) are stood for by sockets that lead nowhere, and programs of the base system are those
in ``DIRECTORY/bin``. The further arguments go to the command line of the product; ``imports`` instead
loads every module that a FreeBSD host can load.
"""

import ctypes
import fcntl
import importlib
import importlib.abc
import os
import platform
import select
import socket
import subprocess
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from hafailover.override import override

LINUX_ONLY = (
    (os, ("SCHED_RESET_ON_FORK", "eventfd", "epoll", "sendfile", "pidfd_open", "posix_fallocate")),
    (socket, ("AF_NETLINK", "NETLINK_ROUTE", "AF_PACKET", "SO_BINDTODEVICE", "SO_PRIORITY")),
    (select, ("epoll",)),
)
FORBIDDEN = ("pyroute2", "hafailover.lab", "hafailover.emulation", "hafailover.sim")
PLAYS = ("hafailover.cli.lab", "hafailover.cli.simulate", "hafailover.cli.drill")
"""Commands that are made for the lab; they say so on FreeBSD."""
SCAPY = ("hafailover.system.frames",)
"""It looks at the real kernel through ctypes; that it loads on FreeBSD was seen there."""
REAL_OPEN, REAL_RUN, REAL_LIBRARY = os.open, subprocess.run, ctypes.CDLL


class Forbidden(importlib.abc.MetaPathFinder):
    """Refuses what must not be reached."""

    @override
    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if any(name == each or name.startswith(f"{each}.") for each in FORBIDDEN):
            raise AssertionError(f"{name} is imported on the way to FreeBSD")
        return None


class Nowhere(socket.socket):
    """A socket whose raw kinds lead nowhere."""

    _is_raw = False

    def __init__(
        self, family: int = -1, kind: int = -1, proto: int = -1, fileno: int | None = None
    ) -> None:
        if kind == socket.SOCK_RAW:
            family, kind, proto, self._is_raw = socket.AF_UNIX, socket.SOCK_DGRAM, 0, True
        super().__init__(family, kind, proto, fileno)

    @override
    def setsockopt(self, *arguments: Any) -> None:
        if not self._is_raw:
            super().setsockopt(*arguments)

    @override
    def sendto(self, data: Any, *arguments: Any) -> int:
        return len(data) if self._is_raw else super().sendto(data, *arguments)

    @override
    def sendmsg(self, buffers: Any, *arguments: Any) -> int:
        return sum(map(len, buffers)) if self._is_raw else super().sendmsg(buffers, *arguments)


class Library:
    """The C library, with what FreeBSD's has more: carp(4) is loaded as soon as ``DIRECTORY/carp`` is there."""

    def __init__(self, directory: Path) -> None:
        self._carp = directory / "carp"
        self.mlockall = REAL_LIBRARY(None).mlockall

    def sysctlbyname(self, name: bytes, *_: Any) -> int:
        assert name == b"net.inet.carp.allow"
        return 0 if self._carp.exists() else -1


class Host:
    """The simulated one."""

    def __init__(self, directory: Path) -> None:
        self._bin = directory / "bin"
        self._library = Library(directory)
        self._kept: list[socket.socket] = []

    def become(self) -> None:
        """Let this process believe it."""
        sys.platform = "freebsd14"
        words = ("FreeBSD", "simulated", "14.2-RELEASE", "FreeBSD 14.2-RELEASE GENERIC", "amd64")
        os.uname = lambda: os.uname_result(words)
        platform.system, platform.release = lambda: words[0], lambda: words[2]
        for module, names in LINUX_ONLY:
            for name in names:
                if hasattr(module, name):
                    delattr(module, name)
        sys.meta_path.insert(0, Forbidden())
        os.open, subprocess.run, fcntl.ioctl = self._open, self._run, self._ioctl  # type: ignore[assignment]
        socket.socket = Nowhere  # type: ignore[assignment,misc]
        ctypes.CDLL = lambda *_, **__: self._library  # type: ignore[assignment,misc]
        socket.if_nametoindex = {"em0": 1}.__getitem__

    def _open(self, path: Any, *arguments: Any, **more: Any) -> int:
        if path != "/dev/bpf":
            return REAL_OPEN(path, *arguments, **more)
        ours, theirs = socket.socketpair()
        self._kept.append(theirs)
        return ours.detach()

    def _run(self, argv: Sequence[str], **more: Any) -> Any:
        assert argv[0].startswith(("/sbin/", "/usr/sbin/", "/bin/", "/usr/bin/")), argv
        return REAL_RUN((str(self._bin / Path(argv[0]).name), *argv[1:]), **more)

    def _ioctl(self, _descriptor: int, _request: int, argument: Any = 0, *_: Any) -> Any:
        return argument


def load_everything() -> int:
    """Import every module that is not of the lab; returns how many."""
    package = Path(__file__).parents[2] / "hafailover"
    count = 0
    for path in sorted(package.rglob("*.py")):
        words = path.relative_to(package.parent).with_suffix("").parts
        name = ".".join(words[:-1] if words[-1] == "__init__" else words)
        if not name.startswith((*FORBIDDEN, *PLAYS, *SCAPY)) and words[-1] != "__main__":
            importlib.import_module(name)
            count += 1
    return count


def main() -> None:
    """Believe, then do what was asked."""
    directory, *words = sys.argv[1:]
    Host(Path(directory)).become()
    if words == ["imports"]:
        sys.stdout.write(f"{load_everything()}\n")
        return
    sys.argv = ["hafailover", *words]
    from hafailover.cli.main import main as product  # noqa: PLC0415

    product()


if __name__ == "__main__":
    main()
