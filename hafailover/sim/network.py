"""What travels between simulated hosts, and what does not? Every direction of every network has its own cut."""

from collections.abc import Callable
from dataclasses import dataclass, field

from hafailover.sim.timeline import Timeline
from hafailover.units import MICROSECOND

LAN = "lan"
REPLICATION = "replication"
NETWORKS = (LAN, REPLICATION)
_DELAY = 150 * MICROSECOND
_JITTER = 100 * MICROSECOND


@dataclass(slots=True)
class Direction:
    """One way of one network between two places.

    Attributes:
        loss: Share of datagrams that vanish.
        double: Share of datagrams that arrive twice.
        late_ns: Everything is late by up to so much; datagrams overtake each other, a TCP stream stays in order.
        held: What TCP keeps while the way is cut.
        busy_until: When the last part of a stream arrives.
    """

    is_cut: bool = False
    loss: float = 0.0
    double: float = 0.0
    late_ns: int = 0
    busy_until: int = 0
    held: list[Callable[[], None]] = field(default_factory=list)


class Network:
    """All directions between all places."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._directions: dict[tuple[str, str, str], Direction] = {}

    def direction(self, network: str, source: str, target: str) -> Direction:
        """Return one way of one network."""
        key = (network, source, target)
        way = self._directions.get(key)
        if way is None:
            way = self._directions[key] = Direction()
        return way

    def is_open(self, network: str, source: str, target: str) -> bool:
        """Whether anything gets through this way now."""
        return not self.direction(network, source, target).is_cut

    def is_open_both_ways(self, network: str, one: str, other: str) -> bool:
        """Whether a conversation is possible now."""
        return self.is_open(network, one, other) and self.is_open(network, other, one)

    def datagram(self, network: str, source: str, target: str, arrive: Callable[[], None]) -> None:
        """Send something that may be lost."""
        way = self.direction(network, source, target)
        if way.is_cut or (way.loss and self._timeline.dice.random() < way.loss):
            return
        self._timeline.after(self._delay(way), arrive)
        if way.double and self._timeline.dice.random() < way.double:
            self._timeline.after(self._delay(way), arrive)

    def segment(self, network: str, source: str, target: str, arrive: Callable[[], None]) -> None:
        """Send a part of a TCP stream: while the way is cut it is held and sent again afterwards."""
        way = self.direction(network, source, target)
        if way.is_cut:
            way.held.append(arrive)
            return
        self._stream(way, arrive)

    def cut(self, network: str, source: str, target: str) -> None:
        """Cut one way."""
        self.direction(network, source, target).is_cut = True

    def heal(self, network: str, source: str, target: str) -> None:
        """Mend one way; what TCP held goes on."""
        way = self.direction(network, source, target)
        way.is_cut = False
        held, way.held = way.held, []
        for arrive in held:
            self._stream(way, arrive)

    def _stream(self, way: Direction, arrive: Callable[[], None]) -> None:
        """Nothing in a stream overtakes what was sent before."""
        way.busy_until = max(way.busy_until, self._timeline.now + self._delay(way))
        self._timeline.at(way.busy_until, arrive)

    def _delay(self, way: Direction) -> int:
        late = self._timeline.dice.randrange(way.late_ns) if way.late_ns else 0
        return _DELAY + self._timeline.dice.randrange(_JITTER) + late
