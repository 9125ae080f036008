"""Which alerts last, and what does a delivery say?"""

from dataclasses import dataclass
from typing import Final

from hafailover.group.actions import AlertKind, Severity

VERSION: Final = 1
"""Of the document that hooks and webhooks get; it only ever grows by further keys."""

DERIVED: Final = frozenset(
    {
        AlertKind.UNPROTECTED,
        AlertKind.DIVERGED,
        AlertKind.COMPETING_MASTER,
        AlertKind.RECORDS_NOT_DURABLE,
        AlertKind.OBSERVATION_UNKNOWN,
        AlertKind.DEMOTION_STUCK,
        AlertKind.SERVICE_FAILING,
        AlertKind.ADDRESS_MISSING,
        AlertKind.REBUILD_STALLED,
        AlertKind.FLAPPING,
        AlertKind.ARBITER_SILENT,
        AlertKind.NOT_STRICT,
        AlertKind.FENCING_FAILED,
        AlertKind.CONFIGURATION_DIFFERS,
        AlertKind.ONE_WAY_LINK,
        AlertKind.PEER_AGENT_SILENT,
        AlertKind.WAITING_FOR_OPERATOR,
    }
)
"""Derived from the state after every event: while the cause lasts they are there, in each life of the agent."""

LASTING: Final = DERIVED | {AlertKind.PEER_LOST}
"""Those that are repeated until they are resolved; all others tell what happened once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing to tell, as it is given to every destination."""

    time_ms: int
    """When it was said, in milliseconds since 1970, by this host's clock."""
    node: str
    group: str
    kind: str
    """The alert's name, as in status and history; ``test`` for a trial, ``alerts`` for the delivery itself."""
    severity: Severity
    state: str
    """``raised``, ``repeated`` or ``resolved``."""
    text: str

    @property
    def key(self) -> str:
        """What a later one about the same thing has in common with it."""
        return f"{self.group}/{self.kind}"

    def document(self) -> dict[str, object]:
        """Return the JSON document."""
        return {
            "version": VERSION,
            "time": self.time_ms,
            "node": self.node,
            "group": self.group,
            "kind": self.kind,
            "severity": self.severity.value,
            "state": self.state,
            "text": self.text,
        }
