"""What does this node know of its peer, and since when?"""

from dataclasses import dataclass

from hafailover.group.report import GroupReport
from hafailover.units import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """When the peer was last heard on one network, and whether it says that it hears us there."""

    network: str
    at: Instant
    hears_us: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerView:
    """What is known of the peer. ``life_at``: the last sign of life of any kind, advertisements included."""

    report: GroupReport | None = None
    heard: tuple[Heard, ...] = ()
    heard_since: Instant | None = None
    """Since when the reports of this life of its agent come without a break that would count as silence."""
    heard_us_at: Instant | None = None
    """When it last said that it hears this node on at least one network."""
    life_at: Instant | None = None
    advertised_at: Instant | None = None
    has_served: bool = False
    """Whether it was seen serving in this life of the agent: who follows it then takes over from it."""
    sees_gateway_since: Instant | None = None
    """Since when it says, without a break, that a ping target answers it; None while it does not."""
    past: tuple[str, ...] = ()
    """Lives of its agent before the present one, newest last: a report of theirs that comes late is not taken in."""
    leaving_since: Instant | None = None
    """Since when it says, without a break, that it is stopping; None while it does not."""
    stale_since: Instant | None = None
    """Since when it says, without a break, that a copy of its own is stale; None while it does not."""
    returns_by: Instant | None = None
    """It announced a restart of its agent, and has asked to be waited for until then."""

    @property
    def heard_at(self) -> Instant | None:
        """When its last report came, over whatever network."""
        latest: Instant | None = None
        for each in self.heard:
            if latest is None or each.at > latest:
                latest = each.at
        return latest
