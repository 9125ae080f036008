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


PARTS: Final = (
    Part(name="address_takeover", title="Takeover of an address, beside keepalived", minutes=4.7),
    Part(
        name="data_failover",
        title="Failover of data, beside scripts written by hand",
        minutes=6.5,
    ),
    Part(name="many_groups", title="Cost of virtual routers", minutes=2.0),
    Part(name="at_rest", title="Cost of a pair with data that has nothing to do", minutes=1.5),
    Part(name="machine_room", title="The machine room", minutes=0.6),
    Part(name="under_load", title="With both cores busy, for ten minutes", minutes=10.3),
)
