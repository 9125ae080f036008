"""Has the frames of all groups built, while the rest of the agent is still being loaded."""

from collections.abc import Iterable, Mapping

from hafailover.group.routers import PRIORITY_PRIMARY
from hafailover.group.settings import GroupSettings
from hafailover.system import scapy_process
from hafailover.system.frame_set import FrameOrder, FrameSet, frame_order
from hafailover.system.hardware_addresses import hardware_addresses
from hafailover.system.scapy_start import ScapyStart

Frames = Mapping[tuple[str, int], FrameSet]
"""What each (group, family) sends."""


async def build_frames(groups: Iterable[GroupSettings], start: ScapyStart) -> Frames:
    """Return the frames of all groups, as a child builds them that has been started already.

    Raises:
        EdgeError: There is no such interface, or scapy could not be run.
    """
    groups = tuple(groups)
    macs = hardware_addresses(group.interface for group in groups)
    return await frames_of(groups, macs, start)


async def frames_of(
    groups: Iterable[GroupSettings], macs: Mapping[str, str], start: ScapyStart | None = None
) -> Frames:
    """Return the frames of some groups for the MAC addresses that their interfaces have.

    Raises:
        EdgeError: scapy could not be run.
    """
    orders = frame_orders(groups, macs)
    built = await scapy_process.build(list(orders.values()), start)
    return dict(zip(orders, built, strict=True))


def frame_orders(
    groups: Iterable[GroupSettings], macs: Mapping[str, str]
) -> dict[tuple[str, int], FrameOrder]:
    """Return what is to be built for each (group, family)."""
    return {
        (group.name, int(router.family)): frame_order(
            router, macs[group.interface], *((PRIORITY_PRIMARY,) if group.has_storage else ())
        )
        for group in groups
        for router in group.routers
    }
