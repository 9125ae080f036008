"""What does one node tell the other about a group, several times a second?

A report carries state, not orders: it may be lost, doubled or late, and the next one says it all again. What one node
wants of the other stands in ``Wish``; the other acts on it only if its own record agrees.
"""

from dataclasses import dataclass, fields
from enum import Enum
from operator import attrgetter

from hafailover.lineage.record import LineageRecord


class Role(Enum):
    """The role of this node for the data of a group."""

    STARTING = "starting"
    """Just begun: has not yet seen its own storage, or not yet heard enough."""
    STANDBY = "standby"
    PROMOTING = "promoting"
    PRIMARY = "primary"
    DEMOTING = "demoting"
    STOPPED = "stopped"
    """Demoted for good in this life of the agent (shutdown)."""
    FENCED = "fenced"
    """Waits for its own host reset, acknowledges nothing."""


class PeerWish(Enum):
    """What a primary wants of the secondary's copy."""

    NOTHING = "nothing"
    REBUILD = "rebuild"
    """Record syncing, export in a new session: everything is copied onto it."""
    RECORD_IN_SYNC = "record in_sync"
    """The copy has been seen complete: record the primary's lineage with in_sync."""
    RECORD_STALE = "record stale"
    """The primary went on without the copy."""
    CONNECT = "connect"
    """After a planned handover: export in a new session, nothing is copied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """An export as the exporting node sees it: who asks for ``path`` at ``port`` is in this session."""

    session: str
    port: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReport:
    """One volume's copy on the reporting node."""

    record: LineageRecord
    size_bytes: int = 0
    """Of the image, as it was last seen; 0 = not seen."""
    export: ExportReport | None = None
    is_closed_seen: bool = False
    """Nothing has the image open: no md, no ggated, no other process."""
    progress_percent: int | None = None
    """Of a rebuild of the *peer's* copy, as the primary sees it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverToken:
    """The right to promote with both copies labelled as identical, valid once, for one session.

    Void as soon as either side rebooted, dropped the other or was promoted without it.
    """

    epoch: int
    successor: str
    from_boot: str
    to_boot: str
    lineages: tuple[tuple[str, str], ...]
    """(volume, lineage id)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOrder:
    """An operator's order that is the receiver's business, with the epoch that the operator saw."""

    number: int
    """By which it is obeyed once, and answered."""
    kind: str
    seen_epoch: int = -1
    reason: str = ""
    keep: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAnswer:
    """What became of an order that was passed on."""

    number: int
    accepted: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerPromise:
    """The word not to take the arbiter's grant for ``span_ns``, in answer to one report of one life of the agent.

    It counts from when that report was sent, by the clock of who sent it.
    """

    span_ns: int
    incarnation: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReport:
    """One heartbeat about one group.

    Attributes:
        sequence: Grows by one with every report of this life of the agent.
        hears: Networks on which the reporter has lately heard the receiver ("I hear you").
        candidate: Whether the reporter could become primary now.
        refusal: What of its own keeps it from that, or from getting over its start.
        intent: Epoch that the reporter wants to be promoted under; 0 = none.
        consent: Epoch that the reporter agrees to be outranked by; 0 = none.
        sees_gateway: Whether the ping targets answer it; None when there are none.
        wishes: What it wants of the receiver's copies, by volume.
        asks_promise: Whether the reporter serves, cannot renew its grant, and asks for the receiver's promise.
        promise: The reporter's promise, if it was asked for one and can give it.
    """

    node: str
    boot: str
    incarnation: str
    sequence: int
    role: Role
    epoch: int
    priority: int
    candidate: bool
    refusal: str = ""
    copies: tuple[tuple[str, CopyReport], ...] = ()
    hears: tuple[str, ...] = ()
    intent: int = 0
    consent: int = 0
    token: HandoverToken | None = None
    wishes: tuple[tuple[str, PeerWish], ...] = ()
    paused: bool = False
    is_master: bool = False
    sees_gateway: bool | None = None
    link_up: bool = True
    digest: str = ""
    asks_promise: bool = False
    promise: PeerPromise | None = None
    is_leaving: bool = False
    """The reporter is about to stop on purpose: a primary drops its copy first, in order."""
    asks: PassedOrder | None = None
    """An order that was given to the reporter and is the receiver's to carry out."""
    answers: OrderAnswer | None = None
    """What became of the last order that the receiver passed on."""
    is_resolving: bool = False
    """An operator gave the reporter's copy up, and what only it holds is being saved."""
    restart_hold_ns: int = 0
    """The reporter's agent is being restarted and leaves everything up; it asks for so long. 0 = it is not."""


_names = tuple(field.name for field in fields(GroupReport) if field.name != "sequence")
_said = attrgetter(*_names)
_setters = [GroupReport.__dict__[name].__set__ for name in (*_names, "sequence")]


def says_the_same(one: GroupReport, other: GroupReport) -> bool:
    """Whether two reports differ in nothing but their number."""
    return one is other or bool(_said(one) == _said(other))


def renumbered(report: GroupReport, sequence: int) -> GroupReport:
    """Return the same report under another number, three times as fast as ``replace``: every heartbeat is one."""
    other = object.__new__(GroupReport)
    for put, value in zip(_setters, (*_said(report), sequence), strict=True):
        put(other, value)
    return other
