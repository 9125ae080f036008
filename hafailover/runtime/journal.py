"""What happened, so that it can be replayed bit for bit?

The journal is JSON lines, each with a key ``line`` that says what it is:

``journal``   the first of every file and of every life of the agent: format version, the agent's version, node, boot
``clock``     (offset): the Unix time, in nanoseconds, at which the clock of the steps that follow stood at zero
``snapshot``  (group, state): where the steps of this group that follow begin
``step``      (group, now, event, actions): one call of the core; its state before is the one after
              the step or snapshot of this group before it

A group at rest costs nothing: its last steps stand in a ring in memory, with the state before
each, and are written when something happens that is news. What the ring lost in between is a gap,
after which a snapshot stands. Values are immutable, so that encoding can wait: ``pump`` encodes one
step at a time when the loop has nothing better to do, and writing is the sink's business. If the
sink loses lines, the journal begins anew in the same file, with its first line and snapshots.
"""

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from hafailover.group.actions import Action
from hafailover.group.events import Event
from hafailover.runtime.codec import encode
from hafailover.runtime.steady import SteadyWatch
from hafailover.units import SECOND, Instant

FORMAT_VERSION: Final = 1
RING_STEPS: Final = 64
"""So many steps of each group are remembered, news or not: some seconds of a pair at rest."""
CLOCK_PERIOD: Final = 60 * SECOND
"""After so long the two clocks are compared again: the one on the wall may have been set."""
BACKLOG_LINES_MAX: Final = 20_000
"""Beyond it the newest steps are dropped, and counted: a hung disk must not eat the memory."""


ANEW_PERIOD: Final = SECOND
"""While the sink loses lines, the journal begins anew at most so often: a snapshot costs time."""


class Loss(NamedTuple):
    """How much a sink has taken and lost, all in all."""

    lines: int = 0
    bytes: int = 0
    gaps: int = 0
    """How often lines began to be lost."""


class Sink(Protocol):
    """Where finished lines go; returns at once."""

    @property
    def loss(self) -> Loss:
        """What was taken and yet is not on the disk; then what follows it is lost too, until ``resume``."""
        ...

    def write(self, line: bytes) -> bool:
        """Take a line (with its newline); False = it had to be dropped."""
        ...

    def rotate(self) -> None:
        """Begin a new file with the next line; the one before it is kept, older ones are not."""
        ...

    def resume(self) -> None:
        """Write what follows, which rests on nothing that was lost."""
        ...


class Entry(NamedTuple):
    """One step, with the state before it."""

    now: Instant
    before: Any
    event: Event
    actions: tuple[Action, ...]


@dataclass(slots=True)
class _GroupTrack:
    """What is remembered of one group."""

    ring: deque[Entry] = field(default_factory=deque)
    watch: SteadyWatch = field(default_factory=SteadyWatch)
    is_continuous: bool = False
    """Whether the oldest entry of the ring follows the last one that was handed to be written."""


class _Line(NamedTuple):
    """A step that waits to be encoded."""

    group: str
    entry: Entry
    begins: bool
    """Whether steps of this group before it were lost, so that it needs a snapshot."""


