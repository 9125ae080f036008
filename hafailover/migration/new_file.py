"""What does the new file say, before it is written down?"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hafailover.migration.commands import ServiceCommand
from hafailover.migration.finding import Finding, Place, Weight
from hafailover.migration.pair import Side, Told


@dataclass(slots=True, kw_only=True)
class NewVolume:
    """A volume of the new file."""

    name: str
    images: dict[str, str]
    size: int
    mirror: str
    mount_point: str
    mount_options: tuple[str, ...]
    port: str
    size_is_known: bool


@dataclass(slots=True, kw_only=True)
class NewGroup:
    """A group of the new file."""

    name: str
    vrid: int
    priorities: dict[str, int]
    old_priorities: dict[str, int]
    password: str
    addresses: list[str]
    volumes: list[NewVolume]
    services: list[ServiceCommand]


@dataclass(slots=True, kw_only=True)
class NewFile:
    """What the new file says."""

    nodes: dict[str, Told]
    lan_interface: str
    link_interface: str
    targets: tuple[str, ...]
    groups: list[NewGroup] = field(default_factory=list)

    @property
    def has_volumes(self) -> bool:
        """Whether there is any storage to fail over."""
        return any(group.volumes for group in self.groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What the operator says beside the files."""

    lan_interface: str = ""
    link_interface: str = ""
    size: int = 0
    targets: tuple[str, ...] = ()


def open_question(rule: str, file: str, what: str, stands_in: str, remedy: str) -> Finding:
    """Return the finding that something had to be filled in."""
    return Finding(
        rule=rule,
        weight=Weight.FILL_IN,
        place=Place(file=file, line=0),
        what=what,
        consequence=f"{stands_in} stands in its place",
        remedy=remedy,
    )


def names_of(sides: Sequence[Side]) -> list[str]:
    """Return the names of both nodes, the unknown one's too."""
    names = [side.name for side in sides]
    if len(names) == 1:
        names.append("server-b" if names[0] != "server-b" else "server-a")
    return names
