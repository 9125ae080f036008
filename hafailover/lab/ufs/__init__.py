"""A file system stand-in whose every byte passes through the kernel's VFS and a block device.

It lives where UFS lives on a real node: on the mirror. The kernel reaches it through ``/dev/fuse``,
so that an open file keeps it busy, a stuck device hangs its callers, and an ``fsync`` means what it
says.

Use: ``await format_device(device)`` once; ``check(device)`` returns what is wrong with the content;
``await grow(device)`` takes in what the device has become larger by;
``MountedFilesystem(device, mountpoint)`` has ``await start()`` and ``await stop(force=...)``.
"""

from hafailover.lab.ufs.content import ContentStore, check, format_device, grow
from hafailover.lab.ufs.device import BlockDevice, FileDevice
from hafailover.lab.ufs.mounted import MountedFilesystem

__all__ = [
    "BlockDevice",
    "ContentStore",
    "FileDevice",
    "MountedFilesystem",
    "check",
    "format_device",
    "grow",
]
