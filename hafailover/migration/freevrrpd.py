"""What does a freevrrpd.conf say? Read as freevrrpd's own parser reads it, with its quirks.

Settings stand in sections ``[VRID]`` as ``key = value``; a ``#`` counts in the first column only, an
empty line has to be empty, keys are letters only and case-sensitive, and blanks behind a value belong
to it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hafailover.migration.finding import Finding, Place, Weight

LINE_MAX: Final = 1023
SECTION: Final = "[VRID]"
READ: Final = frozenset(
    {
        "serverid",
        "interface",
        "priority",
        "addr",
        "password",
        "masterscript",
        "backupscript",
        "monitoredcircuits",
        "carriertimeout",
        "spanningtreelatency",
        "MCClearErrorsCount",
        "vridsdep",
        "AHencryption",
        "useIKE",
        "presharedkey",
    }
)
"""The keys that its parser knows."""
IN_THE_MANUAL_ONLY: Final = frozenset({"useVMAC", "sendgratuitousarp"})
_KEY: Final = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One line ``key = value``."""

    name: str
    value: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """One section: a virtual router."""

    place: Place
    settings: tuple[Setting, ...]

    def setting(self, name: str) -> Setting | None:
        """Return the last line with this key, which is the one that counts."""
        found = [each for each in self.settings if each.name == name]
        return found[-1] if found else None

    def value(self, name: str) -> str:
        """Return the value of a key without blanks around it; empty if it is not there."""
        found = self.setting(name)
        return found.value.strip() if found else ""

    def number(self, name: str, default: int) -> int:
        """Return a number as atoi(3) reads it."""
        digits = re.match(r"\s*([+-]?\d+)", self.value(name))
        return int(digits[1]) if digits else default if not self.value(name) else 0

    def at(self, name: str) -> Place:
        """Return where a key stands, or the section if it does not."""
        found = self.setting(name)
        return found.place if found else self.place


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterFile:
    """One freevrrpd.conf."""

    file: str
    routers: tuple[Router, ...]
    findings: tuple[Finding, ...]


def read_routers(text: str, file: str) -> RouterFile:
    """Return the sections of a file, and what freevrrpd's parser would make of its form."""
    routers: list[tuple[Place, list[Setting]]] = []
    findings: list[Finding] = []
    for number, line in enumerate(text.splitlines(), start=1):
        place = Place(file=file, line=number)
        findings += _form(line, place)
        content = line.strip()
        if not content or line.startswith("#") or content.startswith("#"):
            continue
        if content.startswith("["):
            if content == SECTION:
                routers.append((place, []))
            else:
                findings.append(_unknown_section(content, place))
            continue
        setting = _setting(line, place)
        if setting is None:
            continue
        findings += _key(setting)
        if not routers:
            findings.append(_no_section(place))
            routers.append((place, []))
        routers[-1][1].append(setting)
    return RouterFile(
        file=file,
        routers=tuple(Router(place=place, settings=tuple(each)) for place, each in routers),
        findings=tuple(findings),
    )


def _setting(line: str, place: Place) -> Setting | None:
    head, equals, value = line.strip("\r\n").lstrip().partition("=")
    key = _KEY.match(head)
    if not equals or key is None:
        return None
    return Setting(name=key[0], value=value.lstrip(" "), place=place)


def _form(line: str, place: Place) -> Iterator[Finding]:
    """Judge a line by its form alone."""
    if not line or line.startswith(("#", "[")):
        return
    if len(line) > LINE_MAX:
        yield Finding(
            rule="line-too-long",
            weight=Weight.ERROR,
            place=place,
            what=f"the line has {len(line)} characters, freevrrpd reads {LINE_MAX}",
            consequence="the rest is read as a line of its own",
            remedy="nothing: the new file has no such limit",
        )
    if line[0].isspace() or line[0].isdigit():
        blank = not line.strip()
        yield Finding(
            rule="line-aborts",
            weight=Weight.ERROR,
            place=place,
            what="a line of blanks" if blank else f"the line begins with {line[0]!r}",
            consequence="freevrrpd gives up at such a line and does not start",
            remedy="nothing: it is read here as it was meant",
        )
    elif "=" not in line:
        yield Finding(
            rule="line-ignored",
            weight=Weight.WARNING,
            place=place,
            what=f"{line.strip()!r} is no setting",
            consequence="freevrrpd logs it and goes on without",
            remedy="look whether something was meant by it",
        )


def _key(setting: Setting) -> Iterator[Finding]:
    if setting.value != setting.value.rstrip():
        dies = setting.value.strip().lower() in ("yes", "no")
        yield Finding(
            rule="trailing-blanks",
            weight=Weight.ERROR if dies else Weight.WARNING,
            place=setting.place,
            what=f"blanks behind the value of {setting.name}",
            consequence="freevrrpd gives up" if dies else "they belong to the value",
            remedy="nothing: they are left out of the new file",
        )
    if setting.name in READ:
        return
    folded = {key.lower(): key for key in READ}
    if setting.name in IN_THE_MANUAL_ONLY:
        yield Finding(
            rule="key-without-effect",
            weight=Weight.NOTE,
            place=setting.place,
            what=f"{setting.name} stands in the manual page, but freevrrpd does not read it",
            consequence="it never had an effect: the virtual MAC was always used, and gratuitous "
            "ARP left to the kernel",
            remedy="nothing: addresses stay on the interface's own MAC, and are announced",
        )
    else:
        near = folded.get(setting.name.lower())
        yield Finding(
            rule="key-unknown",
            weight=Weight.ERROR if near else Weight.WARNING,
            place=setting.place,
            what=f"{setting.name} is no key of freevrrpd" + (f"; {near} is" if near else ""),
            consequence="it is logged and ignored, and the default counts",
            remedy=f"decide whether {near or 'it'} was meant, and set it in the new file",
        )


def _unknown_section(content: str, place: Place) -> Finding:
    return Finding(
        rule="section-unknown",
        weight=Weight.ERROR,
        place=place,
        what=f"{content} is not the heading {SECTION}",
        consequence="freevrrpd does not begin a virtual router here",
        remedy="nothing, if it was meant to go on with the router above it",
    )


def _no_section(place: Place) -> Finding:
    return Finding(
        rule="section-missing",
        weight=Weight.ERROR,
        place=place,
        what=f"settings without the heading {SECTION} above them",
        consequence="freevrrpd refuses the file: this node takes part in no election, and never "
        "takes over",
        remedy=f"nothing: they are read as if {SECTION} stood above them",
    )
