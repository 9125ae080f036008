"""Contract scripts: command lines, and what must come back from them, on any host.

Needs nothing but Python: the same scripts run here against the emulated FreeBSD and, as root, on a real
one. Every line begins with a word or sign:

    ; text                comment
    image NAME SIZE       a file of SIZE MiB, every block of it written; {NAME} is its path from then on
    zero-tail NAME        its last sector is zeroed
    tail NAME zero|mirror what its last sector must hold
    same NAME NAME        the two files must be equal, but for their last sectors
    link NAME FILE        {NAME} is a symbolic link to FILE
    exports NAME FILE     {NAME} is an exports file that lets 127.0.0.0/8 read and write FILE
    signal WORD PIDFILE   STOP, CONT or TERM for the process group in a pid file; TERM is waited for
    end-ggatec UNIT       kill the ggatec that outlived its unit, and see it gone
    $ COMMAND             run it
    ~ SECONDS $ COMMAND   run it again until everything below is so, at most so long
    | line                of its standard output; ... = any lines, or none
    ! line                of its standard error
    = STATUS              its exit status, last of all
    understood WORD       what it printed is read by the product's own parser: geom, mounts, openers

In a line of output <n> is a number, <x> a hexadecimal one, <*> anything. What is not named must not
come. {dir} is a directory of the test's own, {port} a free port.
"""

import contextlib
import os
import re
import shlex
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hafailover.storage.geom_facts import see_geom
from hafailover.storage.mounts import parse_mounts
from hafailover.storage.openers import parse_openers

