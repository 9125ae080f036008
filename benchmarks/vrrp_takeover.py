"""How soon does a backup serve a plain address after its Master's host has died?

A pair of keepalived and a pair of hafailover, each on a LAN of its own, take turns in one run. The Master
dies (its switch port goes down, then it is killed) at phases spread evenly over the interval. A client
notes the first gratuitous ARP and the first answer with the kernel's time stamps.

    python -m benchmarks.vrrp_takeover --intervals 1000,100,30,10 --trials 10 --json out.json
"""

import argparse
import json
import os
import statistics
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.client_probe import ClientProbe, Takeover
from hafailover.vrrp.settings import Version
from tests.interop.lan import Lan
from tests.interop.nodes import VIRTUAL_4, Dialect, Keepalived, OurNode

PRIORITY_MASTER, PRIORITY_BACKUP = 150, 100
KINDS: dict[str, type[Keepalived | OurNode]] = {"keepalived": Keepalived, "hafailover": OurNode}
ATTEMPTS = 10
MEASURES = ("silence_to_announcement", "death_to_announcement", "death_to_answer")


class Pair:
    """Two routers of one kind, and a client."""

    def __init__(
        self,
        name: str,
        lan: Lan,
        interval_ms: int,
        folder: Path,
        version: Version = Version.V3,
    ) -> None:
        """Start both, the Master first."""
        self.name = name
        self.premature = 0
        self._lan = lan
        self._interval_s = interval_ms / 1000
        dialect = Dialect(version=version, interval_ms=interval_ms)
        self._master = KINDS[name](lan, "a", "b", dialect, folder)
        self._backup = KINDS[name](lan, "b", "a", dialect, folder)
        self._probe = ClientProbe(lan, VIRTUAL_4)
        self._master.start(PRIORITY_MASTER)
        self._backup_is_up = False

    def trial(self, phase: float) -> Takeover:
        """Let the Master die once, and bring it back.

        A machine that stood still for three intervals makes the backup Master before its time:
        that says something about the machine, is counted, and the trial is done again.
        """
        for _ in range(ATTEMPTS):
            seen = self._attempt(phase)
            if not seen.was_premature:
                return seen
            self.premature += 1
        raise TimeoutError(f"{self.name}: this machine is too busy to measure")

    def _attempt(self, phase: float) -> Takeover:
        if not self._backup_is_up:
            self._probe.wait_for_master("a", 0.5)
            self._backup.start(PRIORITY_BACKUP)
            self._backup_is_up = True
        self._probe.wait_for_master("a", max(4 * self._interval_s, 0.5))
        ping_s = min(max(self._interval_s / 50, 0.001), 0.01)
        seen = self._probe.takeover("a", phase, self._interval_s, ping_s)
        self._master.die()
        self._lan.heal("a")
        self._master.start(PRIORITY_MASTER)
        return seen

    def planned(self) -> tuple[float, float]:
        """Let the Master resign and come back; return the client's longest wait for each, in seconds."""
        self._probe.wait_for_master("a", max(4 * self._interval_s, 0.5))
        wait_s, ping_s = 5 * self._interval_s + 2.0, 0.005
        away = self._probe.longest_gap(self._master.resign, 0.5, wait_s, ping_s)

        def come_back() -> None:
            self._master.start(PRIORITY_MASTER)

        back = self._probe.longest_gap(come_back, 0.5, wait_s, ping_s)
        return away, back

    def close(self) -> None:
        """End the client; the routers end with the LAN."""
        self._probe.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """What both kinds did in turn at one interval."""

    takeovers: dict[str, list[Takeover]]
    premature: dict[str, int]
    planned: dict[str, list[tuple[float, float]]]
    """Resignation and return: the client's longest wait for each, in seconds."""


def measure(
    interval_ms: int, trials: int, *, planned: int = 0, version: Version = Version.V3
) -> Turns:
    """Let both pairs take turns at one interval; also count what was premature."""
    moved: dict[str, list[tuple[float, float]]] = {name: [] for name in KINDS}
    seen: dict[str, list[Takeover]] = {name: [] for name in KINDS}
    with (
        tempfile.TemporaryDirectory() as folder,
        Lan(f"hb{os.getpid()}k") as one,
        Lan(f"hb{os.getpid()}h") as other,
    ):
        pairs = []
        for name, lan in zip(KINDS, (one, other), strict=True):
            own = Path(folder) / name
            own.mkdir()
            pairs.append(Pair(name, lan, interval_ms, own, version))
        try:
            for number in range(trials):
                # The middle of each of ``trials`` equal parts of the interval.
                for pair in pairs:
                    seen[pair.name].append(pair.trial((number + 0.5) / trials))
            for _ in range(planned):
                for pair in pairs:
                    moved[pair.name].append(pair.planned())
        finally:
            for pair in pairs:
                pair.close()
    premature = {pair.name: pair.premature for pair in pairs}
    return Turns(takeovers=seen, premature=premature, planned=moved)


def summary(interval_ms: int, seen: dict[str, list[Takeover]]) -> dict[str, Any]:
    """Return medians in milliseconds, and ours divided by keepalived's."""
    row: dict[str, Any] = {"interval_ms": interval_ms, "trials": len(seen["hafailover"])}
    skew = (256 - PRIORITY_BACKUP) / 256
    row["theory_ms"] = round((3 + skew) * interval_ms, 2)
    for measure_ in MEASURES:
        medians = {
            name: statistics.median(getattr(each, measure_) for each in all_)
            for name, all_ in seen.items()
        }
        row[measure_] = {name: round(value * 1000, 2) for name, value in medians.items()}
        row[measure_]["ratio"] = round(medians["hafailover"] / medians["keepalived"], 4)
        row[measure_]["worst"] = {
            name: round(max(getattr(each, measure_) for each in all_) * 1000, 2)
            for name, all_ in seen.items()
        }
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """Render the summaries for people."""
    head = f"{'interval':>9} {'measure':<26} {'keepalived':>11} {'hafailover':>11} {'ratio':>7}"
    lines = [
        f"Medians of {rows[0]['trials']} takeovers in milliseconds",
        f"{head}   worst of each",
    ]
    for row in rows:
        for measure_ in MEASURES:
            each = row[measure_]
            worst = " / ".join(str(value) for value in each["worst"].values())
            name = measure_.replace("_", " ")
            lines.append(
                f"{row['interval_ms']:>7}ms {name:<26} {each['keepalived']:>11}"
                f" {each['hafailover']:>11} {each['ratio']:>7}   {worst}"
            )
    lines += [
        f"{row['interval_ms']:>7}ms repeated for a premature Master: {row['premature']}"
        for row in rows
        if any(row["premature"].values())
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--intervals", default="1000,100,30,10", help="milliseconds, with commas")
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows, raw = [], {}
    for interval_ms in map(int, options.intervals.split(",")):
        turns = measure(interval_ms, options.trials)
        seen = turns.takeovers
        rows.append(summary(interval_ms, seen) | {"premature": turns.premature})
        raw[interval_ms] = {name: [asdict(each) for each in all_] for name, all_ in seen.items()}
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps({"summary": rows, "takeovers_s": raw}, indent=1))


if __name__ == "__main__":
    main()
