"""What does one virtual router remember between two events?"""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from hafailover.units import Instant
from hafailover.vrrp.advertisement import Advertisement


class MasterReason(Enum):
    """Why a router became Master; the value is the sentence for people."""

    OWNER = "it owns the addresses"
    MASTER_SILENT = "the Master fell silent"
    MASTER_RESIGNED = "the Master resigned"
    PREEMPTION = "the Master has a lower priority"
    HANDED_OVER = "the Master handed over to it"
    CANDIDACY = "it became a candidate while no Master was there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What goes along with a router through all its states."""

    priority: int
    """The priority in force; tracking may have moved it away from the configured one."""

    candidate: bool = True
    """Whether a gated router may become Master."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialize:
    """Not running (RFC 9568 section 6.4.1)."""

    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """Listening (RFC 9568 section 6.4.2)."""

    standing: Standing
    down_at: Instant | None
    """When the Master counts as gone (Master_Down_Timer); None once that has happened."""

    reason: MasterReason = MasterReason.MASTER_SILENT
    """Why we would be Master if ``down_at`` passed."""

    master: Advertisement | None = None
    """The last advertisement that counted."""

    master_down_since: Instant | None = None
    """When the Master was found gone by a gated router that is no candidate."""

    preempt_from: Instant | None = None
    """Until then a Master of lower priority is tolerated; None while there is none such."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Another router that advertises while we are Master."""

    advertisement: Advertisement
    defied: bool
    """Whether it wins the election, and only ``hold_master`` keeps us where we are."""

    ends_at: Instant
    """When it counts as ended, unless it is heard again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Master:
    """Advertising (RFC 9568 section 6.4.3, there called Active)."""

    standing: Standing
    advertise_at: Instant
    """When the next advertisement is due (Adver_Timer)."""

    claim: Claim | None = None


State: TypeAlias = Initialize | Backup | Master
