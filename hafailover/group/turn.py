"""One turn of the core: the state as it changes while one event is worked off, and the actions that come out.

Only ``machine.step`` makes a turn; everything else in this package takes one. It is the single mutable object of the
core, it lives for one call, and nothing outside sees it.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from hashlib import sha256
from typing import Any

from hafailover.group.actions import Action, Note
from hafailover.group.report import GroupReport, Role
from hafailover.group.settings import GroupSettings
from hafailover.group.state import GroupState, Pending, Records
from hafailover.lineage.record import LineageRecord
from hafailover.storage.view import VolumeView, view_volume
from hafailover.units import SECOND, Instant

_FIELDS = frozenset(field.name for field in fields(GroupState))


class Turn:
    """State, time and settings of one step, with the actions collected so far."""

    __slots__ = ("_fresh", "_views", "actions", "compared", "now", "settings", "state")

    def __init__(self, state: GroupState, now: Instant, settings: GroupSettings) -> None:
        self.state = state
        self.now = now
        self.settings = settings
        self.actions: list[Action] = []
        self._views: tuple[object, tuple[VolumeView, ...] | None] = (None, None)
        self._fresh: tuple[object, GroupReport | None] = (None, None)
        self.compared: tuple[Records, Role, GroupReport, Any] | None = None
        """Which records were compared last in this turn, and what came of it; kept by ``contact``."""

    def set(self, **changes: Any) -> None:
        """Replace fields of the state."""
        assert changes.keys() <= _FIELDS, changes.keys() - _FIELDS  # noqa: S101
        self.state = self.state.changed(changes)

    def do(self, *actions: Action) -> None:
        """Ask for actions, in order."""
        self.actions.extend(actions)

    def note(self, text: str) -> None:
        """Leave a line in the history."""
        self.actions.append(Note(text=text))

    def new_id(self) -> int:
        """Return an id that no action of this life has had."""
        number = self.state.next_id
        self.set(next_id=number + 1)
        return number

    def ask(self, what: str) -> Pending:
        """Return a new pending question."""
        return Pending(id=self.new_id(), since=self.now, what=what)

    def mint(self) -> str:
        """Return a fresh random id (16 hexadecimal digits) derived from this life's entropy."""
        count = self.state.minted + 1
        self.set(minted=count)
        return sha256(f"{self.state.entropy}:{self.settings.name}:{count}".encode()).hexdigest()[
            :16
        ]

    def become(self, role: Role, why: str) -> None:
        """Change the role, with the reason that status and history show."""
        if role is not self.state.role:
            self.note(f"{self.state.role.value} -> {role.value}: {why}")
            if self.state.role in (Role.PRIMARY, Role.DEMOTING):
                self.set(acted_at=self.now)
            self.set(role=role, role_since=self.now)
        self.set(why=why)

    def set_records(self, changed: Records) -> None:
        """State what the records shall say; the machine makes them durable before anything depends on them."""
        if changed == self.state.records:
            return  # As most of the time; records that are the same object are not looked into.
        before = dict(self.state.records)
        news = {name: record for name, record in changed if record != before.get(name)}
        if news:
            numbered = ((name, self._numbered(record)) for name, record in news.items())
            self.set(records=tuple({**before, **dict(numbered)}.items()))

    def _numbered(self, record: LineageRecord) -> LineageRecord:
        return replace(
            record, sequence=record.sequence + 1, epoch=max(record.epoch, self.state.epoch)
        )

    def change_records(self, change: Callable[[str, LineageRecord], LineageRecord]) -> None:
        """Apply one change to the record of every volume: a copy's state counts per group."""
        self.set_records(tuple((name, change(name, record)) for name, record in self.state.records))

    def views(self) -> tuple[VolumeView, ...] | None:
        """Return what was last seen of every volume, or None if anything is unknown or out of date."""
        facts = self.state.facts
        if facts is None or self.state.must_look:
            return None
        if self._views[0] is not facts:
            seen = [view_volume(volume, facts) for volume in self.settings.volumes]
            known = tuple(view for view in seen if view is not None)
            self._views = (facts, known if len(known) == len(seen) else None)
        return self._views[1]

    def last_seen(self) -> tuple[VolumeView, ...] | None:
        """Return what was last seen of every volume, though a step may have changed it since; None if unknown."""
        facts = self.state.facts
        if facts is None:
            return None
        seen = [view_volume(volume, facts) for volume in self.settings.volumes]
        known = tuple(view for view in seen if view is not None)
        return known if len(known) == len(seen) else None

    def look_again(self) -> None:
        """Have the storage looked at before anything is planned."""
        self.set(must_look=True, look_after=self.state.next_id)

    @property
    def wall_s(self) -> int:
        """About what time it is, in Unix seconds, to be shown to people; 0 = not known. Nothing may depend on it."""
        begun = self.state.wall_s
        return begun + (self.now - self.state.started_at) // SECOND if begun else 0

    @property
    def peer_report(self) -> GroupReport | None:
        """The peer's last report, if it is fresh enough to act on."""
        peer = self.state.peer
        if self._fresh[0] is not peer:
            heard_at = peer.heard_at
            is_silent = heard_at is None or self.now - heard_at > self.settings.silence
            self._fresh = (peer, None if is_silent else peer.report)
        return self._fresh[1]


def first(items: "tuple[tuple[str, Any], ...]", key: str) -> Any:
    """Return the value of ``key`` in a tuple of pairs, or None."""
    return next((value for name, value in items if name == key), None)


def put(
    items: "tuple[tuple[str, Any], ...]", key: str, value: Any
) -> "tuple[tuple[str, Any], ...]":
    """Return the pairs with ``key`` set to ``value``."""
    return (*((name, old) for name, old in items if name != key), (key, value))
