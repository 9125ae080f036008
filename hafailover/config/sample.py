"""What does an annotated configuration look like? Made from the schema, so it cannot be out of date.

A line that begins with ``#`` and a blank is prose. One that begins with ``#`` alone is a setting at its
default or with an example: taking the ``#`` away sets it.
"""

import re
import textwrap
from collections.abc import Iterator
from typing import Final

from hafailover.config.kinds import Choice
from hafailover.config.schema import ROOT
from hafailover.config.shape import (
    Key,
    ListOf,
    Named,
    Options,
    PerNode,
    Presence,
    Scalar,
    Section,
    Variant,
)

LIVE: Final = frozenset(
    {
        "nodes.NAME.hostname",
        "nodes.NAME.replication",
        "networks",
        "networks.lan",
        "networks.lan.interface",
        "networks.replication",
        "networks.replication.interface",
        "arbiter",
        "arbiter.i_accept_split_brain",
        "groups.NAME.volumes",
        "groups.NAME.services",
        "groups.NAME.services[].check",
    }
)
"""Optional keys that the sample sets, since a pair with data needs or wants them."""

_WIDTH: Final = 88
_HEAD: Final = """\
# Configuration of hafailover(8), see hafailover.yaml(5). One file for both nodes.
# "#key: value" shows a default or an example; take the # away to set it.
"""


def render_sample(*, arbiter: str = "ping", everything: bool = False) -> str:
    """Return the annotated sample.

    Args:
        arbiter: The kind of arbiter that it shows.
        everything: Whether every key is set, the optional ones at their default or example.
    """
    lines = _Sample(arbiter=arbiter, everything=everything).section(ROOT, "", 0)
    return _HEAD + "\n" + "\n".join(lines) + "\n"


def render_short_sample(*, arbiter: str = "ping") -> str:
    """Return the sample without prose and without what may be left out."""
    lines = render_sample(arbiter=arbiter).splitlines()
    return "\n".join(line for line in lines if line and not line.lstrip().startswith("#")) + "\n"


class _Sample:
    """Renders sections as lines of YAML with comments."""

    def __init__(self, *, arbiter: str, everything: bool) -> None:
        self._arbiter = arbiter
        self._everything = everything

    def section(
        self, section: Section, path: str, index: int, *, prose: bool = True
    ) -> Iterator[str]:
        """Yield the lines of a section, the ones of optional keys as comments."""
        for key in section.keys:
            where = f"{path}.{key.name}".lstrip(".")
            live = self._everything or key.default is Presence.REQUIRED or where in LIVE
            if not live and not prose:
                continue
            if not path:
                yield ""
            if prose:
                yield from textwrap.wrap(
                    _prose(key), _WIDTH, initial_indent="# ", subsequent_indent="# "
                )
            for line in self._key(key, where, index, prose=prose):
                yield line if live else f"#{line}"

    def _key(self, key: Key, path: str, index: int, *, prose: bool) -> Iterator[str]:
        match key.shape:
            case Scalar() | PerNode() | Options():
                yield f"{key.name}: {example(key, index)}"
            case ListOf(item=Section() as item):
                yield f"{key.name}:"
                lines = self.section(item, f"{path}[]", index, prose=prose)
                for number, line in enumerate(_first_setting_first(lines)):
                    yield f"  {'-' if number == 0 else ' '} {line}"
            case ListOf():
                yield f"{key.name}: {example(key, index)}"
            case Named() as named:
                yield f"{key.name}:"
                for number, name in enumerate(named.samples or ("NAME",)):
                    yield f"  {name}:"
                    below = self.section(
                        named.section, f"{path}.NAME", number, prose=prose and number == 0
                    )
                    yield from (f"    {line}" for line in below)
            case Section() as section:
                yield f"{key.name}:"
                yield from (f"  {line}" for line in self.section(section, path, index, prose=prose))
            case Variant() as variant:
                yield f"{key.name}:"
                yield f"  {variant.tag}: {self._arbiter}"
                chosen = dict(variant.sections)[self._arbiter]
                yield from (f"  {line}" for line in self.section(chosen, path, index, prose=prose))


def _first_setting_first(lines: Iterator[str]) -> list[str]:
    """Put the first setting before the prose on it: the dash of a list item needs one to lead."""
    ordered = list(lines)
    first = next(number for number, line in enumerate(ordered) if not line.startswith("#"))
    return [ordered[first], *ordered[:first], *ordered[first + 1 :]]


def example(key: Key, index: int = 0) -> str:
    """Return what may stand behind a key: its example, or else its default."""
    if key.name == "i_accept_split_brain":
        return "true"
    if key.sample:
        letter = "abcdefgh"[index]
        return re.sub(
            r"\{(n|letter)\}", lambda m: letter if m[1] != "n" else str(index + 1), key.sample
        )
    if isinstance(key.default, str):
        return key.default
    return "{}" if isinstance(key.shape, Options) else "[]"


def _prose(key: Key) -> str:
    text = key.text
    if isinstance(key.shape, Scalar) and isinstance(key.shape.kind, Choice):
        text += f" One of {', '.join(key.shape.kind.words)}."
    if isinstance(key.shape, Variant):
        text += f" One of {', '.join(key.shape.words())}, each with its own keys."
    if key.remark:
        text += f" Default: {key.remark}."
    return text
