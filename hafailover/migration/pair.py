"""Which of the old files belongs to which of the two nodes, and what is known of each?"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from enum import Enum
from pathlib import PurePosixPath
from typing import Final

from hafailover.migration.commands import Commands, understand
from hafailover.migration.exports import Export
from hafailover.migration.finding import Finding, Place, Weight
from hafailover.migration.freevrrpd import Router, RouterFile
from hafailover.migration.shell_walk import walk

NAMES: Final = ("server-a", "server-b")


class Role(Enum):
    """When a script is run; the value is the word for people."""

    MASTER = "master"
    BACKUP = "backup"


_KEYS: Final = {Role.MASTER: "masterscript", Role.BACKUP: "backupscript"}
_WORDS: Final = {
    Role.MASTER: ("master", "primary", "up", "start"),
    Role.BACKUP: ("backup", "slave", "secondary", "down", "stop"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file as it was read."""

    path: str
    text: str

    @property
    def name(self) -> str:
        """Its name without directory."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One script in one of its roles."""

    file: str
    role: Role
    commands: Commands
    functions: frozenset[str]
    """Names of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the operator says about a node, since no old file does."""

    name: str
    lan: str = ""
    replication: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two nodes."""

    told: Told
    routers: RouterFile
    exports: tuple[Export, ...] = ()
    scripts: tuple[Script, ...] = ()
    host: Mapping[str, str]
    """The variables of its rc.conf."""
    host_file: str = ""

    @property
    def name(self) -> str:
        """What the node is called."""
        return self.told.name

    def of(self, role: Role) -> tuple[Script, ...]:
        """Return its scripts of one role."""
        return tuple(script for script in self.scripts if script.role is role)

    def addresses(self) -> dict[str, str]:
        """Return interface by own address, as rc.conf says it."""
        found = {}
        for name, value in self.host.items():
            words = value.split()
            if name.startswith("ifconfig_") and "inet" in words[:-1]:
                interface = name.removeprefix("ifconfig_").partition("_")[0]
                found[words[words.index("inet") + 1].partition("/")[0]] = interface
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What was given."""

    routers: Sequence[Source]
    exports: Sequence[tuple[Export, ...]] = ()
    """One item for each file."""
    scripts: Sequence[Source] = ()
    hosts: Sequence[Source] = ()
    told: Sequence[Told] = ()


def assemble(
    files: Files, routers: Sequence[RouterFile]
) -> tuple[tuple[Side, ...], tuple[Finding, ...]]:
    """Return one or two sides; with one freevrrpd.conf the other node stays unknown."""
    sides = []
    findings: list[Finding] = []
    for number, each in enumerate(routers):
        host = _of(files.hosts, number, files.routers)
        variables: Mapping[str, str] = {}
        if host:
            variables = walk(host[0].text, host[0].path)[1].variables
        told = files.told[number] if number < len(files.told) else None
        side = Side(
            told=told or Told(name=_name(variables, number)),
            routers=each,
            host=variables,
            host_file=host[0].path if host else "",
        )
        own = _of(files.scripts, number, files.routers, [_wanted(one) for one in routers])
        scripts = tuple(_scripts(each, own, findings))
        sides.append(replace(side, scripts=scripts))
    return _with_exports(sides, files), tuple(findings)


def _name(variables: Mapping[str, str], number: int) -> str:
    return variables.get("hostname", "").partition(".")[0] or NAMES[number]


def _wanted(routers: RouterFile) -> set[str]:
    """Return the names of the scripts that a freevrrpd.conf asks for."""
    return {
        PurePosixPath(words[0]).name
        for router in routers.routers
        for key in _KEYS.values()
        if (words := _words(router.value(key)))
    }


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def _of(
    sources: Sequence[Source],
    number: int,
    routers: Sequence[Source],
    wanted: Sequence[set[str]] = (),
) -> list[Source]:
    """Return which of the files belong to side ``number``: by directory, by name, by order."""
    homes = [PurePosixPath(router.path).parent for router in routers]
    if len(homes) == 1:
        return list(sources)
    if homes[0] != homes[1]:
        nested = sorted(range(2), key=lambda side: -len(homes[side].parts))
        by_directory = [
            next((side for side in nested if homes[side] in PurePosixPath(s.path).parents), None)
            for s in sources
        ]
        if sources and None not in by_directory:
            return [s for s, side in zip(sources, by_directory, strict=True) if side == number]
    return [source for source in sources if number in _by_name(source, sources, wanted)]


