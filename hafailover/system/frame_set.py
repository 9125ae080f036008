"""Which bytes does a router send, and what is asked of scapy? Values only, cheap to import."""

from dataclasses import dataclass
from typing import TypeAlias

from hafailover.vrrp.advertisement import Advertisement
from hafailover.vrrp.settings import PRIORITY_RESIGN, Address, Family, RouterSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameOrder:
    """What frames shall be built of."""

    settings: RouterSettings
    mac: str
    """Who announces the addresses: the interface's own MAC, or ``virtual_mac``."""

    priorities: tuple[int, ...]
    """An advertisement is built for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One advertisement as the raw socket takes it."""

    priority: int
    destination: Address
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSet:
    """Everything that one router can have to send."""

    advertisements: tuple[Outgoing, ...]
    announcements: tuple[bytes, ...]
    """One round: an Ethernet frame for each virtual address."""

    def with_priority(self, priority: int) -> tuple[Outgoing, ...]:
        """Return what to send, one for each destination; nothing for a priority not ordered."""
        return tuple(frame for frame in self.advertisements if frame.priority == priority)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A message that scapy shall read, too."""

    payload: bytes
    source: Address
    destination: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What scapy could not do."""

    reason: str


Request: TypeAlias = FrameOrder | Reading
Answer: TypeAlias = FrameSet | Advertisement | Refusal


def frame_order(settings: RouterSettings, mac: str, *priorities: int) -> FrameOrder:
    """Order the frames of a router: its own priority, its resignation, and ``priorities``."""
    wanted = {settings.priority, PRIORITY_RESIGN, *priorities}
    return FrameOrder(settings=settings, mac=mac, priorities=tuple(sorted(wanted)))


def virtual_mac(vrid: int, family: Family) -> str:
    """Return the MAC address of a virtual router (RFC 9568 section 7.3)."""
    block = 1 if family is Family.IPV4 else 2
    return f"00:00:5e:00:{block:02x}:{vrid:02x}"