class Journal:
    """Collects steps; hands those worth it to the sink."""

    def __init__(
        self,
        sink: Sink,
        state_types: Mapping[str, Any],
        *,
        header: Mapping[str, str],
        bytes_max: int,
        offset: Callable[[], int] | None = None,
    ) -> None:
        """Make an empty journal.

        Args:
            sink: Takes the finished lines.
            state_types: Of the groups, by name.
            header: Stands at the beginning of every file.
            bytes_max: Of a file and its predecessor together.
            offset: Returns the Unix time (ns) at which the clock of the steps stood at zero; without it nobody can
                tell later when things happened.
        """
        self._sink = sink
        self._state_types = dict(state_types)
        self._tracks = {group: _GroupTrack() for group in state_types}
        self._header = dict(header)
        self._file_bytes_max = bytes_max // 2
        self._file_bytes = 0
        self._has_header = False
        self._offset = offset
        self._clock_at: int | None = None
        self._begun: set[str] = set()
        """Groups of which a later step fits what stands in the present file."""
        self._backlog: deque[_Line] = deque()
        self._dropped = 0
        self._known_loss = sink.loss
        self._anew_at: int | None = None

    @property
    def dropped(self) -> int:
        """Lines lost to a full backlog, to a sink that did not keep up, or to the disk."""
        return self._dropped + self._sink.loss.lines

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to be encoded."""
        return not self._backlog

    def add(
        self,
        group: str,
        *,
        now: Instant,
        before: Any,
        event: Event,
        actions: tuple[Action, ...],
    ) -> None:
        """Remember a step, and have it written together with what led to it if it is news."""
        track = self._tracks[group]
        if len(track.ring) >= RING_STEPS:
            track.ring.popleft()
            track.is_continuous = False
        track.ring.append(Entry(now, before, event, actions))
        if track.watch.is_news(event, actions):
            self.flush(group)

    def flush(self, group: str) -> None:
        """Have everything written that is remembered of this group."""
        track = self._tracks[group]
        if len(self._backlog) + len(track.ring) >= BACKLOG_LINES_MAX:
            self._dropped += len(track.ring)
            track.is_continuous = False
        else:
            for entry in track.ring:
                self._backlog.append(_Line(group, entry, begins=not track.is_continuous))
                track.is_continuous = True
        track.ring.clear()

    def pump(self) -> bool:
        """Encode and hand over one waiting step; returns whether more are waiting."""
        if self._backlog:
            self._hand_over(self._backlog.popleft())
        return bool(self._backlog)

    def _hand_over(self, line: _Line) -> None:
        if self._sink.loss.gaps != self._known_loss.gaps and not self._begins_anew(line.entry.now):
            self._dropped += 1
            return
        if self._file_bytes >= self._file_bytes_max:
            self._sink.rotate()
            self._has_header = False
            self._file_bytes = 0
        if not self._has_header:
            self._begun.clear()
            self._has_header = self._write(
                {"line": "journal", "version": FORMAT_VERSION, **self._header}
            )
            self._clock_at = None
        self._tell_clock(line.entry.now)
        if line.begins:
            self._begun.discard(line.group)
        if line.group not in self._begun and self._write(self._snapshot(line)):
            self._begun.add(line.group)
        if line.group in self._begun and not self._write(self._step(line)):
            # Whatever follows of this group would not fit what is on the disk.
            self._begun.discard(line.group)

    def _begins_anew(self, now: int) -> bool:
        """Leave what was lost behind, unless that was tried a moment ago."""
        if self._anew_at is not None and 0 <= now - self._anew_at < ANEW_PERIOD:
            return False
        self._anew_at = now
        loss = self._sink.loss
        self._file_bytes = max(0, self._file_bytes - (loss.bytes - self._known_loss.bytes))
        self._known_loss = loss
        self._has_header = False
        self._sink.resume()
        return True

    def _tell_clock(self, now: int) -> None:
        if self._offset is None:
            return
        if self._clock_at is None or not 0 <= now - self._clock_at < CLOCK_PERIOD:
            self._clock_at = now
            self._write({"line": "clock", "offset": self._offset()})

    def _snapshot(self, line: _Line) -> dict[str, Any]:
        state = encode(self._state_types[line.group], line.entry.before)
        return {"line": "snapshot", "group": line.group, "state": state}

    def _step(self, line: _Line) -> dict[str, Any]:
        entry = line.entry
        return {
            "line": "step",
            "group": line.group,
            "now": entry.now,
            "event": encode(Event, entry.event),
            "actions": [encode(Action, action) for action in entry.actions],
        }

    def _write(self, document: Mapping[str, Any]) -> bool:
        text = json.dumps(document, separators=(",", ":"), ensure_ascii=True)
        encoded = text.encode() + b"\n"
        if not self._sink.write(encoded):
            self._dropped += 1
            return False
        self._file_bytes += len(encoded)
        return True
