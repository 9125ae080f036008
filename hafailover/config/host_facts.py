"""What was seen on this host when ``check`` looked around? Values only; None means unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hafailover.config.arbiter_facts import ArbiterFacts
from hafailover.storage.facts import Mount
from hafailover.storage.geom_facts import GeomFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class PathFacts:
    """What a path is."""

    exists: bool
    is_file: bool = False
    is_directory: bool = False
    size_bytes: int = 0
    allocated_bytes: int = 0
    """What is really taken from the disk; less than the size for a sparse file."""
    mode: int = 0
    """The permission bits."""
    owner: int = 0
    real: str = ""
    """What the path leads to through symbolic links; empty where there are none in it."""
    is_writable: bool = False
    is_executable: bool = False
    entries: tuple[str, ...] = ()
    """The first few names in a directory."""
    problem: str = ""
    """Why nothing is known; empty if something is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """Everything that the judgements look at."""

    system: str
    """The operating system's name, as uname(1) says."""
    release: str
    is_lab: bool
    """Whether this is a node of the lab, whose FreeBSD commands are emulated."""
    own_user: int
    wall_clock_s: float
    is_agent_running: bool
    arbiter: ArbiterFacts = field(default_factory=ArbiterFacts)
    sysctls: Mapping[str, str | None] = field(default_factory=dict)
    """By name; None for one that this kernel does not have."""
    is_carp_loaded: bool | None = None
    geom_classes: tuple[str, ...] | None = None
    geom: GeomFacts | None = None
    geom_problem: str = ""
    mounts: tuple[Mount, ...] | None = None
    mounts_problem: str = ""
    programs: tuple[str, ...] | None = None
    """The names of all processes."""
    missing_tools: tuple[str, ...] = ()
    """The commands for the storage that this host has not."""
    interfaces: tuple[str, ...] = ()
    local_addresses: frozenset[str] = frozenset()
    """Those of the configuration that are on an interface of this host."""
    busy_ports: frozenset[int] = frozenset()
    """Those of the configuration that something listens on."""
    paths: Mapping[str, PathFacts] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    """Files of the system such as /etc/rc.conf, as far as they are there."""
    peer_image_bytes: Mapping[str, int] = field(default_factory=dict)
    """By volume: the size of the other node's image, as the running agents know it; nothing where unknown."""
    journaled: Mapping[str, bool | None] = field(default_factory=dict)
    """By volume: whether tunefs(8) says SU+J; None if there is nothing to ask, or unknown."""

    @property
    def is_able(self) -> bool:
        """Whether FreeBSD's commands mean here what they mean there."""
        return self.system == "FreeBSD" or self.is_lab

    def path(self, path: str) -> PathFacts:
        """Return what is known of a path."""
        return self.paths.get(path, PathFacts(exists=False, problem="was not looked at"))
