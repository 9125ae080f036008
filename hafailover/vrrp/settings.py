"""What is configured for one virtual router of one address family?"""

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias

from hafailover.units import CENTISECOND, SECOND

Address: TypeAlias = IPv4Address | IPv6Address

PRIORITY_RESIGN: Final = 0
"""Sent by a Master that stops (RFC 9568 section 5.2.4)."""

PRIORITY_OWNER: Final = 255
"""The router whose own interface address is the virtual one (RFC 9568 section 5.2.4)."""

PASSWORD_SIZE: Final = 8
"""Bytes of the authentication field of version 2 (RFC 2338 section 5.3.10)."""

GROUP_IPV4: Final = IPv4Address("224.0.0.18")
GROUP_IPV6: Final = IPv6Address("ff02::12")

_CENTISECONDS_MAX: Final = 4095
_SECONDS_MAX: Final = 255
_ADDRESSES_MAX: Final = 255


class Family(IntEnum):
    """The address family of a virtual router; a dual stack group has two routers."""

    IPV4 = 4
    IPV6 = 6


class Version(IntEnum):
    """The protocol version: 2 is RFC 2338 and 3768, 3 is RFC 5798 and 9568."""

    V2 = 2
    V3 = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSettings:
    """One virtual router of one address family, checked when it is made.

    Raises:
        ValueError: a field is outside what the protocol can carry; the text starts with its name.
    """

    vrid: int
    """Virtual router identifier, 1..255."""

    family: Family
    version: Version
    priority: int
    """1..255; 255 is the address owner."""

    interval_ns: int
    """Between advertisements. Version 2: 1..255 whole seconds; version 3: 1..4095 centiseconds."""

    addresses: tuple[Address, ...]
    """The virtual addresses, in the order of the configuration."""

    primary_address: Address
    """Source of our advertisements, and what decides between equal priorities. IPv6: link-local."""

    preempt: bool = True
    """Whether a Master of lower priority is displaced. The address owner always displaces."""

    preempt_delay_ns: int = 0
    """For how long a Master of lower priority is tolerated before it is displaced (own rule)."""

    accept: bool = True
    """Whether a Master that is not the owner accepts traffic to the virtual addresses."""

    password: bytes | None = None
    """Simple text password of RFC 2338; only the first eight bytes go into the packet."""

    unicast_peers: tuple[Address, ...] = ()
    """Where advertisements go instead of to the multicast group; empty means multicast."""

    checksum_pseudo_header: bool = True
    """Version 3 over IPv4: whether the checksum sent covers a pseudo-header (RFC 5798: yes,
    RFC 9568: no; keepalived and FRR refuse the form without it). Both are accepted."""

    expected_peers: tuple[Address, ...] = ()
    """Source addresses whose advertisements count; empty means every source."""

    strict_ipv6_list: bool = False
    """Whether an IPv6 list must begin with a link-local address; that of FRR does not."""

    gated: bool = False
    """Whether only a candidate (``CandidacyChanged``) may become Master (own rule)."""

    hold_master: bool = False
    """Whether a Master ignores higher priorities and leaves only when told to (own rule)."""

    def __post_init__(self) -> None:
        _require(1 <= self.vrid <= 255, "vrid", "must be 1..255", self.vrid)
        _require(1 <= self.priority <= 255, "priority", "must be 1..255", self.priority)
        _require(self.preempt_delay_ns >= 0, "preempt_delay_ns", "must not be negative", "less")
        _check_version(self)
        _check_interval(self)
        _check_addresses(self)

    @property
    def is_owner(self) -> bool:
        """Whether the configured priority says that the addresses are this host's own."""
        return self.priority == PRIORITY_OWNER

    @property
    def accepts(self) -> bool:
        """Whether a Master accepts what is sent to the addresses: an owner always does (RFC 9568 6.1)."""
        return self.accept or self.is_owner

    @property
    def multicast_group(self) -> Address:
        """The group to which the routers of this family advertise (RFC 9568 section 5.1)."""
        return GROUP_IPV4 if self.family is Family.IPV4 else GROUP_IPV6

    @property
    def advertised_addresses(self) -> tuple[Address, ...]:
        """The virtual addresses as sent: link-local ones first (RFC 9568 section 5.2.9)."""
        return tuple(sorted(self.addresses, key=lambda address: not _link_local_ipv6(address)))

    @property
    def authentication(self) -> bytes:
        """The eight bytes of the authentication field, filled with zeros (RFC 2338 5.3.10)."""
        return (self.password or b"")[:PASSWORD_SIZE].ljust(PASSWORD_SIZE, b"\0")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnounceSettings:
    """How often a new Master tells hosts and switches where the addresses are now.

    A round is one gratuitous ARP request or unsolicited neighbour advertisement per address. One
    lost frame would leave a client with the old owner until its cache expires, hence the repeats.

    Raises:
        ValueError: a field makes no sense; the text starts with its name.
    """

    burst_count: int = 3
    """Rounds sent when Mastership begins; the first one at once."""

    burst_interval_ns: int = 50_000_000
    """Between the rounds of a burst."""

    repeat_delay_ns: int = 5 * SECOND
    """Before a second burst: the switch port may have been blocked at first; 0 means never."""

    refresh_interval_ns: int = 60 * SECOND
    """Between single rounds for as long as Mastership lasts; 0 means never."""

    def __post_init__(self) -> None:
        _require(1 <= self.burst_count <= 100, "burst_count", "must be 1..100", self.burst_count)
        for name in ("burst_interval_ns", "repeat_delay_ns", "refresh_interval_ns"):
            value = getattr(self, name)
            _require(value >= 0, name, "must not be negative", value)


