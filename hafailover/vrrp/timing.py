"""How long may a Master be silent before it counts as gone?"""

from hafailover.units import SECOND, Nanoseconds
from hafailover.vrrp.settings import Version

_MISSED_ADVERTISEMENTS = 3


def skew(version: Version, priority: int, master_interval_ns: int) -> Nanoseconds:
    """Return Skew_Time: the higher the priority, the sooner a Backup takes over.

    Version 2: (256 - priority) / 256 seconds (RFC 3768 section 6.1). Version 3: that share of the
    Master's interval (RFC 9568 section 6.1). Computed in nanoseconds: whole seconds or centiseconds
    would make it zero, and all Backups would take over at once.
    """
    whole = SECOND if version is Version.V2 else master_interval_ns
    return Nanoseconds((256 - priority) * whole // 256)


def master_down(version: Version, priority: int, master_interval_ns: int) -> Nanoseconds:
    """Return Master_Down_Interval, called Active_Down_Interval in RFC 9568 section 6.1.

    Args:
        version: of the virtual router.
        priority: our own, 1..255.
        master_interval_ns: version 2: the configured interval; version 3: the one learnt from the
            last advertisement that counted.
    """
    silence = _MISSED_ADVERTISEMENTS * master_interval_ns
    return Nanoseconds(silence + skew(version, priority, master_interval_ns))