def _by_name(
    source: Source, sources: Sequence[Source], wanted: Sequence[set[str]]
) -> tuple[int, ...]:
    asking = [side for side, names in enumerate(wanted) if source.name in names]
    if len(asking) == 1:
        return (asking[0],)
    same = [each for each in sources if each.name == source.name]
    if len(same) > 1:
        return (min(same.index(source), 1),)
    if asking:
        # Both nodes name it, and there is one: it is the same on both.
        return (0, 1)
    half = (len(sources) + 1) // 2
    return (0 if sources.index(source) < half else 1,)


def _scripts(
    routers: RouterFile, sources: Sequence[Source], findings: list[Finding]
) -> Iterator[Script]:
    by_name = {source.name: source for source in sources}
    texts = {name: source.text for name, source in by_name.items()}
    used: set[str] = set()
    for router in routers.routers:
        for role, key in _KEYS.items():
            words = _words(router.value(key))
            if not words:
                continue
            name = PurePosixPath(words[0]).name
            if name not in by_name:
                findings.append(_not_given(router, key, words[0]))
                continue
            used.add(name)
            calls, walked = walk(
                texts[name], by_name[name].path, arguments=words[1:], sourced=texts
            )
            yield Script(
                file=by_name[name].path,
                role=role,
                commands=understand(calls),
                functions=walked.functions,
            )
    for name, source in by_name.items():
        guessed = _guess(source)
        if name not in used and guessed is not None:
            calls, walked = walk(source.text, source.path, sourced=texts)
            yield Script(
                file=source.path,
                role=guessed,
                commands=understand(calls),
                functions=walked.functions,
            )


def _guess(source: Source) -> Role | None:
    """Return what a script is for that no freevrrpd.conf names; None = it is only sourced."""
    stem = source.name.lower()
    for role, words in _WORDS.items():
        if any(word in stem for word in words):
            return role
    calls, _ = walk(source.text, source.path)
    commands = understand(calls)
    if any(mount.is_mount for mount in commands.mounts):
        return Role.MASTER
    return Role.BACKUP if commands.mounts or commands.exporters else None


def _not_given(router: Router, key: str, path: str) -> Finding:
    return Finding(
        rule="script-not-given",
        weight=Weight.FILL_IN,
        place=router.at(key),
        what=f"{key} names {path}, which was not given",
        consequence="what it does is not in the new file",
        remedy="give it with --script, or add volumes and services by hand",
    )


def _with_exports(sides: Sequence[Side], files: Files) -> tuple[Side, ...]:
    """Give each node its exports: file by file if there are as many, else line by line."""
    if len(files.exports) == len(sides) > 1:
        homes = [PurePosixPath(each.path).parent for each in files.routers]
        by_home = {
            number: PurePosixPath(exports[0].place.file).parent
            for number, exports in enumerate(files.exports)
            if exports
        }
        ordered = list(files.exports)
        if by_home.get(0) == homes[1] != homes[0] or by_home.get(1) == homes[0] != homes[1]:
            ordered.reverse()
        return tuple(
            replace(side, exports=exports) for side, exports in zip(sides, ordered, strict=True)
        )
    lines = [line for exports in files.exports for line in exports]
    own: list[list[Export]] = [[] for _ in sides]
    for line in lines:
        scores = [_nearness(side, line.path) for side in sides]
        own[scores.index(max(scores))].append(line)
    return tuple(
        replace(side, exports=tuple(exports)) for side, exports in zip(sides, own, strict=True)
    )


def own_images(side: Side) -> list[tuple[str, Place]]:
    """Return the images that a node attaches."""
    return [
        (attach.image, attach.call.place)
        for script in side.scripts
        for attach in script.commands.attaches
    ]


def _nearness(side: Side, path: str) -> float:
    ratios = [SequenceMatcher(None, path, image).ratio() for image, _ in own_images(side)]
    return max(ratios, default=0.0)
