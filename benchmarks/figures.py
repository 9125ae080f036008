"""What is a figure? A value of ours beside that of an alternative taken in the same run, and the goal."""

import argparse
import json
import statistics
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the page."""

    what: str
    value: float
    unit: str
    beside: str = ""
    """What ``other`` is the value of: keepalived, the scripts, a limit of the machine; empty for nothing."""
    other: float | None = None
    goal: float | None = None
    goal_is: str = "value at most"
    """``value at most``, ``value at least``, ``ratio at most`` or ``ratio at least``."""
    bound: str = ""
    """What it is bounded by, in a few words."""
    worst: float | None = None
    samples: int = 1

    @property
    def ratio(self) -> float | None:
        """Ours divided by the other."""
        return self.value / self.other if self.other else None

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        subject = self.ratio if self.goal_is.startswith("ratio") else self.value
        if self.goal is None or subject is None:
            return None
        return subject <= self.goal if self.goal_is.endswith("most") else subject >= self.goal


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is measured: for the page, or only whether it works."""

    is_smoke: bool

    def of(self, full: int, smoke: int) -> int:
        """Return the number for this run."""
        return smoke if self.is_smoke else full


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return float(statistics.median(values))


def table(figures: Sequence[Figure]) -> str:
    """Render figures for a terminal."""
    lines = []
    for each in figures:
        beside = "" if each.other is None else f"{each.beside} {each.other:.4g}"
        ratio = "" if each.ratio is None else f"{each.ratio:.3f}"
        verdict = {True: "met", False: "MISSED", None: ""}[each.is_met]
        lines.append(
            f"{each.what:<58} {each.value:>9.4g} {each.unit:<8} {beside:<28} {ratio:>8} {verdict}"
        )
    return "\n".join(lines)


def save(path: Path, name: str, figures: Sequence[Figure], lacks: str = "") -> None:
    """Write the figures of one benchmark as JSON; ``lacks`` says why it did not get to its end."""
    rows = [asdict(each) | {"ratio": each.ratio, "is_met": each.is_met} for each in figures]
    document = {"benchmark": name, "lacks": lacks, "figures": rows}
    path.write_text(json.dumps(document, indent=1) + "\n")


def load(path: Path) -> list[Figure]:
    """Read what ``save`` wrote."""
    rows = json.loads(path.read_text())["figures"]
    return [
        Figure(**{k: v for k, v in row.items() if k not in ("ratio", "is_met")}) for row in rows
    ]


def lacking(path: Path) -> str:
    """Return why the benchmark whose figures are in ``path`` did not get to its end; empty if it did."""
    lacks: str = json.loads(path.read_text()).get("lacks", "")
    return lacks


def all_of(*sources: Callable[[], Iterable[Figure]]) -> Iterator[Figure]:
    """Yield the figures of each source, whatever happens to the others.

    Raises:
        RuntimeError: Something happened to one; said when all others are through.
    """
    problems = []
    for source in sources:
        try:
            yield from source()
        except Exception as error:  # noqa: BLE001 - whatever it was
            traceback.print_exc()
            problems.append(str(error) or type(error).__name__)
    if problems:
        raise RuntimeError("; ".join(problems))


def main(name: str, about: str, run: Callable[[Scale], Iterable[Figure]]) -> None:
    """Be the program of one benchmark: what was measured before something failed is kept."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--smoke", action="store_true", help="only see whether it works")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures: list[Figure] = []
    lacks = ""
    try:
        for figure in run(Scale(is_smoke=options.smoke)):
            figures.append(figure)
            if options.json:
                # Whoever ends this process in the middle does not end what it has measured.
                save(options.json, name, figures, "ended before it was done")
    except Exception as error:  # noqa: BLE001 - whatever it was
        traceback.print_exc()
        lacks = f"{type(error).__name__}: {error}".splitlines()[0]
    print(table(figures))
    if options.json:
        save(options.json, name, figures, lacks)
    if lacks or not figures:
        sys.exit(1)
