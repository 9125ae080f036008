"""Which of the file's nodes is this host?"""

import os
import socket
from collections.abc import Mapping

from hafailover.config.checked import Checked
from hafailover.config.problems import Problem, suggestion

ENVIRONMENT = "HAFAILOVER_NODE"


def find_node(root: Checked, wanted: str | None) -> str | Problem:
    """Return this host's node: as told, by host name, or by an address on one of its interfaces."""
    nodes = root.sections("nodes")
    told = wanted or os.environ.get(ENVIRONMENT)
    if told:
        if told in nodes:
            return told
        by = "--node" if wanted else ENVIRONMENT
        listed = ", ".join(nodes)
        text = f'{by} says "{told}", but the nodes are {listed}{suggestion(told, nodes)}'
        return _problem(root, text)
    host = socket.gethostname()
    by_name = [name for name, node in nodes.items() if is_named(name, node, host)]
    if len(by_name) == 1:
        return by_name[0]
    by_address = [name for name, node in nodes.items() if _has_address(node)]
    if len(by_address) == 1:
        return by_address[0]
    if by_address:
        both = " and ".join(by_address)
        return _problem(root, f"this host has the addresses of {both}; say which with --node")
    return _problem(root, _nobody(host, nodes))


def is_named(name: str, node: Checked, host: str) -> bool:
    """Whether a host name is that of a node; a short name stands for the full one."""
    configured = (node.maybe("hostname", str) or name).casefold()
    found = host.casefold()
    if "." in configured and "." in found:
        return configured == found
    return configured.partition(".")[0] == found.partition(".")[0]


def _nobody(host: str, nodes: Mapping[str, Checked]) -> str:
    names = ", ".join(node.maybe("hostname", str) or name for name, node in nodes.items())
    return (
        f'none of the nodes is this host: its name is "{host}", the nodes\' are {names}, and none '
        f"of their addresses is on an interface here; say which with --node or {ENVIRONMENT}"
    )


def _has_address(node: Checked) -> bool:
    return any(
        is_local(str(address))
        for address in (node.maybe("lan", object), node.maybe("replication", object))
        if address is not None
    )


def is_local(address: str) -> bool:
    """Whether an address is on an interface of this host: only then can a socket be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _problem(root: Checked, text: str) -> Problem:
    return Problem(mark=root.place("nodes"), key="nodes", text=text)
