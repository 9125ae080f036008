"""Every thing that can happen to a group. All are values, serialisable, and stand in the journal as they came."""

from dataclasses import dataclass
from enum import Enum

from hafailover.arbiter.answers import Answer
from hafailover.group.report import GroupReport
from hafailover.lineage.record import LineageRecord
from hafailover.storage.facts import StorageFacts
from hafailover.storage.steps import StepOutcome
from hafailover.vrrp.advertisement import Advertisement


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The agent began. ``entropy`` (hexadecimal) is the only source of random ids of this life."""

    boot: str
    incarnation: str
    entropy: str
    records: tuple[tuple[str, LineageRecord], ...] = ()
    """(volume, record as read); one that is missing or damaged comes with copy ``unknown``, and why in ``doubt``."""
    wall_s: int = 0
    """What time it is, in Unix seconds, only to be shown to people; 0 = not known."""
    pause_until_wall: int | None = None
    """Unix seconds; 0 = until resumed; None = not paused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineReached:
    """The instant that ``deadline(state)`` named has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvertisementAccepted:
    """An advertisement passed every receive check."""

    family: int
    advertisement: Advertisement


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOfLife:
    """Something from the peer's address that proves it lives, though it counts for nothing else (a wrong password)."""

    network: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportReceived:
    """The peer's report came over this network, authenticated and fresh."""

    network: str
    report: GroupReport


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageObserved:
    """The look at the host that was asked for under ``id`` is there."""

    id: int
    facts: StorageFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished:
    """The step started under ``id`` ended or was abandoned."""

    id: int
    outcome: StepOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsWritten:
    """The records handed out under ``id`` are durable, or ``problem`` says why they are not."""

    id: int
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArbiterAnswered:
    """The arbiter's answer to the request ``id``."""

    id: int
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchdogArmed:
    """The watchdog is armed and patted for the request ``id``, or ``problem`` says why it is not."""

    id: int
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFinished:
    """The look at the peer's host and the ping targets that was asked for under ``id``.

    ``peer_host``: the networks on which the peer's *host* answered (ICMP, or a refused TCP port). ``targets``: how many
    of the configured ping targets answered, None when there are none.
    """

    id: int
    peer_host: tuple[str, ...]
    targets: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryWritten:
    """The canary write and fsync on a volume came back (``problem`` empty) or failed.

    ``took_ns``: how long it was under way. What it proves of the peer counts from when it began. ``age_ns``: how long
    ago it came back.
    """

    volume: str
    problem: str = ""
    took_ns: int = 0
    age_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSynced:
    """The regular fsync of an image came back (``problem`` empty) or failed, ``age_ns`` ago."""

    volume: str
    problem: str = ""
    age_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanged:
    """The LAN interface gained or lost its carrier."""

    is_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressChanged:
    """A virtual address of the group came onto the interface or went from it, whoever did that."""

    address: str
    is_gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WallClockTold:
    """What time of the day it is: minutes after local midnight. Told again and again while somebody needs to know."""

    minute: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFinished:
    """A service command (start, stop, check) ended."""

    id: int
    outcome: StepOutcome


class OrderKind(Enum):
    """What an operator can ask for."""

    SWITCHOVER = "switchover"
    PAUSE = "pause"
    RESUME = "resume"
    REJOIN = "rejoin"
    PROMOTE = "promote"
    CLEAR_HOLD = "clear-hold"
    RESOLVE = "resolve"
    MARK = "mark"
    """Of a drill: append a line to a file in a volume, durably."""
    GIVE_UP = "give-up"
    """Of a drill: lose the primary."""
    WITHDRAW = "withdraw"
    """Of a drill: lose the secondary."""
    DRILLED = "drilled"
    """Of a drill: what came of it, to be told to people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAsked:
    """An order from the control socket; it carries the epoch that the operator saw (-1 = did not say)."""

    id: int
    kind: OrderKind
    seen_epoch: int = -1
    force_copy: bool = False
    peer_is_off: bool = False
    accept_mixture: bool = False
    until_wall: int = 0
    keep: str = ""
    """To resolve: the node whose copy is kept."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferencesSaved:
    """What only the copy to be discarded holds is in a file, durable, or ``problem`` says why not."""

    id: int
    problem: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownAsked:
    """The agent was told to stop. ``keep_running`` leaves mount, address and export to the next life of the agent."""

    keep_running: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LatenessSeen:
    """The loop was away from its work for so long (a pause, starvation)."""

    late_ns: int


Event = (
    Started
    | DeadlineReached
    | AdvertisementAccepted
    | SignOfLife
    | ReportReceived
    | StorageObserved
    | StepFinished
    | RecordsWritten
    | ArbiterAnswered
    | WatchdogArmed
    | ProbeFinished
    | CanaryWritten
    | ImageSynced
    | LinkChanged
    | AddressChanged
    | WallClockTold
    | ServiceFinished
    | OperatorAsked
    | DifferencesSaved
    | ShutdownAsked
    | LatenessSeen
)
