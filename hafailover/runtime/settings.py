"""What is this node, as the configuration describes it: everything outside the groups."""

from dataclasses import dataclass, field
from pathlib import Path

from hafailover.group.actions import Severity
from hafailover.group.settings import GroupSettings
from hafailover.units import Nanoseconds, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """One network that both nodes are on, as this node sees it."""

    name: str
    """``lan`` or ``replication``."""
    own_address: str
    peer_address: str
    interface: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerChannelSettings:
    """The authenticated TCP channel between the two agents."""

    port: int = 3081
    key_file: Path = Path("/usr/local/etc/hafailover.key")
    """Pre-shared key, at least 32 bytes, mode 0600 or 0400, owner root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSettings:
    """Where the agent keeps its own things."""

    state: Path = Path("/var/db/hafailover")
    """Lineage records, pause, journal: must survive a reboot and must not lie on a volume of a group."""
    run: Path = Path("/var/run/hafailover")
    """Control socket, export sessions: may vanish at a reboot."""

    @property
    def control_socket(self) -> Path:
        """The UNIX socket of the command line, mode 0600."""
        return self.run / "control.sock"

    @property
    def journal(self) -> Path:
        """The flight recorder."""
        return self.state / "journal.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertHookSettings:
    """A command that is told of alerts."""

    command: tuple[str, ...]
    severity: Severity = Severity.WARNING
    """The least that it wants to hear of."""
    deadline: Nanoseconds = seconds(10)
    """So long one delivery may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """A web address that alerts are posted to."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    severity: Severity = Severity.WARNING
    deadline: Nanoseconds = seconds(10)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """Mail through the local sendmail(8)."""

    to: tuple[str, ...]
    sender: str = "root"
    sendmail: str = "/usr/sbin/sendmail"
    severity: Severity = Severity.WARNING
    deadline: Nanoseconds = seconds(10)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadManSettings:
    """A web address that is called while all is well."""

    url: str
    interval: Nanoseconds = seconds(300)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """Who is told when something is wrong."""

    hooks: tuple[AlertHookSettings, ...] = ()
    webhooks: tuple[WebhookSettings, ...] = ()
    mail: MailSettings | None = None
    apprise: tuple[str, ...] = ()
    dead_man: DeadManSettings | None = None
    repeat: Nanoseconds = seconds(3600)
    """So often an alert is repeated while its cause lasts."""
    queue: int = 10_000
    """So many undelivered alerts are kept."""

    @property
    def has_destinations(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self.hooks or self.webhooks or self.mail or self.apprise or self.dead_man)


@dataclass(frozen=True, slots=True, kw_only=True)
class EtcdSettings:
    """How an etcd cluster is reached, over its JSON gateway."""

    endpoints: tuple[str, ...]
    """The members' client URLs."""
    prefix: str = "/hafailover"
    deadline: Nanoseconds = seconds(1)
    """Every request is answered within it, over whichever endpoints."""
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    user: str = ""
    password_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceAgentSettings:
    """The command that powers a node off."""

    command: tuple[str, ...]
    options: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = field(default=(), repr=False)
    """By node: the options that the agent reads from its standard input, in the order of the file. Secrets are among
    them: they are shown and logged nowhere."""
    deadline: Nanoseconds = seconds(20)
    """Powering off and proving it, together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillSettings:
    """What a drill is judged by, and how it asks whether the service answers."""

    outage: Nanoseconds = seconds(30)
    lost_writes: int = 0
    write_stall: Nanoseconds = seconds(5)
    probe: tuple[str, ...] = ()
    """A command that exits 0 while the service answers at the floating address; empty: only ICMP is tried."""
    third_host: tuple[str, ...] = ()
    """The arguments before it that run it on another host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """Where metrics, health and the status page are served, read-only."""

    address: str = "127.0.0.1"
    port: int = 0
    """0: nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """This node, its peer, and its groups."""

    node: str
    peer: str
    """Empty for a plain VRRP router that shares nothing."""
    networks: tuple[NetworkSettings, ...] = ()
    channel: PeerChannelSettings = field(default_factory=PeerChannelSettings)
    paths: PathSettings = field(default_factory=PathSettings)
    groups: tuple[GroupSettings, ...] = ()
    ping_targets: tuple[str, ...] = ()
    etcd: EtcdSettings | None = None
    fence: FenceAgentSettings | None = None
    watchdog_timeout: Nanoseconds = Nanoseconds(0)
    """What watchdog(4) is asked for; 0 = it is left alone."""
    alerts: AlertSettings = field(default_factory=AlertSettings)
    drill: DrillSettings = field(default_factory=DrillSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    journal_bytes_max: int = 64 * 1024 * 1024
    record_test_period: Nanoseconds = seconds(60)
    digest: str = ""
    """SHA-256 over what both nodes must have in common, as hexadecimal."""
