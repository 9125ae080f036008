"""What was found in the old files, where, what it leads to, and what is to be done about it."""

from dataclasses import dataclass
from enum import Enum


class Weight(Enum):
    """How much a finding matters; the value is the word that is shown, the worst first."""

    ERROR = "error"
    """The old set-up cannot have worked as it was meant, or loses data."""
    FILL_IN = "fill in"
    """The old files do not say it; what was written instead has to be put right by hand."""
    WARNING = "warning"
    """It works until a bad day."""
    NOTE = "note"
    """It means nothing, or the new configuration does it in another way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One line of one file."""

    file: str
    line: int
    """Counted from 1; 0 = the file as a whole."""

    def shown(self) -> str:
        """Return the form that editors understand."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding."""

    rule: str
    """Its name, the same whatever the files call things."""
    weight: Weight
    place: Place
    what: str
    consequence: str
    remedy: str


def order(finding: Finding) -> tuple[int, str, int, str]:
    """Return what findings are sorted by: the worst first, then by place."""
    weights = list(Weight)
    place = finding.place
    return (weights.index(finding.weight), place.file, place.line, finding.rule)
