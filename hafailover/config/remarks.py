"""One thing that ``check`` has to say, and the short forms in which the judgements say it."""

from dataclasses import dataclass

from hafailover.config.problems import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding: how much it matters, what it is, where, and what to do."""

    severity: Severity
    what: str
    where: str
    remedy: str


def error(what: str, where: str, remedy: str) -> Finding:
    """Return a finding that stands in the way."""
    return Finding(severity=Severity.ERROR, what=what, where=where, remedy=remedy)


def warning(what: str, where: str, remedy: str) -> Finding:
    """Return a finding that will hurt one day."""
    return Finding(severity=Severity.WARNING, what=what, where=where, remedy=remedy)


def note(what: str, where: str, remedy: str) -> Finding:
    """Return a finding that is good to know."""
    return Finding(severity=Severity.NOTE, what=what, where=where, remedy=remedy)
