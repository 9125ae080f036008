"""What is one group, as the configuration describes it to this node?"""

from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Interface, IPv6Interface

from hafailover.storage.settings import VolumeSettings
from hafailover.units import Nanoseconds, milliseconds, seconds
from hafailover.vrrp.settings import AnnounceSettings, RouterSettings


class ArbiterKind(Enum):
    """What says who may be primary when the nodes cannot talk (the value is the configuration's word)."""

    ETCD = "etcd"
    FENCE = "fence"
    PING = "ping"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSettings:
    """What etcd adds (design letters in docs/timers.md), in nanoseconds."""

    lease: Nanoseconds = seconds(10)
    """L: asked of etcd in whole seconds; what it answers counts."""
    renew: Nanoseconds = seconds(2)
    """r: how often the grant is renewed."""
    renew_deadline: Nanoseconds = seconds(1)
    """q_r: after this without an answer a request counts as unanswered."""
    peer_lease: Nanoseconds = seconds(10)
    """P: for so long a standby promises not to take the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceSettings:
    """What a fence device adds, in nanoseconds."""

    deadline: Nanoseconds = seconds(20)
    """The longest that powering a node off and proving it may take."""
    secondary_delay: Nanoseconds = seconds(25)
    """How much later the secondary shoots than the primary."""
    powers_on: bool = True
    """Whether the node is powered on again after it was proved off (action: reboot)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchdogSettings:
    """The host's own watchdog(4), as a group sees it."""

    span: Nanoseconds = Nanoseconds(0)
    """W: after so long without a pat the kernel resets the host, as it really counts; 0 = none is wanted."""
    is_required: bool = False
    """Whether a group that cannot have it armed does not serve."""


