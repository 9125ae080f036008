"""Are the paths of the volumes those that the kernel will show?

mdconfig(8) and mount(8) resolve symbolic links before they tell the kernel a path (realpath(3), read in
source), and the kernel shows what it was told. Whoever looks for the path as it is configured would see
neither the image that he attached nor what he mounted. ``/home`` is such a link where FreeBSD 13 or an
older one was installed.
"""

import os
from collections.abc import Iterator

from hafailover.errors import UnusableConfigurationError
from hafailover.runtime.settings import NodeSettings


def refuse_links(settings: NodeSettings) -> None:
    """Refuse paths of volumes that lead through a symbolic link.

    Raises:
        UnusableConfigurationError: There is one.
    """
    for path, real in _paths(settings):
        if real != path:
            raise UnusableConfigurationError(
                f"{path} leads through a symbolic link to {real}",
                hint=f"write {real} into the configuration of this node: the kernel shows no other path",
            )


def _paths(settings: NodeSettings) -> Iterator[tuple[str, str]]:
    """Yield each path of a volume, and what it leads to."""
    for group in settings.groups:
        for volume in group.volumes:
            yield volume.image, os.path.realpath(volume.image)
            yield volume.mount_point, _real_mount_point(volume.mount_point)


def _real_mount_point(path: str) -> str:
    """Return what a mount point leads to, by its directory: to ask what is mounted there may hang."""
    above, _, name = path.rpartition("/")
    above = os.path.realpath(above or "/")
    try:
        with os.scandir(above) as entries:
            is_link = any(entry.name == name and entry.is_symlink() for entry in entries)
    except OSError:
        is_link = False
    return os.path.realpath(path) if is_link else f"{above.rstrip('/')}/{name}"
