"""How soon does a backup serve a plain address after its Master's host has died?

Pairs of keepalived and of hafailover, each on a LAN of its own, do the same at the same time. The Master dies (its
switch port goes down, then it is killed) at phases spread evenly over the interval. A client notes the first
gratuitous ARP and the first answer with the kernel's time stamps. No pair does the next thing before all have done
this one, so that nobody's start disturbs another's takeover.
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.agent_node import AgentNode
from benchmarks.client_probe import Absence, ClientProbe, Takeover
from hafailover.vrrp.settings import Version
from tests.interop.lan import Lan
from tests.interop.nodes import VIRTUAL_4, Dialect, Keepalived

PRIORITY_MASTER, PRIORITY_BACKUP = 150, 100
KINDS: dict[str, type[Keepalived | AgentNode]] = {"keepalived": Keepalived, "hafailover": AgentNode}
ATTEMPTS = 10
_SETTLE_S = 0.5
_PING_S = 0.005


class Pair:
    """Two routers of one kind, and a client."""

    def __init__(self, name: str, lan: Lan, dialect: Dialect, folder: Path) -> None:
        """Start the Master; the backup comes when it is Master."""
        self.name = name
        self.phases: list[float] = []
        """At which the Master is still to die."""
        self.seen: list[Takeover] = []
        self.resigned: list[Absence] = []
        self.returned: list[Absence] = []
        self._premature = 0
        self._lan = lan
        self._interval_s = dialect.interval_ms / 1000
        self._master = KINDS[name](lan, "a", "b", dialect, folder)
        self._backup = KINDS[name](lan, "b", "a", dialect, folder)
        self._probe = ClientProbe(lan, VIRTUAL_4)
        self._tail_s = max(self._interval_s, _SETTLE_S)
        self._backup_is_up = False

    def begin(self) -> None:
        """Start the Master."""
        self._master.start(PRIORITY_MASTER)

    def prepare(self) -> None:
        """Wait until the Master is one, and alone, with a backup behind it."""
        if not self._backup_is_up:
            self._probe.wait_for_master("a", _SETTLE_S)
            self._backup.start(PRIORITY_BACKUP)
            self._backup_is_up = True
        self._probe.wait_for_master("a", max(2 * self._interval_s, _SETTLE_S))

    def strike(self) -> None:
        """Let the Master die once.

        A machine that stood still for three intervals makes the backup Master before its time:
        that says something about the machine, and the Master dies again at this phase.
        """
        phase = self.phases.pop(0)
        ping_s = min(max(self._interval_s / 50, 0.001), 0.01)
        seen = self._probe.takeover("a", phase, self._interval_s, ping_s)
        if not seen.was_premature:
            self.seen.append(seen)
            return
        self._premature += 1
        if self._premature > ATTEMPTS:
            raise TimeoutError(f"{self.name}: this machine is too busy to measure")
        self.phases.append(phase)

    def revive(self) -> None:
        """Bring the dead Master back."""
        self._master.die()
        self._lan.heal("a")
        self._master.start(PRIORITY_MASTER)

    def resign(self) -> None:
        """Let the Master resign."""
        absence = self._probe.absence(self._master.resign, "b", self._tail_s, _PING_S)
        self.resigned.append(absence)

    def come_back(self) -> None:
        """Let the Master come back."""
        self.returned.append(self._probe.absence(self.begin, "a", self._tail_s, _PING_S))

    def close(self) -> None:
        """End the client; the routers end with the LAN."""
        self._probe.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """What one kind of router did."""

    takeovers: tuple[Takeover, ...]
    resigned: tuple[Absence, ...]
    returned: tuple[Absence, ...]


def measure(
    interval_ms: int,
    trials: int,
    *,
    planned: int = 0,
    versions: Sequence[Version] = (Version.V3,),
    lanes: int = 1,
) -> dict[Version, dict[str, Turns]]:
    """Let pairs of both kinds do the same at one interval.

    Args:
        interval_ms: Between advertisements.
        trials: How often the Master dies, in all lanes together; the middles of as many parts of the interval.
        planned: How often the Master resigns and comes back, in each lane.
        versions: Of VRRP; each has pairs of its own.
        lanes: How many pairs share the work: at a second's interval all of them mostly wait.
    """
    keys = [
        (version, name, lane) for version in versions for name in KINDS for lane in range(lanes)
    ]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pool = stack.enter_context(ThreadPoolExecutor(len(keys)))
        pairs = {}
        for number, (version, name, lane) in enumerate(keys):
            lan = stack.enter_context(Lan(f"hb{os.getpid()}x{number}"))
            own = folder / str(number)
            own.mkdir()
            pair = Pair(name, lan, Dialect(version=version, interval_ms=interval_ms), own)
            stack.callback(pair.close)
            pair.phases = [(part + 0.5) / trials for part in range(lane, trials, lanes)]
            pairs[version, name, lane] = pair
        _live_through(pool, list(pairs.values()), planned)
    return {
        version: {
            name: _together([pairs[version, name, lane] for lane in range(lanes)]) for name in KINDS
        }
        for version in versions
    }


def _live_through(pool: ThreadPoolExecutor, pairs: list[Pair], planned: int) -> None:
    def each(what: Callable[[Pair], None], whom: list[Pair]) -> None:
        for done in [pool.submit(what, pair) for pair in whom]:
            done.result()

    each(Pair.begin, pairs)
    while left := [pair for pair in pairs if pair.phases]:
        for stage in (Pair.prepare, Pair.strike, Pair.revive):
            each(stage, left)
    for _ in range(planned):
        for stage in (Pair.prepare, Pair.resign, Pair.come_back):
            each(stage, pairs)


def _together(pairs: Sequence[Pair]) -> Turns:
    return Turns(
        takeovers=tuple(each for pair in pairs for each in pair.seen),
        resigned=tuple(each for pair in pairs for each in pair.resigned),
        returned=tuple(each for pair in pairs for each in pair.returned),
    )
