"""What stands where a port has nothing behind it in this configuration."""

from hafailover.arbiter.requests import Request
from hafailover.lineage.record import LineageRecord
from hafailover.system.pauses import PauseStore
from hafailover.system.records import RecordStore
from hafailover.units import Instant


class NoArbiter:
    """The arbiters ``ping`` and ``none`` are never asked: there is nobody who could answer."""

    def ask(self, group: str, request_id: int, request: Request) -> None:
        """Refuse: the core asks only arbiters that the configuration check lets through."""
        raise AssertionError(f"{group}: there is nobody to ask for {request} ({request_id})")

    async def close(self) -> None:
        """Nothing is under way."""


class NoWatchdog:
    """The arbiters ``ping`` and ``none`` have no grant that a watchdog could guard."""

    def arm(self, group: str, arm_id: int, pat_until: Instant) -> None:
        """Refuse: the core arms it only for a grant."""
        raise AssertionError(f"{group}: no watchdog ({arm_id}, {pat_until})")

    def allow(self, group: str, pat_until: Instant) -> None:
        """Refuse: the core arms it only for a grant."""
        raise AssertionError(f"{group}: no watchdog ({pat_until})")

    def disarm(self, group: str) -> None:
        """Nothing is armed."""

    def close(self) -> None:
        """Nothing is armed."""


class DurablePort:
    """Records and pauses behind the one port that the driver knows."""

    def __init__(self, records: RecordStore, pauses: PauseStore) -> None:
        self._records = records
        self._pauses = pauses

    def write(
        self, group: str, write_id: int, records: tuple[tuple[str, LineageRecord], ...]
    ) -> None:
        """Make records durable."""
        self._records.write(group, write_id, records)

    def persist_pause(self, group: str, until_wall: int | None, reason: str) -> None:
        """Make a pause, or its end, durable."""
        self._pauses.persist(group, until_wall, reason)
