"""The schema of one group: virtual router, addresses, volumes, services."""

from typing import Final

from hafailover.config.kinds import AbsolutePath, Integer, MountOption, Size, Text, Window
from hafailover.config.network_kinds import Address, InterfaceAddress
from hafailover.config.shape import Key, ListOf, Named, PerNode, Presence, Scalar, Section
from hafailover.config.words import (
    DAY,
    HOUR,
    MINUTE,
    NAME,
    WORD,
    boolean,
    choice,
    duration,
    integer,
    line,
    nested,
    path,
    program,
    section,
    size,
)
from hafailover.units import MILLISECOND, SECOND

_UNIT: Final = Scalar(kind=Integer(low=0, high=999))
_GATE_UNIT: Final = Scalar(kind=Integer(low=0, high=255))
"""The kernel has so many, kern.geom.gate.maxunits (g_gate.c); a greater one is refused without a word."""
_MIRROR: Final = Text(
    allowed="a mirror name of at most 15 letters, digits and ._-",
    pattern=r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}",
)

_VRRP: Final = (
    Key(
        name="version",
        shape=Scalar(kind=Integer(low=2, high=3)),
        text="The protocol: 3 (RFC 9568), or 2 (RFC 3768) for old peers.",
        default="3",
    ),
    duration(
        "interval",
        "1s",
        "Time between advertisements. Version 2 counts whole seconds, version 3 hundredths.",
        low=10 * MILLISECOND,
        high=255 * SECOND,
    ),
    line(
        "password",
        Presence.OPTIONAL,
        "Simple text password of RFC 2338, version 2 only, eight characters; it hides nothing.",
        sample="eightchr",
        is_secret=True,
    ),
    choice(
        "mode",
        ("multicast", "unicast"),
        "multicast",
        "Whether advertisements go to the group of the protocol or to each peer's own address.",
    ),
    nested(
        "peers",
        ListOf(item=Scalar(kind=Address())),
        "Further routers of this VRID; with volumes the peer is the other node and nobody else.",
    ),
    boolean(
        "preempt",
        "true",
        "Whether a Master of lower priority is displaced; a group with volumes never does that, "
        "see failback.",
    ),
    duration(
        "preempt_delay", "0s", "How long a Master of lower priority is tolerated.", low=0, high=HOUR
    ),
    boolean(
        "accept",
        "true",
        "Whether a Master accepts packets to the virtual addresses. false: they are on no interface, ARP and "
        "neighbour solicitations for them are answered, and packets are forwarded as the host forwards. "
        "Must be true with volumes; has no effect where the priority is 255.",
    ),
    choice(
        "checksum",
        ("with-pseudo-header", "without-pseudo-header"),
        "with-pseudo-header",
        "Form of the version 3 checksum that is sent over IPv4; both are accepted.",
    ),
)

_ANNOUNCE: Final = (
    integer("count", "3", "Rounds of gratuitous ARP and unsolicited NA in a burst.", (1, 100)),
    duration("interval", "50ms", "Time between the rounds of a burst.", low=0, high=MINUTE),
    duration("repeat_delay", "5s", "A second burst follows after this; 0s is never.", low=0),
    duration("refresh", "60s", "Single rounds while Mastership lasts; 0s is never.", low=0),
)

_DEADLINES: Final = (
    duration("observe", "2s", "Reading kern.geom.confxml and the mount table."),
    duration("attach", "10s", "mdconfig, attach and detach."),
    duration("label", "10s", "gmirror label, insert, forget and destroy."),
    duration("gate", "8s", "ggatec create."),
    duration("destroy", "2s", "ggatec destroy."),
    duration("mount", "30s", "mount."),
    duration("unmount", "10s", "umount, before it is forced."),
    duration("preen", "10m", "fsck_ffs -p."),
    duration("full_check", "1d", "fsck_ffs -f -y.", high=7 * DAY),
)

