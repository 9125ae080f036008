"""The schema of the whole configuration file."""

from typing import Final

from hafailover.config.kinds import Integer, Size, Text
from hafailover.config.network_kinds import Address
from hafailover.config.profiles import MISSES, PROFILES
from hafailover.config.schema_arbiter import ARBITER
from hafailover.config.schema_group import GROUP
from hafailover.config.schema_operation import ALERTS, DRILL, METRICS
from hafailover.config.shape import Key, Named, Presence, Scalar, Section
from hafailover.config.spans import render_duration
from hafailover.config.words import (
    DAY,
    HOUR,
    MINUTE,
    NAME,
    WORD,
    address,
    choice,
    duration,
    host,
    integer,
    nested,
    path,
    section,
    size,
)
from hafailover.units import MILLISECOND, SECOND

_INTERFACE: Final = Text(
    allowed="the name of a network interface such as lnc1",
    pattern=r"[A-Za-z][A-Za-z0-9._-]{0,14}",
)


def _interface(name: str, text: str, sample: str) -> Key:
    return Key(
        name=name,
        shape=Scalar(kind=_INTERFACE),
        text=text,
        default=Presence.OPTIONAL,
        sample=sample,
    )


NODE: Final = Section(
    keys=(
        host(
            "hostname",
            Presence.OPTIONAL,
            "Its host name, by which a node finds itself here; the node's name if left out.",
            sample="server-{letter}.example.net",
        ),
        address("lan", Presence.REQUIRED, "Its own address on the LAN.", sample="192.0.2.1{n}"),
        address(
            "lan_ipv6",
            Presence.OPTIONAL,
            "Its link-local IPv6 address on the LAN; needed if a group has IPv6 addresses.",
            kind=Address(families=(6,), link_local=True),
            sample="fe80::1{n}",
        ),
        address(
            "replication",
            Presence.OPTIONAL,
            "Its own address on the replication link; needed if a group has volumes.",
            kind=Address(families=(4,)),
            sample="10.0.0.1{n}",
        ),
        section(
            "interfaces",
            (
                _interface("lan", "This node's interface on the LAN, if it differs.", "lnc1"),
                _interface(
                    "replication", "This node's interface on the link, if it differs.", "lnc0"
                ),
            ),
            "What differs from the section networks on this node.",
        ),
    )
)

_NETWORKS: Final = (
    section(
        "lan",
        (_interface("interface", "Carries advertisements and virtual addresses.", "lnc1"),),
        "The network that the clients come from.",
    ),
    section(
        "replication",
        (_interface("interface", "Carries the data; best a cable of its own.", "lnc0"),),
        "The network between the nodes.",
    ),
)

_CHANNEL: Final = (
    integer("port", "3081", "TCP port of the agents.", (1, 65535)),
    path(
        "key_file",
        "/usr/local/etc/hafailover.key",
        "The key that both nodes share: at least 32 bytes, mode 0600, owner root.",
    ),
)

_BY_PROFILE: Final = "by profile"


def _span(name: str, text: str, *, low: int = MILLISECOND, high: int = HOUR) -> Key:
    return duration(
        name,
        Presence.OPTIONAL,
        text,
        low=low,
        high=high,
        remark=_BY_PROFILE,
        sample=render_duration(PROFILES["lan"][name]),
    )


TIMERS: Final = (
    choice(
        "profile",
        ("lan", "vm", "wan"),
        "lan",
        "A set of spans that fit together: for hosts on one LAN, for virtual machines, or for "
        "a longer line between the nodes.",
    ),
    _span("heartbeat", "h: how often each node reports to the other.", low=20 * MILLISECOND),
    Key(
        name="misses",
        shape=Scalar(kind=Integer(low=2, high=100)),
        text="m: so many missing heartbeats make a channel silent.",
        default=Presence.OPTIONAL,
        remark=_BY_PROFILE,
        sample=str(MISSES),
    ),
    _span("canary_period", "How often a small write is tried on every volume."),
    _span("canary_deadline", "How long it may take; period and deadline together are c."),
    duration(
        "canary_patience",
        Presence.OPTIONAL,
        "How old the last good canary may be while heartbeats on the replication link are in time.",
        high=MINUTE,
        remark="by profile; with etcd period and deadline together",
        sample="2s",
    ),
    _span("lateness", "s: own lateness that is tolerated."),
    _span("decision", "q: how long the arbiter's answer may take, read back."),
    _span("records", "R: how long it may take to make all records durable."),
    _span("destroy", "X: how long it may take to destroy the ggates of all volumes."),
    _span("kill", "K: how long it may take to kill the volume's users and to reset the host."),
    _span("forced_demotion", "F: how long a demotion by force may take."),
    _span("reset", "Z: how long the reset of the host may take."),
    _span("restart", "How long a planned restart of the agent may take."),
    duration("observe_period", "1s", "How often the storage is looked at.", high=MINUTE),
    duration(
        "demote_deadline",
        "30s",
        "After this, counted from the end of its services, a demotion that is not seen to be complete resets the host; "
        "so long a standby that is stopped waits for its peer.",
        low=SECOND,
        high=HOUR,
    ),
    duration(
        "takeover_margin",
        Presence.OPTIONAL,
        "Extra silence before a takeover without a strict arbiter.",
        low=0,
        high=HOUR,
        remark="500ms; with ping at least the arbiter's interval + lateness",
        sample="500ms",
    ),
    duration("unprotected_reminder", "1h", "How often 'unprotected' is repeated.", low=MINUTE),
)

