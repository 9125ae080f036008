"""Which benchmarks are there, and how long does each take?"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One section of the page: the module that measures it, and its title."""

    name: str
    title: str
    minutes: float
    """What it takes on an idle machine with two cores, about."""

    pictured: tuple[str, ...]
    """How the figures begin that its picture shows, in this order."""

    has_one_scale: bool = False
    """Whether all bars of the picture have the same scale, so that growth shows."""


PARTS: Final = (
    Part(
        name="address_takeover",
        title="Takeover of an address, beside keepalived",
        minutes=4.7,
        pictured=(
            "takeover, last",
            "takeover, longest",
            "Master resigns, longest",
            "Master returns, longest",
            "Master returns, its",
            "advertisement gap",
        ),
    ),
    Part(
        name="data_failover",
        title="Failover of data, beside scripts written by hand",
        minutes=7.0,
        pictured=(
            "outage, primary",
            "outage, planned failover",
            "outage, planned failback",
            "outage, return",
            "longest write",
        ),
        has_one_scale=True,
    ),
    Part(
        name="many_groups",
        title="Cost of virtual routers",
        minutes=1.6,
        pictured=("start", "of which", "processor", "resident"),
    ),
    Part(
        name="at_rest",
        title="Cost of a pair with data that has nothing to do",
        minutes=2.8,
        pictured=("processor", "wake-ups", "resident"),
    ),
    Part(
        name="stuck_alerts",
        title="Failover while alerts reach nobody",
        minutes=1.6,
        pictured=("outage",),
    ),
    Part(
        name="machine_room",
        title="The machine room",
        minutes=0.6,
        pictured=("of a schedule's time", "hashing"),
    ),
    Part(
        name="under_load",
        title="With both cores busy, for ten minutes",
        minutes=10.3,
        pictured=("takeover, last", "takeover, longest", "advertisement gap"),
    ),
)