MIB = 1 << 20
SECTOR = 512
ANY_LINES = "..."
PARSERS = {"geom": see_geom, "mounts": parse_mounts, "openers": parse_openers}
MAGIC = b"GEOM::MIRROR"
_PATTERNS = {"<n>": r"-?[0-9]+", "<x>": r"[0-9a-f]+", "<*>": r".*"}
_PAUSE_S = 0.2
_GONE_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command printed, and how it ended."""

    stdout: str
    stderr: str
    status: int


class Host(Protocol):
    """Where the commands run."""

    directory: Path

    def run(self, argv: list[str]) -> Answer:
        """Run a command to its end."""
        ...

    def signal_group(self, word: str, pidfile: Path) -> None:
        """Send a signal to the process group in a pid file; after TERM wait until it is gone."""
        ...


@dataclass(kw_only=True)
class Step:
    """One line that does something, and what it must bring."""

    line: int
    words: str
    seconds: float = 0.0
    stdout: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)
    status: int = 0
    understood: list[str] = field(default_factory=list)

    @property
    def is_command(self) -> bool:
        """Whether it runs a command; otherwise it is done to files and processes."""
        return self.words.startswith("$ ")


def read_steps(text: str) -> list[Step]:
    """Read a script."""
    steps: list[Step] = []
    for number, line in enumerate(text.splitlines(), start=1):
        sign, _, rest = line.partition(" ")
        if line.startswith(("|", "!")):
            # What follows is output, to the letter; one blank sets it off.
            sign, rest = line[0], line[1:].removeprefix(" ")
        if not line.strip() or sign == ";":
            continue
        if sign == "~":
            seconds, _, words = rest.partition(" ")
            steps.append(Step(line=number, words=words, seconds=float(seconds)))
        elif sign == "|":
            steps[-1].stdout.append(rest)
        elif sign == "!":
            steps[-1].stderr.append(rest)
        elif sign == "=":
            steps[-1].status = int(rest)
        elif sign == "understood":
            steps[-1].understood.append(rest)
        else:
            steps.append(Step(line=number, words=line))
    return steps


def differences(step: Step, answer: Answer, names: Mapping[str, str]) -> Iterator[str]:
    """Yield what came back differently."""
    for stream, wanted, found in (
        ("standard output", step.stdout, answer.stdout),
        ("standard error", step.stderr, answer.stderr),
    ):
        if not re.fullmatch(expression(wanted, names), found):
            yield f"{stream}: wanted {wanted}, came {found!r}"
    if answer.status != step.status:
        yield f"exit status: wanted {step.status}, came {answer.status}"
    for word in step.understood:
        try:
            PARSERS[word](answer.stdout)
        except Exception as error:  # noqa: BLE001 - whatever the parser says is the difference
            yield f"not understood as {word}: {error}"


def expression(lines: list[str], names: Mapping[str, str]) -> str:
    """Return the regular expression of expected lines."""
    parts = []
    for line in lines:
        if line == ANY_LINES:
            parts.append(r"(?:.*\n)*")
            continue
        text = re.escape(fill(line, names))
        for sign, pattern in _PATTERNS.items():
            text = text.replace(re.escape(sign), pattern)
        parts.append(text.replace(r"\\t", "\t") + r"\n")
    return "".join(parts)


def fill(text: str, names: Mapping[str, str]) -> str:
    """Put the names in."""
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return text


class Run:
    """One script on one host; keeps what came back as a raw transcript."""

    def __init__(self, host: Host, port: int) -> None:
        self.host = host
        self.names = {"dir": str(host.directory), "port": str(port)}
        self.transcript: list[str] = []
        self.found: list[str] = []

    def perform(self, text: str) -> None:
        """Run everything; differences are collected, and do not stop the run."""
        for step in read_steps(text):
            if step.is_command:
                self._command(step)
            else:
                word, *rest = fill(step.words, self.names).split()
                problem = getattr(self, f"_do_{word.replace('-', '_')}")(*rest)
                self.transcript.append(f"## {step.words}")
                if problem:
                    self.found.append(f"line {step.line}: {step.words}: {problem}")

    def anonymous(self) -> str:
        """Return the transcript with the names instead of what they were this time."""
        text = "\n".join((*self.transcript, ""))
        for name, value in sorted(self.names.items(), key=lambda item: -len(item[1])):
            text = text.replace(value, f"{{{name}}}")
        return text

    def _command(self, step: Step) -> None:
        argv = shlex.split(fill(step.words[2:], self.names))
        deadline = time.monotonic() + step.seconds
        while True:
            answer = self.host.run(argv)
            wrong = list(differences(step, answer, self.names))
            if not wrong or time.monotonic() >= deadline:
                break
            time.sleep(_PAUSE_S)
        self.transcript += [f"# {shlex.join(argv)}"]
        self.transcript += (answer.stdout + answer.stderr).splitlines()
        self.transcript += [f"[exit {answer.status}]"]
        self.found += [f"line {step.line}: {step.words}: {text}" for text in wrong]

    def _do_image(self, name: str, size: str) -> None:
        path = self.host.directory / f"{name}.img"
        path.write_bytes(b"\1" * (int(size) * MIB))
        path.chmod(0o600)
        self.names[name] = str(path)
        self._do_zero_tail(name)

    def _do_zero_tail(self, name: str) -> None:
        with Path(self.names[name]).open("r+b") as file:
            file.seek(-SECTOR, 2)
            file.write(bytes(SECTOR))

    def _do_tail(self, name: str, kind: str) -> str:
        tail = Path(self.names[name]).read_bytes()[-SECTOR:]
        found = (
            "zero" if not any(tail) else "mirror" if tail.startswith(MAGIC) else "something else"
        )
        return "" if found == kind else f"the last sector holds {found}"

    def _do_same(self, one: str, two: str) -> str:
        first, second = (Path(self.names[name]).read_bytes()[:-SECTOR] for name in (one, two))
        return "" if first == second else "the files differ"

    def _do_exports(self, name: str, path: str) -> None:
        file = self.host.directory / f"{name}.exports"
        file.write_text(f"127.0.0.0/8 RW {path}\n")
        self.names[name] = str(file)

    def _do_link(self, name: str, path: str) -> None:
        link = self.host.directory / f"{name}.link"
        link.symlink_to(path)
        self.names[name] = str(link)

    def _do_end_ggatec(self, unit: str) -> str:
        """Without this it would reconnect, and replay what it has to whoever answers then."""
        end = time.monotonic() + _GONE_S
        while time.monotonic() < end:
            listed = self.host.run(["ps", "-axww", "-o", "pid=", "-o", "command="]).stdout
            lines = (line.split() for line in listed.splitlines())
            found = [
                words
                for words in lines
                if len(words) > 1 and "ggatec" in words[1] and f"-u {unit} " in " ".join(words)
            ]
            if not found:
                return ""
            for words in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(words[0]), signal.SIGKILL)
            time.sleep(_PAUSE_S)
        return "a ggatec does not end"

    def _do_signal(self, word: str, pidfile: str) -> None:
        self.host.signal_group(word, Path(pidfile))
