"""How is a scenario written?

A scenario is a YAML file that a person can read aloud::

    about: The primary loses its power.
    lab: {arbiter: ping}
    steps:
      - wait: {primary: A, copies: in_sync, within: 60s}
      - phase: takeover
      - fault: power-off A
      - wait: {primary: B, answers: B, within: 60s}
    promise: {outage: 20s}

The steps are: ``phase`` (a name for what follows), ``pass`` (let time go by), ``fault`` (see
``Verb``), ``operator`` (a command line of hafailover, ``... on NODE``), ``wait`` (until all of it
is true) and ``expect`` (it must be true now). What can be waited for: ``primary`` (has the volume
mounted), ``address`` (has the floating address), ``answers`` (answers the client), each a node or
``none``; ``copies`` (what the agents say of every copy, such as ``in_sync``); ``writes`` (so many
more acknowledged since the step began); ``roles`` and ``alerts`` by node, as the agents say; and
``answer`` (words of the answer to the last order, which may be a refusal if the next step asks for
the answer). ``copies`` may be given by node, too.

``where`` says where it can be played: ``lab``, ``simulator``, or both if it is left out.

``promise`` says what the whole run must keep; what it leaves out must be nought: lost writes, and
the times in which both nodes were mounted, both had the address, or a node had it without the
volume.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import yaml

from hafailover.config.spans import parse_duration
from hafailover.lab.configuration import Tuning
from hafailover.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NODES: Final = ("A", "B")
MACHINES: Final = (*NODES, "gateway", "etcd", "fence", "etcd1", "etcd2", "etcd3", "switch")
"""Everything that a fault can be about; the last four are there with their arbiter only."""
NOBODY: Final = "none"
PLACES: Final = ("lab", "simulator")


class ScenarioError(Exception):
    """A scenario file that says something else than scenarios can say."""


class Verb(Enum):
    """What can go wrong, or right again; the value is the first word of ``fault``."""

    POWER_OFF = "power-off"
    """NODE"""
    POWER_ON = "power-on"
    """NODE"""
    KILL_AGENT = "kill-agent"
    """NODE [for-good]: kill -9; daemon(8) starts it again, unless it is for good."""
    FREEZE = "freeze"
    """NODE: every process, and the kernel."""
    THAW = "thaw"
    """NODE"""
    CUT = "cut"
    """lan|replication MACHINE [carrier|silent|to-node|from-node]"""
    HEAL = "heal"
    """lan|replication MACHINE"""
    MEMBER = "member"
    """kill|start|freeze|thaw MACHINE: a server of the arbiter etcd."""
    RESTART_AGENT = "restart-agent"
    """NODE: SIGUSR1; it leaves everything up, and is started again."""
    STOP_AGENT = "stop-agent"
    """NODE: SIGTERM; it is not started again by itself."""
    START_AGENT = "start-agent"
    """NODE"""
    LOSE = "lose"
    """lan|replication NODE PERCENT: of the packets between the nodes; 0 ends it. Simulator only."""
    DISK = "disk"
    """NODE hangs|full|well: the disk under the image, or under the records. Simulator only."""
    ARBITER = "arbiter"
    """etcd down|lossy|well|keep|restored|newer, etcd unheard|heard NODE, fence down|slow|well. Simulator only.

    ``restored``: from what was kept; ``newer``: with a field of another version; ``unheard``: what the node asks for
    is done, and the answers are lost."""
    SERVICE = "service"
    """NODE failing|well: whether its checks find it well. Simulator only."""
    CLOCK = "clock"
    """NODE HH:MM: what time of the day it is there. Simulator only."""
    RECORD = "record"
    """NODE in_sync|sole|stale|syncing|diverged|missing|newer: what a node that is off finds on record. Simulator only.

    ``newer``: one that the next version has written."""
    IMAGE = "image"
    """NODE keep|restored|swapped: remember the image; put it back into the file; or as another file. Simulator only."""
    KERNEL = "kernel"
    """NODE and what ``hafailover.lab.host.control`` understands: a command that hangs, a full disk.

    IMAGE, MOUNT and DEVICE stand for the volume's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What can be waited for; None is not asked."""

    primary: str | None = None
    address: str | None = None
    answers: str | None = None
    copies: str | Mapping[str, str] | None = None
    roles: Mapping[str, str] | None = None
    alerts: Mapping[str, str] | None = None
    """By node: an alert that is raised there; ``no NAME``: that is not."""
    answer: str | None = None
    """Words in the answer to the last order; ``refused`` and ``taken`` say which it was."""
    writes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A name for what follows."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """Let time go by."""

    span_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something breaks, or is mended."""

    verb: Verb
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A person gives an order on a node."""

    node: str
    arguments: tuple[str, ...]
    """What follows ``hafailover``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Go on as soon as it is true, fail if it is not in time."""

    truth: Truth
    within_ns: int
    is_needed: bool = True
    """False: go on as well if it is not in time; only a storm waits so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """Fail unless it is true now."""

    truth: Truth


Step = Phase | Pass | Fault | Operator | Wait | Expect


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What the whole run must keep, at most."""

    writes_lost: int = 0
    outage_ms: int | None = None
    write_stall_ms: int | None = None
    both_mounted_ms: int = 0
    both_addressed_ms: int = 0
    address_without_mount_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A story of faults and what is expected of the pair."""

    name: str
    about: str
    steps: tuple[Step, ...]
    where: tuple[str, ...] = PLACES
    """Where it can be played: ``lab``, ``simulator``, or both."""
    tuning: Tuning = field(default_factory=Tuning)
    promise: Promise = field(default_factory=Promise)
    is_random: bool = False
    """Whether a fault may find its node gone already: then it has no effect, and the run goes on."""


