"""Every thing a group can ask for. Performed in order: what must be durable comes before what depends on it."""

from dataclasses import dataclass
from enum import Enum

from hafailover.arbiter.requests import Request
from hafailover.group.report import GroupReport
from hafailover.lineage.record import LineageRecord
from hafailover.storage.steps import Step
from hafailover.units import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAdvertisement:
    """Send the advertisement of this family's router with this priority (0 = resigning), now."""

    family: int
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignAddresses:
    """Put the group's virtual addresses up; answered by ``StepFinished``, seen in the next observation."""

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseAddresses:
    """Take the group's virtual addresses off the interface; answered by ``StepFinished``."""

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnounceAddresses:
    """Send one round of gratuitous ARP and unsolicited neighbour advertisements for every virtual address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observe:
    """Look at the host; answered by ``StorageObserved`` with this id, within the deadline, whatever hangs."""

    id: int
    images: tuple[str, ...]
    openers_of: tuple[str, ...] = ()
    is_routine: bool = False
    """Nothing asks for it but the time. While GEOM shows what it showed, the rest may be a few seconds old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStep:
    """Run one storage step; answered by ``StepFinished``."""

    id: int
    step: Step
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CutStepShort:
    """Kill the command of the step with this id, which is answered at once then; nothing, if it has ended."""

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRecords:
    """Make these records durable, all of them; answered by ``RecordsWritten``."""

    id: int
    records: tuple[tuple[str, LineageRecord], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReport:
    """Send this report to the peer over every network."""

    report: GroupReport


@dataclass(frozen=True, slots=True, kw_only=True)
class AskArbiter:
    """Ask the arbiter; answered by ``ArbiterAnswered`` within the arbiter's deadline, whatever hangs."""

    id: int
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmWatchdog:
    """Arm the host's watchdog(4) for this group; answered by ``WatchdogArmed``.

    From then on it is patted every third of its own span, but only while ``pat_until`` of every group that has armed it
    lies ahead: the watchdog's span was taken off already, so a host that is patted last just before is reset before the
    grant ends. Whoever finds it patted late, or not at all, is reset by the kernel.
    """

    id: int
    pat_until: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class PatWatchdog:
    """The group now allows the watchdog to be patted until ``pat_until`` (earlier or later than it said before)."""

    pat_until: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class DisarmWatchdog:
    """The group has nothing mounted any more; the watchdog is disarmed when no group needs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Probe the peer's host on every network, and the ping targets; answered by ``ProbeFinished``."""

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchCanary:
    """Start (or stop) writing the canary into this volume at this period."""

    volume: str
    mount_point: str
    is_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchImage:
    """Start (or stop) fsyncing this exported image again and again."""

    volume: str
    image: str
    is_on: bool


class ServiceVerb(Enum):
    """What is done with a service."""

    START = "start"
    STOP = "stop"
    CHECK = "check"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunService:
    """Run one service command; answered by ``ServiceFinished``."""

    id: int
    service: str
    verb: ServiceVerb


class Severity(Enum):
    """How loud an alert is."""

    NOTE = "note"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertKind(Enum):
    """Every alert there is; the value is its name in hooks, history and runbook."""

    FAILOVER = "failover"
    SWITCHOVER = "switchover"
    PROMOTION_FAILED = "promotion-failed"
    PEER_LOST = "peer-lost"
    UNPROTECTED = "unprotected"
    REBUILD_STARTED = "rebuild-started"
    REBUILD_FINISHED = "rebuild-finished"
    REBUILD_STALLED = "rebuild-stalled"
    DIVERGED = "diverged"
    COMPETING_MASTER = "competing-master"
    DROPPED_UNANNOUNCED = "dropped-unannounced"
    LOCAL_COPY_LOST = "local-copy-lost"
    CONFIGURATION_DIFFERS = "configuration-differs"
    CONFIGURATION_CHANGED = "configuration-changed"
    ONE_WAY_LINK = "one-way-link"
    PEER_AGENT_SILENT = "peer-agent-silent"
    RECORDS_NOT_DURABLE = "records-not-durable"
    DEMOTION_STUCK = "demotion-stuck"
    SERVICE_FAILING = "service-failing"
    ADDRESS_MISSING = "address-missing"
    LATENESS = "lateness"
    OBSERVATION_UNKNOWN = "observation-unknown"
    WAITING_FOR_OPERATOR = "waiting-for-operator"
    FLAPPING = "flapping"
    HOST_RESET = "host-reset"
    ARBITER_SILENT = "arbiter-silent"
    NOT_STRICT = "not-strict"
    FENCING_FAILED = "fencing-failed"
    DRILL_RESULT = "drill-result"


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseAlert:
    """Tell the humans. Raising one that is raised already repeats it."""

    kind: AlertKind
    severity: Severity
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveAlert:
    """Tell the humans that the cause is gone."""

    kind: AlertKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Answer an operator's order."""

    id: int
    accepted: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersistPause:
    """Make the pause (or its end) durable; comes before any effect of it."""

    until_wall: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveDifferences:
    """Put every block of this node's images that the peer's lack into a file; answered by ``DifferencesSaved``."""

    id: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetHost:
    """Reset this host now: ``reboot -nq``, and stop patting the watchdog. Nothing follows."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The group has nothing left to do in this life of the agent; exit when every group says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A line for the history."""

    text: str


Action = (
    SendAdvertisement
    | AssignAddresses
    | ReleaseAddresses
    | AnnounceAddresses
    | Observe
    | RunStep
    | CutStepShort
    | WriteRecords
    | SendReport
    | AskArbiter
    | ArmWatchdog
    | PatWatchdog
    | DisarmWatchdog
    | Probe
    | WatchCanary
    | WatchImage
    | RunService
    | RaiseAlert
    | ResolveAlert
    | Reply
    | PersistPause
    | SaveDifferences
    | ResetHost
    | Stop
    | Note
)
