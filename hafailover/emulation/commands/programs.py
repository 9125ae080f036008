"""Which programs answer on a modelled host?"""

from typing import Final

from hafailover.emulation.commands import (
    filesystem,
    fsck,
    ggatec,
    gmirror,
    growfs,
    mdconfig,
    mount,
    sysctl,
    system,
)
from hafailover.emulation.commands.result import Command

PROGRAMS: Final[dict[str, Command]] = {
    "dumpfs": filesystem.dumpfs,
    "fsck_ffs": fsck.run,
    "fsck_ufs": fsck.run,
    "fstat": system.fstat,
    "ggatec": ggatec.run,
    "gmirror": gmirror.run,
    "growfs": growfs.run,
    "kldload": system.kldload,
    "kldstat": system.kldstat,
    "mdconfig": mdconfig.run,
    "mount": mount.mount,
    "newfs": filesystem.newfs,
    "procstat": system.procstat,
    "reboot": system.reboot,
    "sysctl": sysctl.run,
    "tunefs": filesystem.tunefs,
    "umount": mount.umount,
}
"""Program name to what it does; ``ggated`` and ``ggatec create`` are processes of their own."""
