"""Which spans fit together, for hosts on one LAN, for virtual machines, for a longer line?"""

from collections.abc import Mapping
from typing import Final

from hafailover.config.spans import parse_duration

_LAN: Final = {
    "heartbeat": "250ms",
    "canary_period": "400ms",
    "canary_deadline": "600ms",
    "canary_patience": "2s",
    "lateness": "250ms",
    "decision": "1s",
    "records": "400ms",
    "destroy": "300ms",
    "kill": "500ms",
    "forced_demotion": "3s",
    "reset": "500ms",
    "restart": "2s",
}

# A hypervisor lets a guest wait for longer; what the commands may take is cut to pay for it.
_VM: Final = _LAN | {
    "canary_patience": "1.8s",
    "lateness": "500ms",
    "decision": "800ms",
    "records": "300ms",
    "destroy": "200ms",
    "forced_demotion": "2.5s",
}

# A longer line answers later; both silence and the arbiter get more, the local work less.
_WAN: Final = _LAN | {
    "heartbeat": "300ms",
    "canary_period": "500ms",
    "canary_deadline": "700ms",
    "decision": "1.1s",
    "records": "300ms",
    "destroy": "200ms",
    "kill": "400ms",
}


def _spans(texts: Mapping[str, str]) -> Mapping[str, int]:
    return {name: parse_duration(text) for name, text in texts.items()}


MISSES: Final = 4
"""The same in all profiles."""

PROFILES: Final[Mapping[str, Mapping[str, int]]] = {
    "lan": _spans(_LAN),
    "vm": _spans(_VM),
    "wan": _spans(_WAN),
}
"""Spans in nanoseconds by profile and key of the section timers."""

TAKEOVER_MARGIN: Final = parse_duration("500ms")

PROBE_PERIOD: Final = parse_duration("500ms")
"""How often a silent peer's host is probed where no ping targets set the pace."""

GATE_TIMEOUT: Final = parse_duration("30s")

GATE_TIMEOUT_FENCE: Final = parse_duration("10m")
"""A fence device answers after the kernel's own limit; so rare a tick hardly falls between."""