def load(path: Path) -> Scenario:
    """Read a scenario from a file; its name is the file's.

    Raises:
        ScenarioError: with the file, the step and what is allowed there.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return parse(path.stem, document)
    except (ScenarioError, yaml.YAMLError) as problem:
        raise ScenarioError(f"{path}: {problem}") from problem


def parse(name: str, document: Any) -> Scenario:
    """Return the scenario in a YAML document.

    Raises:
        ScenarioError: with the step and what is allowed there.
    """
    keys = ("about", "where", "lab", "steps", "promise")
    _known(document, keys, "the scenario")
    steps = document.get("steps")
    if not isinstance(steps, list) or not steps:
        raise ScenarioError("steps: a list of steps is needed")
    read = []
    for number, row in enumerate(steps, 1):
        try:
            read.append(_step(row))
        except (ScenarioError, ValueError) as problem:
            raise ScenarioError(f"step {number}: {problem}") from problem
    return Scenario(
        name=name,
        about=str(document.get("about", "")),
        steps=tuple(read),
        where=_places(document.get("where", list(PLACES))),
        tuning=_tuning(document.get("lab") or {}),
        promise=_promise(document.get("promise") or {}),
    )


def _places(words: Any) -> tuple[str, ...]:
    if not isinstance(words, list) or not words or not set(words) <= set(PLACES):
        raise ScenarioError(f"where: a list of {' and '.join(PLACES)}")
    return tuple(words)


def _known(row: Any, allowed: tuple[str, ...], where: str) -> None:
    if not isinstance(row, dict):
        raise ScenarioError(f"{where}: keys and values are needed")
    for key in row:
        if key not in allowed:
            raise ScenarioError(f"{where}: {key!r} is none of {', '.join(allowed)}")


def _step(row: Any) -> Step:
    if not isinstance(row, dict) or len(row) != 1:
        raise ScenarioError("one word and its value are needed, such as 'fault: power-off A'")
    ((word, value),) = row.items()
    match word:
        case "phase":
            return Phase(name=str(value))
        case "pass":
            return Pass(span_ns=_span(value))
        case "fault":
            return parse_fault(str(value))
        case "operator":
            return _operator(shlex.split(str(value)))
        case "wait":
            within = value.pop("within", "30s") if isinstance(value, dict) else "30s"
            return Wait(truth=_truth(value), within_ns=_span(within))
        case "expect":
            return Expect(truth=_truth(value))
        case _:
            raise ScenarioError(f"{word!r} is none of phase, pass, fault, operator, wait, expect")


def _span(value: Any) -> int:
    try:
        return parse_duration(str(value))
    except ValueError as problem:
        raise ScenarioError(f"{value!r} is no span of time such as 500ms or 10s") from problem


def parse_fault(text: str) -> Fault:
    """Return the fault that ``text`` describes.

    Raises:
        ScenarioError: it describes none.
    """
    words = text.split()
    verbs = {verb.value: verb for verb in Verb}
    if not words or words[0] not in verbs:
        raise ScenarioError(f"a fault begins with one of {', '.join(verbs)}")
    if not set(words) & set(MACHINES):
        raise ScenarioError(f"a fault names its machine, one of {', '.join(MACHINES)}")
    return Fault(verb=verbs[words[0]], words=tuple(words[1:]))


def _operator(words: list[str]) -> Operator:
    if len(words) < 4 or words[0] != "hafailover" or words[-2] != "on" or words[-1] not in NODES:
        raise ScenarioError("an order reads 'hafailover ... on A'")
    return Operator(node=words[-1], arguments=tuple(words[1:-2]))


def _truth(row: Any) -> Truth:
    allowed = tuple(one.name for one in fields(Truth))
    _known(row, allowed, "what is true")
    for key in ("primary", "address", "answers"):
        if row.get(key, NOBODY) not in (*NODES, NOBODY):
            raise ScenarioError(f"{key}: A, B or none, not {row[key]!r}")
    for key in ("roles", "alerts"):
        if not isinstance(row.get(key, {}), dict) or not set(row.get(key, {})) <= set(NODES):
            raise ScenarioError(f"{key}: by node, such as {{A: ...}}")
    return Truth(**row)


def _tuning(row: Any) -> Tuning:
    _known(row, tuple(one.name for one in fields(Tuning)), "lab")
    return Tuning(**row)


def _promise(row: Any) -> Promise:
    spans = {"outage", "write_stall", "both_mounted", "both_addressed", "address_without_mount"}
    _known(row, ("writes_lost", *sorted(spans)), "promise")
    values = {
        f"{key}_ms" if key in spans else key: _span(value) // MILLISECOND if key in spans else value
        for key, value in row.items()
    }
    return Promise(**values)


def wanted_copies(copies: str | Mapping[str, str]) -> dict[str, str]:
    """Return what every node shall say of its copy."""
    return dict.fromkeys(NODES, copies) if isinstance(copies, str) else dict(copies)


def shown(span_ns: int) -> str:
    """Return a span for a person: ``12.3 s``."""
    return f"{span_ns / SECOND:.1f} s"
