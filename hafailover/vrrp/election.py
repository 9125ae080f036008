"""Who wins between two routers, and who may take part at all?"""

from hafailover.vrrp.actions import BackupReason
from hafailover.vrrp.advertisement import Advertisement
from hafailover.vrrp.settings import PRIORITY_OWNER, RouterSettings, Version
from hafailover.vrrp.states import Standing


def defeat(
    standing: Standing, heard: Advertisement, settings: RouterSettings
) -> BackupReason | None:
    """Say why the sender wins against us as Master, None if it does not.

    Addresses compare as unsigned numbers in network byte order (RFC 9568 section 6.4.3).
    """
    if heard.priority > standing.priority:
        return BackupReason.HIGHER_PRIORITY
    higher_address = int(heard.source) > int(settings.primary_address)
    tie = heard.priority == standing.priority
    return BackupReason.HIGHER_ADDRESS if tie and higher_address else None


def may_be_master(standing: Standing, settings: RouterSettings) -> bool:
    """Return whether the gate is open."""
    return standing.candidate or not settings.gated


def may_preempt(standing: Standing, settings: RouterSettings) -> bool:
    """Return whether a Master of lower priority is displaced; the owner always does so."""
    wants = settings.preempt or standing.priority == PRIORITY_OWNER
    return wants and may_be_master(standing, settings)


def master_interval(heard: Advertisement, settings: RouterSettings) -> int:
    """Return the nanoseconds that time a Master: version 3 learns them from what was heard."""
    return heard.interval_ns if settings.version is Version.V3 else settings.interval_ns
