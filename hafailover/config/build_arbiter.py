"""Which settings of the strict arbiters follow from a file without errors?"""

from pathlib import Path
from typing import TYPE_CHECKING

from hafailover.config.arithmetic import LeaseSpans, Spans
from hafailover.config.checked import Checked
from hafailover.group.settings import FenceSettings, LeaseSettings
from hafailover.runtime.settings import EtcdSettings, FenceAgentSettings
from hafailover.units import Nanoseconds

if TYPE_CHECKING:
    from collections.abc import Mapping


def build_lease(spans: Spans) -> LeaseSettings:
    """Return what etcd's spans are; the defaults with another arbiter."""
    lease = spans.arbiter
    if not isinstance(lease, LeaseSpans):
        return LeaseSettings()
    return LeaseSettings(
        lease=Nanoseconds(lease.lease),
        renew=Nanoseconds(lease.renew),
        renew_deadline=Nanoseconds(lease.renew_deadline),
        peer_lease=Nanoseconds(lease.peer_lease),
    )


def build_fence(root: Checked) -> FenceSettings:
    """Return what the fence device's spans are; the defaults with another arbiter."""
    arbiter = root.maybe("arbiter", Checked)
    if arbiter is None or arbiter.take("kind", str) != "fence":
        return FenceSettings()
    return FenceSettings(
        deadline=Nanoseconds(arbiter.take("deadline", int)),
        secondary_delay=Nanoseconds(arbiter.take("secondary_delay", int)),
        powers_on=arbiter.take("action", str) == "reboot",
    )


def build_etcd(arbiter: Checked) -> EtcdSettings:
    """Return how the etcd cluster is reached."""
    return EtcdSettings(
        endpoints=arbiter.items("endpoints", str),
        prefix=arbiter.take("prefix", str),
        deadline=Nanoseconds(arbiter.take("renew_deadline", int)),
        ca_file=_path(arbiter, "ca_file"),
        cert_file=_path(arbiter, "cert_file"),
        key_file=_path(arbiter, "key_file"),
        user=arbiter.maybe("user", str) or "",
        password_file=_path(arbiter, "password_file"),
    )


def build_fence_agent(arbiter: Checked) -> FenceAgentSettings:
    """Return the command that powers a node off, and what it needs to know."""
    nodes = arbiter.sections("options")
    return FenceAgentSettings(
        command=arbiter.items("command", str),
        options=tuple((node, _options(nodes[node])) for node in nodes),
        deadline=Nanoseconds(arbiter.take("deadline", int)),
    )


def _options(node: Checked) -> tuple[tuple[str, str], ...]:
    options: Mapping[str, str] = node.take("stdin", dict)
    return tuple(options.items())


def _path(arbiter: Checked, key: str) -> Path | None:
    text = arbiter.maybe(key, str)
    return None if text is None else Path(text)
