"""Which MAC address does an interface have? Asked once, at start."""

import platform
import subprocess
from collections.abc import Iterable
from typing import Final

from hafailover.errors import EdgeError
from hafailover.system.ifconfig import InterfaceView, look_command, parse_interface
from hafailover.system.linux_addresses import LinuxAddresses

_LOOK_S: Final = 5.0


def has_netlink() -> bool:
    """Whether this is Linux, lab or not; FreeBSD's netlink(4) is young and not relied on."""
    return platform.system() == "Linux"


def hardware_addresses(interfaces: Iterable[str]) -> dict[str, str]:
    """Return the MAC address of each interface; asked once, at start.

    Raises:
        EdgeError: There is no such interface.
    """
    return {name: _hardware_address(name) for name in set(interfaces)}


def _hardware_address(interface: str) -> str:
    if has_netlink():
        with LinuxAddresses(interface) as edge:
            return edge.link().mac
    return look_once(interface).mac


def look_once(interface: str) -> InterfaceView:
    """Ask ifconfig(8) of an interface, at start only: this one waits.

    Raises:
        EdgeError: There is no such interface.
    """
    try:
        done = subprocess.run(
            ("/sbin/ifconfig", *look_command(interface)[1:]),
            capture_output=True,
            check=False,
            env={"LC_ALL": "C"},
            text=True,
            timeout=_LOOK_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EdgeError(f"{interface}: ifconfig: {error}") from error
    view = parse_interface(done.stdout)
    if not isinstance(view, InterfaceView):
        raise EdgeError(f"{interface}: {done.stderr.strip() or 'ifconfig is not understood'}")
    return view