class Automatism(Enum):
    """Whether something happens by itself or on an operator's word."""

    AUTO = "auto"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """One service on top of the group's volumes: argument vectors, never a shell."""

    name: str
    start: tuple[str, ...]
    stop: tuple[str, ...]
    check: tuple[str, ...] = ()
    start_deadline: Nanoseconds = seconds(60)
    stop_deadline: Nanoseconds = seconds(30)
    check_deadline: Nanoseconds = seconds(5)
    check_interval: Nanoseconds = seconds(10)
    check_failures: int = 3
    """So many failed checks in a row make the group resign, and only if the peer is a candidate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerSettings:
    """The spans of design arithmetic, in nanoseconds; letters as in docs/timers.md."""

    heartbeat: Nanoseconds = milliseconds(250)
    """h: how often each node reports to the other on every network."""
    misses: int = 4
    """m: so many silent heartbeats make a channel silent."""
    canary_period: Nanoseconds = milliseconds(400)
    canary_deadline: Nanoseconds = milliseconds(600)
    """c = canary_period + canary_deadline."""
    canary_patience: Nanoseconds = seconds(2)
    """How long a late canary is borne while the peer's heartbeats on the replication link are in time."""
    lateness: Nanoseconds = milliseconds(250)
    """s: own lateness that is tolerated."""
    observe_period: Nanoseconds = seconds(1)
    demote_deadline: Nanoseconds = seconds(30)
    """After so long a demotion that is not seen to be complete resets the host."""
    forced_demotion: Nanoseconds = seconds(3)
    """F: an isolated primary is demoted by force within this span, or resets its host."""
    host_reset: Nanoseconds = milliseconds(500)
    """Z: from the decision to reset the host to its last write."""
    kill: Nanoseconds = milliseconds(500)
    """K: ending every process that uses the volumes, and resetting the host."""
    takeover_margin: Nanoseconds = milliseconds(500)
    """Extra silence before a takeover without a strict arbiter."""
    probe_period: Nanoseconds = milliseconds(500)
    """How often the ping targets, and a silent peer's host, are probed."""
    hold_down: Nanoseconds = seconds(10)
    """After a failed promotion; doubles with each failure, and the non-preferred node waits half as long again."""
    hold_down_limit: Nanoseconds = seconds(600)
    promotion_failures: int = 5
    """After so many failed promotions in a row the operator is asked."""
    release_hold: Nanoseconds = seconds(20)
    """How long the successor named in a handover has the right to the group before others may take it."""
    failovers: int = 3
    """So many automatic failovers to this node within ``failover_window``, then a human."""
    failover_window: Nanoseconds = seconds(3600)
    restart_hold: Nanoseconds = seconds(30)
    """So long the peer waits for an agent that said that it is being restarted."""
    local_patience: Nanoseconds = seconds(10)
    """After so long without a completed write to its own image a primary gives its own copy up."""
    unprotected_reminder: Nanoseconds = seconds(3600)
    """How often the alert 'unprotected' is repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailbackSettings:
    """When the group moves back to the preferred node by itself."""

    mode: Automatism = Automatism.MANUAL
    hold: Nanoseconds = seconds(60)
    window: tuple[int, int] | None = None
    """Minutes after local midnight, start and end (the end may lie on the next day)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildSettings:
    """How often, and how soon again, a rebuild of the peer's copy is tried."""

    attempts: int = 10
    """After so many failed rebuilds in a row an operator is asked."""
    backoff: Nanoseconds = seconds(2)
    """After a failed rebuild; doubles with each failure."""
    backoff_limit: Nanoseconds = seconds(300)
    sync_requests: int | None = None
    """What kern.geom.mirror.sync_requests has to be; None = whatever it is. Only ``check`` looks at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSettings:
    """One group on this node: what fails over as one."""

    name: str
    node: str
    peer: str
    interface: str
    """The LAN interface that carries the advertisements and the virtual addresses."""
    routers: tuple[RouterSettings, ...]
    """One virtual router per address family, all of one VRID."""
    announce: AnnounceSettings
    addresses: tuple[IPv4Interface | IPv6Interface, ...]
    volumes: tuple[VolumeSettings, ...] = ()
    services: tuple[ServiceSettings, ...] = ()
    timers: TimerSettings = field(default_factory=TimerSettings)
    arbiter: ArbiterKind = ArbiterKind.NONE
    lease: LeaseSettings = field(default_factory=LeaseSettings)
    """Only of meaning with ``etcd``."""
    fence: FenceSettings = field(default_factory=FenceSettings)
    """Only of meaning with ``fence``."""
    watchdog: WatchdogSettings = field(default_factory=WatchdogSettings)
    """Only of meaning with ``etcd``."""
    failback: FailbackSettings = field(default_factory=FailbackSettings)
    rejoin: Automatism = Automatism.AUTO
    rebuild: RebuildSettings = field(default_factory=RebuildSettings)
    is_preferred: bool = True
    """Whether this node has the higher configured priority of the two."""
    own_replication_address: str = ""
    peer_replication_address: str = ""
    export_directory: str = "/var/run/hafailover/exports"
    address_first: bool = False
    digest: str = ""
    """SHA-256 over the configuration both nodes must share, as hexadecimal."""

    @property
    def silence(self) -> int:
        """So long without a sign of life makes a channel silent, in nanoseconds."""
        return self.timers.heartbeat * self.timers.misses

    @property
    def takeover_silence(self) -> int:
        """So long must the peer be silent on every channel before its group is taken over without a strict arbiter.

        With ping targets an isolated primary is given the time to stop by itself.
        """
        timers = self.timers
        stopping = (
            timers.forced_demotion + timers.host_reset if self.arbiter is ArbiterKind.PING else 0
        )
        return self.silence + timers.lateness + stopping + timers.takeover_margin

    @property
    def accepts(self) -> bool:
        """Whether a Master accepts what is sent to the virtual addresses; if not, they are on no interface."""
        return all(router.accepts for router in self.routers)

    @property
    def has_storage(self) -> bool:
        """Whether the group moves data, or is a plain virtual router."""
        return bool(self.volumes)
