"""What does ggated read from its exports file, and who may have what?

Lines ``host[/masklen] ro|wo|rw path``; ``#`` begins a comment line. The last line that matches
wins. A line that cannot be read, or no line at all, ends the daemon (ggated.8, ggated.c).
"""

import ipaddress
import socket
from dataclasses import dataclass

from hafailover.lab.host.wire import READ_ONLY, WRITE_ONLY

_ACCESS = {"ro": "ro", "rd": "ro", "wo": "wo", "rw": "rw"}


class ExportsError(Exception):
    """The exports file cannot be used; the text is ggated's complaint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One line."""

    network: ipaddress.IPv4Network
    access: str
    path: str


def read_exports(place: str) -> list[Export]:
    """Read the file, last line first."""
    try:
        with open(place, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs start-up time
            lines = file.readlines()
    except OSError as error:
        raise ExportsError(f"Cannot open exports file ({place}): {error.strerror}.") from error
    exports = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            exports.append(_parse(text, number))
    if not exports:
        raise ExportsError("There are no objects to export.")
    exports.reverse()
    return exports


def _parse(text: str, number: int) -> Export:
    words = text.split()
    if len(words) != 3:
        raise ExportsError(f"Cannot parse line {number}.")
    host, access, path = words
    if access.lower() not in _ACCESS:
        raise ExportsError(f"Invalid access flag ({access}) at line {number}.")
    address, _, mask = host.partition("/")
    try:
        numeric = socket.gethostbyname(address)
        network = ipaddress.IPv4Network(f"{numeric}/{mask or 32}", strict=False)
    except (OSError, ValueError) as error:
        raise ExportsError(f"Invalid IP/host name: {host} at line {number}.") from error
    return Export(network=network, access=_ACCESS[access.lower()], path=path)


def find(exports: list[Export], client: str, path: str, flags: int) -> Export | str:
    """Return the export that ``client`` may have, or what goes to the log."""
    for export in exports:
        if ipaddress.IPv4Address(client) in export.network and export.path == path:
            return _permit(export, flags)
    return f"Unauthorized connection from: {client}."


def _permit(export: Export, flags: int) -> Export | str:
    wanted, word = "rw", "Read-write"
    if flags & READ_ONLY:
        wanted, word = "ro", "Read-only"
    elif flags & WRITE_ONLY:
        wanted, word = "wo", "Write-only"
    if export.access in ("rw", wanted):
        return export
    exported = {"ro": "read-only", "wo": "write-only", "rw": "read-write"}[export.access]
    network = f"{export.network.network_address}/{export.network.netmask}"
    return f"{word} access requested, but {export.path} ({network}) is exported {exported}."
