"""What can one virtual router ask for? Actions are performed in the order in which they stand."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from hafailover.units import Instant
from hafailover.vrrp.advertisement import Advertisement
from hafailover.vrrp.states import MasterReason


class BackupReason(Enum):
    """Why a router is Backup; the value is the sentence for people."""

    STARTUP = "it has just started"
    HIGHER_PRIORITY = "another router advertises a higher priority"
    HIGHER_ADDRESS = "another router advertises the same priority from a higher address"
    DEMOTED = "it was told to resign"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAdvertisement:
    """Send one advertisement; priority 0 says that we resign."""

    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BecameMaster:
    """The election is won: the addresses shall come up here and be announced."""

    reason: MasterReason


@dataclass(frozen=True, slots=True, kw_only=True)
class BecameBackup:
    """The addresses shall not be up here."""

    reason: BackupReason


@dataclass(frozen=True, slots=True, kw_only=True)
class BecameInitialize:
    """The router has stopped: the addresses shall not be up here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterDown:
    """No Master is there, and this gated router is no candidate: somebody has to decide."""

    since: Instant
    reason: MasterReason


@dataclass(frozen=True, slots=True, kw_only=True)
class CompetingMaster:
    """Another router that wins the election began to advertise, and we hold on. Said once a claim.

    Until it has ended (``Reannounce``) there are two Masters.
    """

    advertisement: Advertisement


@dataclass(frozen=True, slots=True, kw_only=True)
class Reannounce:
    """Announce the addresses again: another Master, now beaten or gone, may have drawn the clients."""


Action: TypeAlias = (
    SendAdvertisement
    | BecameMaster
    | BecameBackup
    | BecameInitialize
    | MasterDown
    | CompetingMaster
    | Reannounce
)