_RECOVERY: Final = (
    duration("hold_down", "10s", "Pause after a failed promotion; doubles each time.", high=HOUR),
    duration("hold_down_limit", "10m", "The longest such pause.", high=DAY),
    integer("promotion_failures", "5", "After so many in a row the operator is asked.", (1, 1000)),
    duration(
        "release_hold",
        "20s",
        "How long the successor named in a handover has the right to the group.",
        high=HOUR,
    ),
    integer(
        "failovers",
        "3",
        "So many automatic failovers to one node per window, then a human; each makes the next wait longer.",
        (1, 1000),
    ),
    duration("failover_window", "1h", "That window.", low=MINUTE, high=7 * DAY),
    duration(
        "restart_hold",
        "30s",
        "How long the peer, without a strict arbiter, waits for an agent that leaves everything up.",
        high=HOUR,
    ),
    duration(
        "local_patience",
        "10s",
        "After so long without a write to its own disk a primary gives its own copy up.",
        low=5 * SECOND,
        high=HOUR,
    ),
)

_WATCHDOG: Final = (
    choice(
        "mode",
        ("auto", "required", "off"),
        "auto",
        "Whether watchdog(4) is armed before the first mount; required refuses to serve without.",
    ),
    duration(
        "timeout",
        "4s",
        "W: after this without the agent the host resets itself; the kernel rounds it up.",
        low=SECOND,
        high=HOUR,
    ),
)

_PATHS: Final = (
    path("state", "/var/db/hafailover", "Records, journal: durable, and on no volume."),
    path(
        "run",
        "/var/run/hafailover",
        "Control socket, exports, mark of an armed watchdog: emptied at a reboot, as /var/run is.",
    ),
    size(
        "journal_max",
        "64M",
        "The journal is rotated at this size.",
        kind=Size(low=1 << 20, high=1 << 40),
    ),
    duration("record_test_period", "60s", "How often a record is written as a test.", high=HOUR),
)

ROOT: Final = Section(
    keys=(
        integer("version", Presence.REQUIRED, "Version of this form of file.", (1, 1), sample="1"),
        Key(
            name="cluster",
            shape=Scalar(kind=NAME),
            text="A name for the pair, shown in status and alerts.",
            default="hafailover",
        ),
        nested(
            "nodes",
            Named(
                name=NAME,
                section=NODE,
                low=1,
                high=2,
                is_per_node=True,
                samples=("server-a", "server-b"),
            ),
            "The two hosts by name; the same file is used on both.",
            Presence.REQUIRED,
        ),
        section("networks", _NETWORKS, "The networks that the nodes are on."),
        section("channel", _CHANNEL, "The authenticated connection between the agents."),
        nested(
            "arbiter",
            ARBITER,
            "Who may be primary when the nodes cannot talk; needed if a group has volumes.",
            Presence.OPTIONAL,
        ),
        section("timers", TIMERS, "Spans of time; hafailover check proves that they fit together."),
        section("recovery", _RECOVERY, "What follows a failure of the failover itself."),
        section("watchdog", _WATCHDOG, "The host's own way out if the agent dies."),
        section("paths", _PATHS, "Where the agent keeps its own things."),
        section("alerts", ALERTS, "Who is told, and how."),
        section("metrics", METRICS, "Metrics, health and status over HTTP."),
        section("drill", DRILL, "Objectives that a drill is judged by."),
        nested(
            "groups",
            Named(name=WORD, section=GROUP, low=1, high=255, samples=("web",)),
            "What fails over as one, by name.",
            Presence.REQUIRED,
        ),
    )
)
"""The root of every configuration file."""
