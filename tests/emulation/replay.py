"""Replays what a real FreeBSD said, kept under ``tests/data/freebsd-14.0``.

``# COMMAND`` is followed by its output and ``[exit N]``; ``#! COMMAND`` only prepares; ``t+N: LINE;``
is ``gmirror status -s`` about N seconds after the command before (the observed machine took about
1.4 s for each). ``##`` is a heading. Ids, checksums, counts of files and the progress of a copy are
the moment's and not compared. Of the preparations, these stand for what is done elsewhere:

- ``gate UNIT TIMEOUT SIZE``: ``ggatec create`` to a new image, ``gate-again UNIT TIMEOUT`` to the same one
- ``freeze UNIT``, ``thaw UNIT``: what the server of a gate does
- ``write DEVICE``: a program writes
- ``copy IMAGE IMAGE``: a crash at that moment
- ``busy DIRECTORY``: somebody has a file open
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hafailover.units import MILLISECOND, SECOND
from tests.emulation.hosts import Host

DATA = Path(__file__).parents[1] / "data" / "freebsd-14.0"
_STEP = 1400 * MILLISECOND
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_MOMENT = (
    (re.compile(r"\b(ID|mid|did): \d+"), r"\1: N"),
    (re.compile(r"MD5 hash: \w+"), "MD5 hash: X"),
    (re.compile(r"ufsid/\w+"), "ufsid/X"),
    (re.compile(r"\d+ files, .*"), "COUNTS"),
    (re.compile(r"clean, \d+ free.*"), "CLEAN COUNTS"),
    (re.compile(r"SYNCHRONIZING, \d+%"), "SYNCHRONIZING, N%"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the script: ``kind`` is run, prepare or later."""

    kind: str
    text: str
    expected: str
    line: int


def steps(name: str) -> Iterator[Step]:
    """Read one file."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    at = 0
    while at < len(lines):
        line, at = lines[at], at + 1
        if line.startswith("#! "):
            yield Step("prepare", line[3:], "", at)
        elif line.startswith("# "):
            start, body = at, []
            while not lines[at].startswith("[exit "):
                body.append(lines[at])
                at += 1
            body.append(lines[at])
            at += 1
            yield Step("run", line[2:], "".join(f"{part}\n" for part in body), start)
        elif match := re.match(r"t\+(\d+): ?(.*)", line):
            text = match.group(2).split("/dev/mirror:")[0]
            expected = "".join(f"{part.strip()}\n" for part in text.split(";") if part.strip())
            yield Step("later", match.group(1), expected, at)


def plain(text: str) -> str:
    """Take out what is the moment's."""
    for pattern, replacement in _MOMENT:
        text = pattern.sub(replacement, text)
    return text


def replay(host: Host, name: str) -> int:
    """Run a file's commands and compare every answer; return how many there were."""
    compared = 0
    since = host.now
    for step in steps(name):
        where = f"{name}:{step.line}: {step.text}"
        match step.kind:
            case "prepare":
                prepare(host, step.text)
                since = host.now
            case "run":
                assert plain(host.text(step.text)) == plain(step.expected), where
                compared += 1
                since = host.now
                host.advance(200 * MILLISECOND)
            case _:
                due = since + int(step.text) * _STEP
                host.advance(max(0, due - host.now))
                said = host.run("gmirror status -s").stdout
                assert plain(said) == plain(step.expected), where
                compared += 1
    return compared


def prepare(host: Host, line: str) -> None:
    """Do what the transcript does between two answers."""
    words = line.split()
    match words:
        case ["truncate", "-s", size, path]:
            match = re.fullmatch(r"(\d+)([kmg]?)", size)
            assert match is not None
            host.files.create(path, int(match[1]) * _UNITS[match[2]])
        case ["sleep", seconds]:
            host.advance(int(seconds) * SECOND)
        case ["gate", unit, timeout, size]:
            match = re.fullmatch(r"(\d+)([kmg]?)", size)
            assert match is not None
            peer = Host("peer", 2)
            peer.files.create("/dev/md0", int(match[1]) * _UNITS[match[2]])
            host.connect(peer, "/dev/md0", int(unit), timeout=int(timeout))
        case ["freeze" | "thaw" as verb, unit]:
            link = host.links[int(unit)]
            link.frozen = True
            if verb == "thaw":
                link.thaw()
        case ["gate-again", unit, timeout]:
            server = host.links[int(unit)].server
            host.connect(server, "/dev/md0", int(unit), timeout=int(timeout))
        case ["write", device]:
            host.write(device, 1 << 20, b"x" * 4096)
        case ["copy", source, target]:
            length = host.files.stat(source).size
            host.files.create(target, length)
            host.files.pwrite(target, 0, host.files.pread(source, 0, length))
        case ["busy", directory]:
            host.make_busy(directory)
        case _:
            host.ok(line)
