"""The schema of the arbiters: who may be primary when the nodes cannot talk."""

from typing import Final

from hafailover.config.kinds import Text
from hafailover.config.network_kinds import Address, Url
from hafailover.config.shape import Key, ListOf, Named, Options, Presence, Scalar, Section, Variant
from hafailover.config.words import (
    HOUR,
    LINE,
    MINUTE,
    NAME,
    boolean,
    choice,
    duration,
    integer,
    line,
    nested,
    path,
    program,
)
from hafailover.units import MILLISECOND, SECOND

_ETCD: Final = Section(
    keys=(
        nested(
            "endpoints",
            ListOf(item=Scalar(kind=Url()), low=1, high=9),
            "The members' client URLs.",
            Presence.REQUIRED,
            sample="[https://etcd1.example.net:2379]",
        ),
        Key(
            name="prefix",
            shape=Scalar(kind=Text(allowed="a path such as /hafailover", pattern=r"(/[\w.-]+)+")),
            text="Under which the keys of this cluster stand.",
            default="/hafailover",
        ),
        path(
            "ca_file",
            Presence.OPTIONAL,
            "Certificates that the members' are checked with.",
            sample="/usr/local/etc/etcd-ca.pem",
        ),
        path(
            "cert_file",
            Presence.OPTIONAL,
            "This node's own certificate.",
            sample="/usr/local/etc/etcd.pem",
        ),
        path(
            "key_file",
            Presence.OPTIONAL,
            "The private key of it.",
            sample="/usr/local/etc/etcd.key",
        ),
        line(
            "user",
            Presence.OPTIONAL,
            "User name.",
            sample="hafailover",
        ),
        path(
            "password_file",
            Presence.OPTIONAL,
            "File with the password, mode 0600.",
            sample="/usr/local/etc/etcd.password",
        ),
        duration("lease", "10s", "L: the primary's lease.", low=3 * SECOND, high=HOUR, step=SECOND),
        duration("renew", "2s", "r: how often it is renewed.", low=100 * MILLISECOND, high=MINUTE),
        duration("renew_deadline", "1s", "q_r: how long a renewal may take.", high=MINUTE),
        duration(
            "peer_lease",
            Presence.OPTIONAL,
            "P: for how long the secondary promises not to take over.",
            low=SECOND,
            high=HOUR,
            remark="the lease",
            sample="10s",
        ),
    )
)

_FENCE: Final = Section(
    keys=(
        program(
            "command",
            Presence.REQUIRED,
            "A fence agent; options on its standard input, as the ClusterLabs agents take them.",
            sample="[/usr/local/sbin/fence_ipmilan]",
        ),
        nested(
            "options",
            Named(
                name=NAME,
                section=Section(
                    keys=(
                        Key(
                            name="stdin",
                            shape=Options(word=NAME, kind=LINE),
                            text="Options that power this node off, as name and value.",
                            default=Presence.EMPTY,
                            is_secret=True,
                        ),
                    )
                ),
                is_per_node=True,
                high=2,
                samples=("server-a", "server-b"),
            ),
            "By node: what the agent needs to know to power that node off.",
        ),
        choice(
            "action",
            ("reboot", "off"),
            "reboot",
            "Whether the host is powered on again after off was proved.",
        ),
        duration("deadline", "20s", "The longest that fencing may take.", low=SECOND, high=HOUR),
        duration(
            "secondary_delay",
            "25s",
            "How much later the secondary shoots than the primary.",
            low=0,
            high=HOUR,
        ),
    )
)

_PING: Final = Section(
    keys=(
        nested(
            "targets",
            ListOf(item=Scalar(kind=Address()), low=1, high=16),
            "Addresses that a connected node must reach, such as the gateway.",
            Presence.REQUIRED,
            sample="[192.0.2.1]",
        ),
        integer("required", "1", "So many of them must answer.", (1, 16)),
        duration("interval", "250ms", "Time between pings.", low=50 * MILLISECOND, high=MINUTE),
    )
)

_NONE: Final = Section(
    keys=(
        boolean(
            "i_accept_split_brain",
            "false",
            "Must be true: without an arbiter a cut cable makes both nodes primary.",
        ),
    )
)

ARBITER: Final = Variant(
    tag="kind",
    text="Which arbiter decides: etcd, fence, ping or none.",
    sections=(("etcd", _ETCD), ("fence", _FENCE), ("ping", _PING), ("none", _NONE)),
)