def _require(holds: bool, field: str, rule: str, found: object) -> None:  # noqa: FBT001
    if not holds:
        raise ValueError(f"{field}: {rule}, found {found}")


def _link_local_ipv6(address: Address) -> bool:
    return isinstance(address, IPv6Address) and address.is_link_local


def _check_version(settings: RouterSettings) -> None:
    if settings.version is Version.V2:
        _require(settings.family is Family.IPV4, "version", "2 knows IPv4 only", "IPv6")
    _require(
        settings.password is None or settings.version is Version.V2,
        "password",
        "exists in version 2 only",
        "version 3",
    )


def _check_interval(settings: RouterSettings) -> None:
    if settings.version is Version.V2:
        unit, most, rule = SECOND, _SECONDS_MAX, "must be 1..255 whole seconds in version 2"
    else:
        unit, most, rule = CENTISECOND, _CENTISECONDS_MAX, "must be 1..4095 whole centiseconds"
    count, rest = divmod(settings.interval_ns, unit)
    found = f"{settings.interval_ns} ns"
    _require(rest == 0 and 1 <= count <= most, "interval_ns", rule, found)


def _check_addresses(settings: RouterSettings) -> None:
    for field in ("addresses", "unicast_peers", "expected_peers"):
        listed: tuple[Address, ...] = getattr(settings, field)
        for address in listed:
            _require(address.version == settings.family, field, "must be of the family", address)
        _require(len(set(listed)) == len(listed), field, "must differ from each other", "twice")
    count = len(settings.addresses)
    _require(1 <= count <= _ADDRESSES_MAX, "addresses", "must be 1..255 of them", count)
    primary = settings.primary_address
    _require(
        primary.version == settings.family, "primary_address", "must be of the family", primary
    )
    _require(
        primary not in settings.unicast_peers, "unicast_peers", "must not be ourselves", primary
    )
    if settings.family is Family.IPV6:
        _require(
            any(_link_local_ipv6(address) for address in settings.addresses),
            "addresses",
            "need a link-local one for the virtual router (RFC 9568 section 5.2.9)",
            "none",
        )
