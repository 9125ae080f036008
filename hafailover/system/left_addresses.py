"""Which virtual addresses has an earlier life left up that the configuration names no more?

A group looks only for those that it has now. One that was taken out of the file under a running group, or moved to
another group, would stay on its interface, and be up on both nodes as soon as the other one gets it.
"""

import contextlib
import json
from collections.abc import Iterable
from ipaddress import ip_interface
from pathlib import Path
from typing import Final

from hafailover.errors import EdgeError
from hafailover.group.settings import GroupSettings
from hafailover.runtime.settings import NodeSettings, PathSettings
from hafailover.system.ifconfig import Interface, release_command
from hafailover.system.linux_addresses import LinuxAddresses
from hafailover.system.runner import Runner
from hafailover.units import seconds

Placed = tuple[str, Interface]
"""An address and the interface that it may be on."""

_DEADLINE: Final = seconds(5)


def virtual_addresses(groups: Iterable[GroupSettings]) -> tuple[Placed, ...]:
    """Return the virtual addresses of these groups, without those that this node owns."""
    return tuple(
        (group.interface, address)
        for group in groups
        for address in group.addresses
        if address.ip not in {router.primary_address for router in group.routers}
    )


def left_addresses(settings: NodeSettings) -> tuple[Placed, ...]:
    """Return what an earlier life may have put up, and this one would never take down."""
    kept = {(interface, address.ip) for interface, address in virtual_addresses(settings.groups)}
    own = {network.own_address for network in settings.networks}
    own |= {str(each.primary_address) for group in settings.groups for each in group.routers}
    return tuple(
        (interface, address)
        for interface, address in _noted(settings.paths)
        if (interface, address.ip) not in kept and str(address.ip) not in own
    )


def note_addresses(settings: NodeSettings) -> None:
    """Note, for the next life, what this one may put up.

    Raises:
        OSError: It cannot be written.
    """
    placed = virtual_addresses(settings.groups)
    text = json.dumps([[interface, str(address)] for interface, address in placed])
    fresh = _path(settings.paths).with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(_path(settings.paths))


def take_off(runner: Runner, left: Iterable[Placed], *, uses_ifconfig: bool) -> None:
    """Take them off; one that is not there is no error. Through ifconfig(8) it takes a moment more."""
    for interface, address in left:
        if uses_ifconfig:
            argv = release_command(interface, address)
            runner.start(argv, deadline=_DEADLINE, done=lambda _: None)
            continue
        with contextlib.suppress(EdgeError), LinuxAddresses(interface) as edge:
            edge.remove(address)


def _noted(paths: PathSettings) -> tuple[Placed, ...]:
    """Return what was noted; nothing if that is not there or not understood: at a boot no address is up."""
    try:
        document = json.loads(_path(paths).read_bytes())
        return tuple((str(interface), ip_interface(address)) for interface, address in document)
    except (OSError, ValueError, TypeError):
        return ()


def _path(paths: PathSettings) -> Path:
    return paths.run / "addresses.json"
