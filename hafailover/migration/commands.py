"""What do the storage commands of a script do? Each is read as its manual page says."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from hafailover.migration.shell_walk import Call

GGATEC_OPTIONS: Final = {
    "create": "nvo:p:q:R:S:s:t:u:",
    "rescue": "nvo:p:R:S:u:",
    "destroy": "fu:",
    "list": "vu:",
}
_GMIRROR_OPTIONS: Final = {"label": "Fhnvb:s:", "insert": "hivp:", "configure": "adfFhnvb:s:p:"}
_UNITS: Final = {"": 1, "b": 512, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE: Final = re.compile(r"(\d+)([bkmgt]?)b?", re.IGNORECASE)
_SERVICE_DIRECTORIES: Final = ("/etc/rc.d/", "/usr/local/etc/rc.d/")
_OPTIONS_LEFT_OUT: Final = frozenset(
    ("", "rw", "ro", "rdonly", "norw", "update", "reload", "snapshot", "force", "noauto", "failok")
)
"""What the agent decides, not the file; the configuration refuses most of them."""
_STARTS: Final = frozenset({"start", "onestart", "faststart", "forcestart", "graceful", "restart"})
_STOPS: Final = frozenset({"stop", "onestop", "faststop", "forcestop"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A command line taken apart after getopt(3)."""

    given: tuple[tuple[str, str], ...] = ()
    operands: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def last(self, letter: str) -> str | None:
        """Return the argument of an option, empty for a flag; None if it is not there."""
        found = [value for name, value in self.given if name == letter]
        return found[-1] if found else None


def read_options(words: Sequence[str], letters: str, operands_max: int = 99) -> Options:
    """Take a command line apart.

    An unknown option is taken to have an argument if there are more operands than there can be.
    """
    given: list[tuple[str, str]] = []
    unknown: list[str] = []
    rest = list(words)
    operands: list[str] = []
    while rest:
        word = rest.pop(0)
        if word == "--":
            operands += rest
            break
        if not word.startswith("-") or word == "-":
            operands.append(word)
            continue
        cluster = word[1:]
        while cluster:
            letter, cluster = cluster[0], cluster[1:]
            at = letters.find(letter)
            if at < 0 or letter == ":":
                unknown.append(letter)
                bare = [each for each in rest if not each.startswith("-")]
                if not cluster and rest and _takes_one(rest, bare, letters, operands_max):
                    rest.pop(0)
                cluster = ""
            elif letters[at + 1 : at + 2] == ":":
                given.append((letter, cluster or (rest.pop(0) if rest else "")))
                cluster = ""
            else:
                given.append((letter, ""))
    return Options(given=tuple(given), operands=tuple(operands), unknown=tuple(unknown))


def _takes_one(rest: list[str], bare: list[str], letters: str, operands_max: int) -> bool:
    """Whether an unknown option seems to have the next word as its argument."""
    if rest[0].startswith("-") or not bare:
        return False
    return len(read_options(rest, letters).operands) > operands_max


@dataclass(frozen=True, slots=True, kw_only=True)
class Attach:
    """``mdconfig -a``: an image becomes a device."""

    call: Call
    image: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """``ggatec create``: the other node's image becomes a device."""

    call: Call
    host: str
    path: str
    unit: str
    timeout: str | None
    port: str | None
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorCommand:
    """A verb of gmirror(8) that names a mirror."""

    call: Call
    verb: str
    mirror: str
    providers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MountCommand:
    """``mount`` or ``umount``."""

    call: Call
    is_mount: bool
    device: str
    point: str
    is_forced: bool
    is_read_only: bool
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCommand:
    """Something starts or stops a service."""

    call: Call
    name: str
    starts: bool
    own: tuple[str, ...] = ()
    """Its own program, if it is not one of service(8)."""


@dataclass(slots=True, kw_only=True)
class Commands:
    """Everything of interest in one script, each list in the order of the script."""

    attaches: list[Attach] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    gate_ends: list[tuple[Call, bool]] = field(default_factory=list)
    """``ggatec destroy``, and whether it is forced."""
    mirrors: list[MirrorCommand] = field(default_factory=list)
    looks: list[Call] = field(default_factory=list)
    """``gmirror status``, ``list`` and ``dump``."""
    checks: list[Call] = field(default_factory=list)
    mounts: list[MountCommand] = field(default_factory=list)
    formats: list[Call] = field(default_factory=list)
    sleeps: list[tuple[Call, float]] = field(default_factory=list)
    services: list[ServiceCommand] = field(default_factory=list)
    exporters: list[Call] = field(default_factory=list)
    """``ggated`` started, in whichever way."""
    kills: list[Call] = field(default_factory=list)
    """``kill``, ``pkill`` or ``killall`` of ggated."""
    addresses: list[tuple[Call, str]] = field(default_factory=list)
    """``ifconfig``, and the address that it puts up or down."""
    sizes: list[tuple[Call, str, int]] = field(default_factory=list)
    """Where a file of some size is made."""
    others: list[Call] = field(default_factory=list)


def understand(calls: Sequence[Call]) -> Commands:
    """Sort the commands of a script."""
    found = Commands()
    for call in calls:
        if not _storage(found, call) and not _surroundings(found, call):
            found.others.append(call)
    return found


