"""What can happen to one virtual router?"""

from dataclasses import dataclass
from typing import TypeAlias

from hafailover.vrrp.advertisement import Advertisement


@dataclass(frozen=True, slots=True, kw_only=True)
class Startup:
    """The interface is up and the router shall take part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown:
    """The router shall stop; a Master resigns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineReached:
    """The instant that ``deadline`` named has come. Too early is harmless: nothing happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvertisementAccepted:
    """An advertisement arrived and passed every check of ``acceptance``."""

    advertisement: Advertisement


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidacyChanged:
    """A gated router may, or may no longer, become Master. It never ends Mastership."""

    candidate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityChanged:
    """Tracking moved the priority; it is used from the next advertisement on."""

    priority: int

    def __post_init__(self) -> None:
        assert 1 <= self.priority <= 255, self.priority  # noqa: S101


@dataclass(frozen=True, slots=True, kw_only=True)
class Demote:
    """A Master shall resign, and listen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
    """The Master handed over to this candidate by another way (own rule): no timer is waited for."""


Event: TypeAlias = (
    Startup
    | Shutdown
    | DeadlineReached
    | AdvertisementAccepted
    | CandidacyChanged
    | PriorityChanged
    | Demote
    | TakeOver
)