VOLUME: Final = Section(
    keys=(
        Key(
            name="image",
            shape=PerNode(kind=AbsolutePath()),
            text="The image file, one path for both nodes or one for each.",
            sample="/var/hafailover/data.img",
        ),
        size(
            "size",
            Presence.REQUIRED,
            "Size of the image on both nodes, fully allocated; K, M, G and T count in 1024.",
            kind=Size(low=1 << 20, high=16 << 40, step=512),
            sample="500M",
        ),
        Key(
            name="mirror",
            shape=Scalar(kind=_MIRROR),
            text="Name of the gmirror(8) device; the file system is on /dev/mirror/NAME.",
            default=Presence.OPTIONAL,
            remark="the volume's name",
            sample="data",
        ),
        path(
            "mount_point",
            Presence.REQUIRED,
            "Where it is mounted; no part of the path may be a symbolic link.",
            sample="/home/data",
        ),
        nested(
            "mount_options",
            ListOf(item=Scalar(kind=MountOption()), high=16),
            "Options of mount(8) beside rw.",
        ),
        integer("port", "3080", "TCP port of this volume's ggated(8).", (1, 65535)),
        nested(
            "md_units",
            ListOf(item=_UNIT, low=2, high=2),
            "Two md(4) units, used in turn and by nothing else; 10 and 11 if left out.",
            sample="[10, 11]",
        ),
        nested(
            "ggate_units",
            ListOf(item=_GATE_UNIT, low=2, high=2),
            "Two ggate units, used in turn and by nothing else; 10 and 11 if left out.",
            sample="[10, 11]",
        ),
        duration(
            "gate_timeout",
            Presence.OPTIONAL,
            "ggatec -t: the kernel looks this often for requests older than four seconds.",
            low=SECOND,
            high=HOUR,
            step=SECOND,
            remark="30s; 10m with the arbiter fence",
            sample="30s",
        ),
        integer("queue_size", "1024", "ggatec -q: requests that may wait.", (16, 4096)),
        choice(
            "fsck",
            ("automatic", "operator"),
            "automatic",
            "After fsck_ffs -p gave up: a full check, or an alert and a wait for the operator.",
        ),
        boolean("journaled", "true", "Whether SU+J is expected; only hafailover check looks."),
        section("deadlines", _DEADLINES, "After how long a storage command counts as hung."),
    )
)

SERVICE: Final = Section(
    keys=(
        Key(name="name", shape=Scalar(kind=NAME), text="Its name.", sample="apache"),
        program(
            "start",
            Presence.REQUIRED,
            "The command that starts it; arguments, never a shell.",
            sample="[/usr/sbin/service, apache24, onestart]",
        ),
        program(
            "stop",
            Presence.REQUIRED,
            "The command that stops it; without volumes also run when the agent starts.",
            sample="[/usr/sbin/service, apache24, onestop]",
        ),
        program(
            "check",
            Presence.EMPTY,
            "A command that exits 0 while the service is well.",
            sample="[/usr/sbin/service, apache24, onestatus]",
        ),
        duration("start_deadline", "60s", "How long starting may take.", high=HOUR),
        duration("stop_deadline", "30s", "How long stopping may take.", high=HOUR),
        duration("check_deadline", "5s", "How long one check may take.", high=HOUR),
        duration("check_interval", "10s", "Time between checks.", low=100 * MILLISECOND),
        integer("check_failures", "3", "So many failed checks in a row make it resign.", (1, 1000)),
    )
)

_FAILBACK: Final = (
    choice("mode", ("manual", "auto"), "manual", "Whether the group moves back by itself."),
    duration("hold", "60s", "How long both copies must have been in sync before.", low=0),
    Key(
        name="window",
        shape=Scalar(kind=Window()),
        text="Only in this part of the day, local time.",
        default=Presence.OPTIONAL,
        sample='"02:00-05:00"',
    ),
)

_REBUILD: Final = (
    integer(
        "sync_requests",
        Presence.OPTIONAL,
        "So many blocks of a rebuild are under way at a time, as the loader was told; check compares. It is the "
        "only brake that gmirror has: there is no limit in bytes per second.",
        (1, 64),
        sample="1",
    ),
    integer(
        "attempts", "10", "After so many failed rebuilds in a row the operator is asked.", (1, 1000)
    ),
    duration("backoff", "2s", "Pause after a failed rebuild; doubles each time.", high=HOUR),
    duration("backoff_limit", "5m", "The longest such pause.", high=DAY),
)

GROUP: Final = Section(
    keys=(
        integer("vrid", Presence.REQUIRED, "Virtual router identifier.", (1, 255), sample="1"),
        Key(
            name="priority",
            shape=PerNode(kind=Integer(low=1, high=255)),
            text="The node of higher priority is preferred; 255 is for the owner of the addresses.",
            sample="{server-a: 200, server-b: 100}",
        ),
        section("vrrp", _VRRP, "How the virtual router talks."),
        nested(
            "addresses",
            ListOf(item=Scalar(kind=InterfaceAddress()), low=1, high=128),
            "The virtual addresses.",
            Presence.REQUIRED,
            sample="[192.0.2.10/32]",
        ),
        section("announce", _ANNOUNCE, "How hosts and switches learn where the addresses are."),
        boolean(
            "address_first",
            "false",
            "Whether the addresses come up before the data: clients may reach a host without it.",
        ),
        nested(
            "volumes",
            Named(name=WORD, section=VOLUME, high=64, samples=("data",)),
            "File systems by name; without any the group is a plain virtual router.",
        ),
        nested(
            "services",
            ListOf(item=SERVICE, high=64),
            "Services, started in this order and stopped in the reverse.",
        ),
        section("failback", _FAILBACK, "When the group moves back to the preferred node."),
        choice(
            "rejoin",
            ("auto", "manual"),
            "auto",
            "Whether a copy that fell behind is rebuilt without asking.",
        ),
        section("rebuild", _REBUILD, "How the second copy is brought up to date."),
    )
)