def _storage(found: Commands, call: Call) -> bool:
    rest = call.words[1:]
    match call.program:
        case "mdconfig":
            options = read_options(rest, "adf:lno:rs:S:t:u:vx:y:L:")
            image = options.last("f")
            if image and options.last("d") is None and options.last("l") is None:
                unit = (options.last("u") or "").removeprefix("md")
                found.attaches.append(Attach(call=call, image=image, unit=unit))
        case "ggatec":
            _ggatec(found, call)
        case "gmirror":
            _gmirror(found, call)
        case "geom" if rest[:1] == ("mirror",):
            _gmirror(found, call, skip=1)
        case "fsck" | "fsck_ffs" | "fsck_ufs":
            found.checks.append(call)
        case "mount" | "mount_ufs" | "umount":
            _mount(found, call)
        case "newfs":
            found.formats.append(call)
        case "truncate":
            options = read_options(rest, "cd:l:o:r:s:")
            for path in options.operands:
                found.sizes += _size(call, path, options.last("s") or "")
        case "dd":
            _dd(found, call)
        case _:
            return False
    return True


def _surroundings(found: Commands, call: Call) -> bool:
    words = call.words
    match call.program:
        case "sleep":
            spans = [float(word) for word in words[1:2] if re.fullmatch(r"\d+(\.\d+)?", word)]
            found.sleeps.append((call, spans[0] if spans else 0.0))
        case "ggated":
            found.exporters.append(call)
        case "kill" | "pkill" | "killall" if any("ggated" in word for word in words):
            found.kills.append(call)
        case "ifconfig":
            addresses = [word for word in words if re.match(r"\d+\.\d+\.\d+\.\d+", word)]
            found.addresses += [(call, address.partition("/")[0]) for address in addresses[:1]]
        case _:
            service = _service(call)
            if service is None:
                return False
            if service.name == "ggated":
                (found.exporters if service.starts else found.kills).append(call)
            else:
                found.services.append(service)
    return True


def _ggatec(found: Commands, call: Call) -> None:
    verb = call.words[1] if len(call.words) > 1 else ""
    if verb not in GGATEC_OPTIONS:
        return
    options = read_options(call.words[2:], GGATEC_OPTIONS[verb], 2)
    if verb == "destroy":
        found.gate_ends.append((call, options.last("f") is not None))
    elif verb == "create":
        host, path = (*options.operands[-2:], "", "")[:2]
        found.gates.append(
            Gate(
                call=call,
                host=host,
                path=path,
                unit=options.last("u") or "",
                timeout=options.last("t"),
                port=options.last("p"),
                unknown=options.unknown,
            )
        )


def _gmirror(found: Commands, call: Call, skip: int = 0) -> None:
    words = call.words[1 + skip :]
    verb = words[0] if words else ""
    if verb in ("status", "list", "dump"):
        found.looks.append(call)
        return
    options = read_options(words[1:], _GMIRROR_OPTIONS.get(verb, "fvp:b:s:"))
    if verb in ("load", "unload", "clear") or not options.operands:
        return
    mirror, *providers = options.operands
    found.mirrors.append(
        MirrorCommand(
            call=call,
            verb=verb,
            mirror=mirror.removeprefix("/dev/").removeprefix("mirror/"),
            providers=tuple(each.removeprefix("/dev/") for each in providers),
        )
    )


def _mount(found: Commands, call: Call) -> None:
    is_mount = call.program != "umount"
    options = read_options(call.words[1:], "adfF:lno:prt:uvwAh:N")
    listed = ",".join(value for name, value in options.given if name == "o").split(",")
    if not options.operands:
        return
    operands = options.operands
    device = operands[0] if len(operands) > 1 or operands[0].startswith("/dev/") else ""
    found.mounts.append(
        MountCommand(
            call=call,
            is_mount=is_mount,
            device=device,
            point=operands[-1] if not operands[-1].startswith("/dev/") else "",
            is_forced=options.last("f") is not None or "force" in listed,
            is_read_only=options.last("r") is not None or "ro" in listed,
            options=tuple(word for word in listed if word not in _OPTIONS_LEFT_OUT),
        )
    )


def _service(call: Call) -> ServiceCommand | None:
    words = call.words
    own: tuple[str, ...] = ()
    if call.program == "service" and len(words) >= 3:
        name, verb = words[1], words[2]
    elif len(words) == 2 and words[0].startswith(_SERVICE_DIRECTORIES):
        name, verb = call.program, words[1]
    elif call.program in ("apachectl", "apachectl2") and len(words) >= 2:
        verb = "stop" if words[-1] in ("stop", "graceful-stop") else words[-1]
        name = "apache24"
    elif len(words) == 2 and words[0].startswith("/") and words[1] in _STARTS | _STOPS:
        name, verb = call.program.removesuffix(".sh"), words[1]
        own = (words[0],)
    else:
        return None
    if verb not in _STARTS | _STOPS:
        return None
    return ServiceCommand(call=call, name=name, starts=verb in _STARTS, own=own)


def _dd(found: Commands, call: Call) -> None:
    given = dict(word.partition("=")[::2] for word in call.words[1:])
    block = read_size(given.get("bs", given.get("obs", "512")))
    count = given.get("count", given.get("seek", ""))
    if block and count.isdigit() and given.get("of", "").startswith("/"):
        found.sizes.append((call, given["of"], block * int(count)))


def _size(call: Call, path: str, text: str) -> Iterator[tuple[Call, str, int]]:
    size = read_size(text.lstrip("+-<>/%"))
    if size:
        yield call, path, size


def read_size(text: str) -> int:
    """Return the bytes of a size such as ``500m``; 0 if it is none."""
    match = _SIZE.fullmatch(text)
    return int(match[1]) * _UNITS[match[2].lower()] if match else 0
