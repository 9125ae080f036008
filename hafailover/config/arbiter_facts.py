"""What was seen of the arbiter and the watchdog when ``check`` looked? Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class EtcdFacts:
    """What an etcd cluster answered."""

    problem: str = ""
    """Why nothing is known; empty if something is."""
    version: str = ""
    database_bytes: int = 0
    is_open_to_all: bool = False
    """Whether a user is configured and the cluster asks nobody who he is."""
    lease_ns: int = 0
    """What it granted where the configured lease was asked for."""
    records: Mapping[str, str | None] = field(default_factory=dict)
    """By group, the text of its record; None: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceFacts:
    """What a fence device says of the nodes."""

    said: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By node: ``on``, ``off`` or ``unknown``, and in what words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArbiterFacts:
    """All of it; None: not configured."""

    etcd: EtcdFacts | None = None
    fence: FenceFacts | None = None
    has_watchdog: bool = False
    """Whether the kernel has a device for it."""
