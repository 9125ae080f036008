"""Two network stacks joined by a wire: vnet jails and an epair(4) on FreeBSD, name spaces on Linux."""

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.freebsd.hosts import is_freebsd

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


def run(*argv: str, check: bool = True) -> str:
    """Run a command and return what it printed."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert not check or done.returncode == 0, (argv, done)
    return done.stdout


@dataclass(kw_only=True)
class End:
    """One stack and its interface."""

    inside: tuple[str, ...]
    """What goes before a command that shall run in there."""
    interface: str

    def program(self, address: str, kind: str = "raw") -> "Program":
        """Start the program at this end."""
        return Program(
            (*self.inside, sys.executable, "-m", "tests.freebsd.wire_end"),
            self.interface,
            address,
            kind,
        )

    def set_link(self, *, is_up: bool) -> None:
        """Switch the interface on or off."""
        word = "up" if is_up else "down"
        if is_freebsd():
            run(*self.inside, "ifconfig", self.interface, word)
        else:
            run(*self.inside, "ip", "link", "set", self.interface, word)

    def rename(self, old: str, new: str) -> None:
        """Give the interface another name, which Linux does to one that is down only."""
        if is_freebsd():
            run(*self.inside, "ifconfig", old, "name", new)
            return
        for words in ((old, "down"), (old, "name", new), (new, "up")):
            run(*self.inside, "ip", "link", "set", *words)


class Program:
    """``wire_end`` as a child, asked line by line."""

    def __init__(self, argv: tuple[str, ...], *words: str) -> None:
        # By its environment and not by its directory: jexec(8) starts what it starts in /.
        self._child = subprocess.Popen(
            (*argv, *words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.answers("ready")

    def ask(self, line: str) -> None:
        """Tell it what to do."""
        assert self._child.stdin is not None
        self._child.stdin.write(f"{line}\n")
        self._child.stdin.flush()

    def answer(self) -> str:
        """Return the next line that it says."""
        assert self._child.stdout is not None
        assert select.select([self._child.stdout], [], [], PATIENCE_S)[0], "no answer"
        return self._child.stdout.readline().strip()

    def answers(self, expected: str) -> None:
        """Expect a line."""
        assert self.answer() == expected

    def end(self) -> None:
        """Let it end."""
        for stream in (self._child.stdin, self._child.stdout):
            assert stream is not None
            stream.close()
        self._child.kill()
        self._child.wait()


@contextlib.contextmanager
def wire() -> Iterator[tuple[End, End]]:
    """Provide a wire with 192.0.2.1 and fe80::1 at one end, 192.0.2.2 and fe80::2 at the other."""
    with _jails() if is_freebsd() else _name_spaces() as ends:
        yield ends


@contextlib.contextmanager
def _jails() -> Iterator[tuple[End, End]]:
    first = run("ifconfig", "epair", "create").strip()
    names = [f"hfconf{os.getpid()}{letter}" for letter in "ab"]
    cards = (first, f"{first[:-1]}b")
    try:
        ends = []
        for number, (name, card) in enumerate(zip(names, cards, strict=True), start=1):
            run("jail", "-c", f"name={name}", "vnet", "persist", "path=/")
            run("ifconfig", card, "vnet", name)
            inside = ("jexec", name)
            run(*inside, "ifconfig", card, "inet", f"192.0.2.{number}/24", "up")
            run(*inside, "ifconfig", card, "inet6", "-ifdisabled", "no_dad", f"fe80::{number}/64")
            ends.append(End(inside=inside, interface=card))
        yield ends[0], ends[1]
    finally:
        for name in names:
            run("jail", "-r", name, check=False)
        # The pair comes back to this stack with the end of its jail, and one half takes the other with it.
        run("ifconfig", first, "destroy", check=False)


@contextlib.contextmanager
def _name_spaces() -> Iterator[tuple[End, End]]:
    names = [f"hfconf{os.getpid()}{letter}" for letter in "ab"]
    cards = ("ha0", "ha1")
    try:
        for name in names:
            run("ip", "netns", "add", name)
        run(
            "ip",
            "-n",
            names[0],
            "link",
            "add",
            "ha0",
            "type",
            "veth",
            "peer",
            "name",
            "ha1",
            "netns",
            names[1],
        )
        ends = []
        for number, (name, card) in enumerate(zip(names, cards, strict=True), start=1):
            run("ip", "-n", name, "addr", "add", f"192.0.2.{number}/24", "dev", card)
            run("ip", "-n", name, "link", "set", card, "addrgenmode", "none")
            run("ip", "-n", name, "link", "set", card, "up")
            run("ip", "-n", name, "addr", "add", f"fe80::{number}/64", "dev", card, "nodad")
            # From /, as jexec(8) does.
            inside = ("env", "-C", "/", "ip", "netns", "exec", name)
            ends.append(End(inside=inside, interface=card))
        yield ends[0], ends[1]
    finally:
        for name in names:
            run("ip", "netns", "del", name, check=False)
