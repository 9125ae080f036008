"""What does a group remember between two events? Only values; every deadline is derived from them."""

from dataclasses import dataclass, field

from hafailover.group.actions import AlertKind, ServiceVerb
from hafailover.group.grant import Fence, Grant, Guard
from hafailover.group.peer_view import PeerView
from hafailover.group.report import GroupReport, HandoverToken, OrderAnswer, PassedOrder, Role
from hafailover.group.undertakings import Attempt, Demotion, Dropping, Pairing
from hafailover.lineage.record import CopyState, LineageRecord
from hafailover.storage.facts import StorageFacts
from hafailover.storage.steps import Step
from hafailover.storage.tries import Tries
from hafailover.units import Instant
from hafailover.vrrp.announcement import Quiet, Schedule
from hafailover.vrrp.states import State as RouterState

Records = tuple[tuple[str, LineageRecord], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Something asked of the world and not yet answered; an answer with another id is ignored."""

    id: int
    since: Instant
    what: str
    step: Step | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """One service as far as this node knows."""

    name: str
    is_running: bool = False
    failures: int = 0
    checked_at: Instant | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCall:
    """A service command under way."""

    id: int
    service: str
    verb: ServiceVerb


@dataclass(frozen=True, slots=True, kw_only=True)
class Marking:
    """A mark that is being written into a volume for a drill; ``order`` is who waits for it."""

    id: int
    order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildStart:
    """Where a rebuild of the peer's copy stood when it was first seen: what its rate is counted from."""

    volume: str
    at: Instant
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolving:
    """An operator gave this node's copy up; what only it holds is being saved. ``id``: of the saving, 0 = not begun."""

    keep: str
    reason: str
    lineages: tuple[tuple[str, str], ...]
    """(volume, lineage of the copy that is kept), as the operator saw it."""
    id: int = 0
    failures: int = 0
    """Tries that failed: the peer's agent may just have been restarted."""
    retry_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RaisedAlert:
    """An alert whose cause lasts."""

    kind: AlertKind
    text: str
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Role changes are stopped until a moment on the wall clock; 0 = until resumed."""

    until_wall: int
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class GroupState:
    """Everything a group knows. Fields are grouped by who changes them.

    Without slots, so that ``changed`` copies one dictionary: it runs dozens of times in every step.
    """

    boot: str = ""
    incarnation: str = ""
    entropy: str = ""
    minted: int = 0
    """How many random ids were derived from the entropy."""
    next_id: int = 1

    role: Role = Role.STARTING
    started_at: Instant = Instant(0)
    role_since: Instant = Instant(0)
    acted_at: Instant | None = None
    """When this node last ceased to serve, or to take down what it had up; None = not in this life of its agent."""
    why: str = "the agent has just started"
    epoch: int = 0
    attempt: Attempt | None = None
    demotion: Demotion | None = None
    hold_until: Instant | None = None
    failures: int = 0
    failovers: tuple[Instant, ...] = ()
    """When this node took the group over, or resigned, without being asked, newest last."""
    failed_back_at: Instant | None = None
    """When this node last handed the group back to the preferred one by itself, and has not served since."""
    failbacks_lost: int = 0
    """How many failbacks in a row did not last: the group came back here within ``failover_window``."""
    pause: Pause | None = None
    stopping_since: Instant | None = None
    restarting_since: Instant | None = None
    """When the agent was told to end and to leave everything as it runs."""
    has_left: bool = False
    """Whether this group has said that the agent may end for that."""
    resolving: Resolving | None = None
    giving_up_since: Instant | None = None
    """When this node let the group go for a drill; its copy is still good until the peer's is closed or served."""
    wall_s: int = 0
    """Unix seconds at ``started_at``, for people; 0 = not known."""
    minute: int | None = None
    """Minutes after local midnight, as last told at ``minute_at``."""
    minute_at: Instant = Instant(0)

    records: Records = ()
    durable: Records = ()
    writing: Pending | None = None
    being_written: Records = ()
    write_retry_at: Instant | None = None
    write_problem: str = ""

    facts: StorageFacts | None = None
    facts_at: Instant = Instant(0)
    seen_at: Instant = Instant(0)
    """When a look last found everything; one that hangs and is given up finds nothing."""
    looked_at: Instant = Instant(0)
    """When the look behind ``facts`` was begun: what happened since then may be missing in it."""
    observing: Pending | None = None
    must_look: bool = True
    look_after: int = 0
    """A look with a smaller id was begun before what has to be looked at."""
    ask_openers: tuple[str, ...] = ()
    work: Pending | None = None
    urgent: Pending | None = None
    tries: Tries = field(default_factory=Tries)
    tried_at: Instant = Instant(0)
    look_at: Instant | None = None
    """When the storage is looked at for what waits, earlier than the regular look or later than at once."""
    refusal: str = ""
    """Why the storage plan does not go on."""

    routers: tuple[RouterState, ...] = ()
    announcing: Schedule = field(default_factory=Quiet)
    is_candidate: bool = False
    candidacy_refusal: str = ""
    addresses_wanted: bool = False
    address_missing_since: Instant | None = None
    """Since when a virtual address of a node that serves is not up, whatever was done."""
    listen_until: Instant | None = None
    """After own lateness the addresses stay down until then."""
    addressing: Pending | None = None
    link_is_up: bool = True
    competing: str = ""

    peer: PeerView = field(default_factory=PeerView)
    contact: bool = False
    """Whether this life of the agent has spoken to its peer."""
    intent: int = 0
    consent: int = 0
    token_given: HandoverToken | None = None
    token_given_at: Instant | None = None
    token_spent: int = 0
    """Epoch of the last token that was used or refused here; no token serves twice."""

    sessions: tuple[tuple[str, str], ...] = ()
    """Export session now offered, by volume."""
    offer_failures: int = 0
    offer_at: Instant | None = None
    offer_problem: str = ""
    """Why this node's image could not be offered; empty once it is."""
    synced_images: tuple[tuple[str, Instant], ...] = ()
    image_failed_at: Instant | None = None
    """When a primary's own image could not be synced; None as soon as its component was seen ACTIVE after that."""

    pairing: Pairing = field(default_factory=Pairing)
    dropping: Dropping | None = None
    spent_sessions: tuple[str, ...] = ()
    """Export sessions of the peer that were let go: none is used again, a child of theirs may still hold writes."""
    canaries: tuple[tuple[str, Instant], ...] = ()
    canary_problem: str = ""
    canary_errors: tuple[tuple[str, Instant], ...] = ()
    """By volume, when a canary last came back with an error: nothing waits for the peer's copy then."""
    progress: tuple[tuple[str, Instant], ...] = ()
    """By volume, the last proof that its writes reach the peer's copy: a canary that came back, or its first ggate."""
    in_sync_since: Instant | None = None
    unprotected_since: Instant | None = None
    verdict: str = ""

    probing: Pending | None = None
    probed_at: Instant | None = None
    peer_host: tuple[str, ...] = ()
    peer_host_since: Instant | None = None
    """Since when the peer's host has answered every probe; None while it does not."""
    gateway_at: Instant | None = None
    """When a ping target last answered."""
    gateway_lost_at: Instant | None = None
    """Since when no ping target answers; None while one does, or none is configured."""
    loss_at: Instant | None = None
    """When it was noticed that the peer's copy does not follow any more; what was known before then says nothing."""

    grant: Grant = field(default_factory=Grant)
    guard: Guard = field(default_factory=Guard)
    fence: Fence = field(default_factory=Fence)

    services: tuple[ServiceState, ...] = ()
    service_call: ServiceCall | None = None
    stop_again_at: Instant | None = None
    """When what a killed life of the agent may still have been starting has come to its end, and is stopped as well."""

    sent: GroupReport | None = None
    sent_at: Instant | None = None
    moved_at: Instant = Instant(0)
    """When the group was last moved on from where it stood."""
    sequence: int = 0
    has_news: bool = False
    """Whether a report would say something that the last one did not."""
    alerts: tuple[RaisedAlert, ...] = ()

    passed: PassedOrder | None = None
    """An order that was given here and is on its way to the peer."""
    passed_for: int = 0
    """Id under which it was given here."""
    passed_at: Instant = Instant(0)
    obeyed: int = 0
    """Number of the last order that the peer passed on; none is obeyed twice."""
    answered: OrderAnswer | None = None
    marking: Marking | None = None
    withdrawing: int | None = None
    """Id of the order by which the export is being ended for a drill."""
    rebuilds: tuple[RebuildStart, ...] = ()

    def changed(self, changes: dict[str, object]) -> "GroupState":
        """Return the state with some fields replaced; the names are the caller's to get right."""
        copy = object.__new__(GroupState)
        copy.__dict__.update(self.__dict__)
        copy.__dict__.update(changes)
        return copy

    def record(self, volume: str) -> LineageRecord:
        """Return the record of ``volume`` as it shall be (it may not be durable yet)."""
        return dict(self.records)[volume]

    @property
    def is_stopping(self) -> bool:
        """Whether the agent was told to stop."""
        return self.stopping_since is not None

    @property
    def is_in_sync(self) -> bool:
        """Whether the records say that both copies are in service, and in sync."""
        return bool(self.pairing.units) and all(
            record.copy is CopyState.IN_SYNC for _, record in self.records
        )

    @property
    def is_durable(self) -> bool:
        """Whether every record is on disk as it stands here."""
        return self.records == self.durable
