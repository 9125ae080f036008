"""Where does a node keep its things?

Each node has a directory in the lab's; the node itself sees its own as ``self``, so that one
configuration file with one set of paths serves both.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFiles:
    """The paths of one node, as seen from ``root``: the lab's view, or the node's own."""

    root: Path

    @property
    def programs(self) -> Path:
        """Stands first in the node's PATH: FreeBSD's tools."""
        return self.root / "bin"

    @property
    def run(self) -> Path:
        """Sockets and process ids; emptied when the node starts."""
        return self.root / "var" / "run"

    @property
    def log(self) -> Path:
        """What the node's processes say."""
        return self.root / "var" / "log"

    @property
    def state(self) -> Path:
        """The agent's records; survives a power failure."""
        return self.root / "var" / "db" / "hafailover"

    @property
    def images(self) -> Path:
        """The volumes' image files."""
        return self.root / "root" / "images"

    @property
    def mount_point(self) -> Path:
        """Where the volume is mounted on the primary."""
        return self.root / "home" / "sites"

    @property
    def order_door(self) -> Path:
        """UNIX socket of the node's first process."""
        return self.run / "supervisor.sock"

    @property
    def agent_run(self) -> Path:
        """The agent's own directory for sockets and exports."""
        return self.run / "hafailover"

    @property
    def control_door(self) -> Path:
        """The agent's control socket."""
        return self.agent_run / "control.sock"

    @property
    def ifconfig_door(self) -> Path:
        """UNIX socket behind ifconfig."""
        return self.run / "ifconfig.sock"

    @property
    def kernel_door(self) -> Path:
        """UNIX socket of the emulated kernel, for the node's tools."""
        return self.run / "kernel.sock"

    def make(self) -> None:
        """Make all directories, with an empty ``run``."""
        shutil.rmtree(self.run, ignore_errors=True)
        for path in (
            self.programs,
            self.run,
            self.log,
            self.state,
            self.images,
            self.mount_point,
        ):
            path.mkdir(parents=True, exist_ok=True)
