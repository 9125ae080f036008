"""Does a received advertisement count for this virtual router?

The order of the checks is that of RFC 9568 section 7.1 (errata 8298 to 8301 included) and of
RFC 3768 section 7.1. A message that does not count changes nothing: no timer is touched.
"""

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv6Address

from hafailover.vrrp.advertisement import Advertisement, Defect, Malformed
from hafailover.vrrp.settings import (
    PRIORITY_OWNER,
    PRIORITY_RESIGN,
    Address,
    Family,
    RouterSettings,
    Version,
)


class IgnoredReason(Enum):
    """Why an advertisement does not count, as a sentence for people. Each is counted by itself."""

    TTL = Defect.TTL.value
    TOO_SHORT = Defect.TOO_SHORT.value
    VERSION = "the version is not the configured one"
    TYPE = Defect.TYPE.value
    CARP = Defect.CARP.value
    LENGTH = Defect.LENGTH.value
    CHECKSUM = Defect.CHECKSUM.value
    OTHER_VRID = "the message belongs to another virtual router"
    OWN_PACKET = "the message is our own, sent back by the network"
    UNEXPECTED_SOURCE = "the sender is not among the configured peers"
    DESTINATION = "the message was sent to an address on which this router does not listen"
    NO_ADDRESSES = "the message names no address"
    AUTH_TYPE = "the authentication type is not the configured one"
    PASSWORD = "the password is not ours"  # noqa: S105
    INTERVAL = "the interval is not the configured one"
    ZERO_INTERVAL = "the interval is zero"
    IPV6_LIST = "the first address is not link-local"
    ADDRESS_LIST = "the addresses are not the configured ones"


class Note(Enum):
    """What is odd about an advertisement that counts all the same."""

    INTERVAL_DIFFERS = "the sender's interval is not ours"
    ADDRESSES_DIFFER = "the sender's addresses are not ours"
    WE_ARE_OWNER = "another router advertises addresses of which we are the owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The advertisement counts."""

    advertisement: Advertisement
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """The message does not count; that it came from ``source`` can still be a sign of life."""

    reason: IgnoredReason
    source: Address

    @property
    def sentence(self) -> str:
        """Say for people what was ignored, and why."""
        return f"ignored a VRRP message from {self.source}: {self.reason.value}"


def accept(settings: RouterSettings, received: Advertisement | Malformed) -> Accepted | Ignored:
    """Decide whether what was received counts for the virtual router of ``settings``."""
    if isinstance(received, Malformed):
        return Ignored(reason=_reason_of(settings, received), source=received.source)
    reason = (
        _wrong_addressing(settings, received)
        or _wrong_content(settings, received)
        or _wrong_address_list(settings, received)
    )
    if reason is not None:
        return Ignored(reason=reason, source=received.source)
    return Accepted(advertisement=received, notes=_notes(settings, received))


def _reason_of(settings: RouterSettings, malformed: Malformed) -> IgnoredReason:
    """Name the first check that fails: our version is asked for right after the TTL."""
    checked_before_version = (Defect.TTL, Defect.TOO_SHORT)
    if malformed.defect in checked_before_version or malformed.version == settings.version:
        return IgnoredReason[malformed.defect.name]
    return IgnoredReason.VERSION


def _wrong_addressing(settings: RouterSettings, received: Advertisement) -> IgnoredReason | None:
    if received.version is not settings.version:
        return IgnoredReason.VERSION
    if received.vrid != settings.vrid:
        return IgnoredReason.OTHER_VRID
    if received.source == settings.primary_address:
        return IgnoredReason.OWN_PACKET
    if settings.expected_peers and received.source not in settings.expected_peers:
        return IgnoredReason.UNEXPECTED_SOURCE
    unicast = bool(settings.unicast_peers)
    ours = settings.primary_address if unicast else settings.multicast_group
    return None if received.destination == ours else IgnoredReason.DESTINATION


def _wrong_content(settings: RouterSettings, received: Advertisement) -> IgnoredReason | None:
    if not received.addresses:
        return IgnoredReason.NO_ADDRESSES
    if settings.version is Version.V3:
        return IgnoredReason.ZERO_INTERVAL if received.interval_ns == 0 else None
    if received.auth_type != (0 if settings.password is None else 1):
        return IgnoredReason.AUTH_TYPE
    # With type 0 the field has no meaning and senders leave junk in it (RFC 3768 section 5.3.10).
    if settings.password is not None and received.authentication != settings.authentication:
        return IgnoredReason.PASSWORD
    return None if received.interval_ns == settings.interval_ns else IgnoredReason.INTERVAL


def _wrong_address_list(settings: RouterSettings, received: Advertisement) -> IgnoredReason | None:
    if settings.family is Family.IPV6 and settings.strict_ipv6_list:
        first = received.addresses[0]
        if not (isinstance(first, IPv6Address) and first.is_link_local):
            return IgnoredReason.IPV6_LIST
    # A version 2 router listens to the owner whatever it lists (RFC 3768 section 7.1).
    binding = settings.version is Version.V2 and received.priority != PRIORITY_OWNER
    return IgnoredReason.ADDRESS_LIST if binding and _addresses_differ(settings, received) else None


def _addresses_differ(settings: RouterSettings, received: Advertisement) -> bool:
    # The order has no meaning, and a repeated address adds none.
    return set(received.addresses) != set(settings.addresses)


def _notes(settings: RouterSettings, received: Advertisement) -> tuple[Note, ...]:
    found = {
        Note.INTERVAL_DIFFERS: received.interval_ns != settings.interval_ns,
        Note.ADDRESSES_DIFFER: _addresses_differ(settings, received),
        Note.WE_ARE_OWNER: settings.is_owner and received.priority != PRIORITY_RESIGN,
    }
    return tuple(note for note, holds in found.items() if holds)
