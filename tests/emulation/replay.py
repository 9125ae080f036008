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
- ``hold DEVICE``, ``release DEVICE``: a program has the device open for reading and writing
- ``left SOURCE IMAGE NAME MID DID ALL GENID SYNCID DIRTY|CLEAN``: an image of what SOURCE holds at this moment, and
  of the sector that an earlier life of a mirror left behind it
- ``crash UNIT IMAGE``: an image as the server of a gate has it at this moment, without the mirror's metadata
- ``same UNIT IMAGE``: the server of a gate has the same bytes, and no metadata is left
- ``hangs SECONDS COMMAND``: it is asked again and again until one answer takes at least so long

``# dmesg | tail -N`` is what the kernel said last, ``# COMMAND | egrep "WORDS"`` some lines of the output.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hafailover.emulation.mirror_metadata import BALANCES, DIRTY, Metadata
from hafailover.units import MILLISECOND, SECOND
from tests.emulation.hosts import Host

DATA = Path(__file__).parents[1] / "data" / "freebsd-14.0"
_STEP = 1400 * MILLISECOND
_SECTOR = 512
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_MOMENT = (
    (re.compile(r"\b(ID|mid|did): \d+"), r"\1: N"),
    (re.compile(r"MD5 hash: \w+"), "MD5 hash: X"),
    (re.compile(r"ufsid/\w+"), "ufsid/X"),
    (re.compile(r"\d+ files, .*"), "COUNTS"),
    (re.compile(r"clean, \d+ free.*"), "CLEAN COUNTS"),
    (re.compile(r"SYNCHRONIZING, \d+%"), "SYNCHRONIZING, N%"),
    (re.compile(r"\d+ journal records in .*"), "JOURNAL"),
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
            case "run" if step.text.startswith("dmesg"):
                wanted = once(step.expected.splitlines()[:-1])
                assert once(host.messages)[-len(wanted) :] == wanted, where
                compared += 1
            case "run":
                assert plain(seen(host, step.text)) == plain(step.expected), where
                compared += 1
                since = host.now
                host.advance(200 * MILLISECOND)
            case _:
                due = since + int(step.text) * _STEP
                host.advance(max(0, due - host.now))
                status = host.run("gmirror status -s").stdout
                assert plain(status) == plain(step.expected), where
                compared += 1
    return compared


def seen(host: Host, line: str) -> str:
    """Return what a terminal shows of a command; of one that goes through egrep, the lines that it lets through."""
    command, _, words = line.partition(" | egrep ")
    lines = host.text(command).splitlines(keepends=True)
    return "".join(
        each for each in lines if each.startswith("[exit ") or re.search(words.strip('"'), each)
    )


def once(messages: list[str]) -> list[str]:
    """Take a message that comes several times in a row once: how often a write is tried is the moment's."""
    return [text for text, before in zip(messages, ["", *messages], strict=False) if text != before]


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
            arrange(host, words)


def arrange(host: Host, words: list[str]) -> None:
    """Do what stands for the rest of the world."""
    match words:
        case ["hold" | "release" as verb, device]:
            hold(host, device, is_held=verb == "hold")
        case ["left", source, image, *rest]:
            leave(host, source, image, rest)
        case ["crash", unit, image]:
            server = host.links[int(unit)].server
            length = server.files.stat("/dev/md0").size
            host.files.create(image, length)
            whole = server.files.pread("/dev/md0", 0, length - _SECTOR)
            host.files.pwrite(image, 0, whole)
        case ["same", unit, image]:
            server = host.links[int(unit)].server
            length = host.files.stat(image).size
            mine = host.files.pread(image, 0, length)
            assert mine == server.files.pread("/dev/md0", 0, length)
            assert mine[-_SECTOR:] == bytes(_SECTOR)
        case ["hangs", seconds, *command]:
            while True:
                asked = host.now
                host.run(" ".join(command), limit=600 * SECOND)
                if host.now - asked >= int(seconds) * SECOND:
                    break
                host.advance(_STEP)
        case _:
            host.ok(" ".join(words))


def hold(host: Host, device: str, *, is_held: bool) -> None:
    """Open a device for reading and writing, as ggated does, or close it again."""
    machine = host.kernel.machine
    act = machine.dev.open if is_held else machine.dev.close
    machine.scheduler.spawn("holder", act(device, (1, 1, 0)))
    machine.scheduler.run()
    host.pump()


def leave(host: Host, source: str, image: str, words: list[str]) -> None:
    """Make an image as an earlier life of a mirror left it."""
    name, mid, did, components, genid, syncid, state = words
    size = host.files.stat(source).size
    left = Metadata(
        name=name,
        mid=int(mid),
        did=int(did),
        components=int(components),
        genid=int(genid),
        syncid=int(syncid),
        balance=BALANCES.index("prefer"),
        mediasize=size,
        dflags=DIRTY if state == "DIRTY" else 0,
        provsize=size + _SECTOR,
    )
    host.files.create(image, size + _SECTOR)
    host.files.pwrite(image, 0, host.files.pread(source, 0, size) + left.encode())
