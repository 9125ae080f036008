"""Does the core, fed with a journal, do again what the journal says it did?"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hafailover.group.actions import Action
from hafailover.group.events import Event
from hafailover.runtime.codec import decode_any
from hafailover.runtime.core import Core
from hafailover.runtime.journal import FORMAT_VERSION
from hafailover.runtime.shapes import CodecError
from hafailover.units import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One step, done again."""

    line: int
    group: str
    now: Instant
    event: Event
    actions: tuple[Action, ...]
    recorded: tuple[Action, ...]
    state: Any
    """The state after the step, as the core has it now."""

    @property
    def is_same(self) -> bool:
        """Whether the core asked for the same things in the same order."""
        return self.actions == self.recorded


class JournalError(ValueError):
    """A line of the journal cannot be read; the text begins with its number."""


def replay(lines: Iterable[str | bytes], cores: Mapping[str, Core[Any]]) -> Iterator[Replayed]:
    """Feed the steps of a journal to ``cores`` again, one result for each.

    The last line of a life that was cut off by a power loss is passed over. Steps of groups that ``cores`` does
    not have are passed over too.

    Raises:
        JournalError: A line is of another format or does not fit its type.
    """
    states: dict[str, Any] = {}
    pending: tuple[int, str | bytes] | None = None
    for numbered in enumerate(lines, start=1):
        if pending is not None and not (_begins_life(numbered[1]) and _is_torn(pending[1])):
            yield from _replay_line(*pending, cores, states)
        pending = numbered
    if pending is not None and pending[1][-1:] in ("\n", b"\n"):
        yield from _replay_line(*pending, cores, states)


def _begins_life(text: str | bytes) -> bool:
    return text[:17] in ('{"line":"journal"', b'{"line":"journal"')


def _is_torn(text: str | bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


def _replay_line(
    number: int, text: str | bytes, cores: Mapping[str, Core[Any]], states: dict[str, Any]
) -> Iterator[Replayed]:
    try:
        document = json.loads(text)
        kind = document["line"]
        if kind == "journal":
            _check_header(document)
        elif kind == "snapshot" and document["group"] in cores:
            core = cores[document["group"]]
            states[document["group"]] = decode_any(core.state_type, document["state"])
        elif kind == "step" and document["group"] in cores:
            yield _replay_step(number, document, cores[document["group"]], states)
    except (ValueError, KeyError, TypeError) as error:
        raise JournalError(f"line {number}: {error}") from error


def _check_header(document: Mapping[str, Any]) -> None:
    if document["version"] != FORMAT_VERSION:
        raise CodecError(f"format {document['version']!r}, expected {FORMAT_VERSION}")


def _replay_step(
    number: int, document: Mapping[str, Any], core: Core[Any], states: dict[str, Any]
) -> Replayed:
    group, now = document["group"], Instant(document["now"])
    event: Event = decode_any(Event, document["event"])
    recorded = tuple(decode_any(Action, action) for action in document["actions"])
    states[group], actions = core.step(states[group], event, now)
    return Replayed(
        line=number,
        group=group,
        now=now,
        event=event,
        actions=actions,
        recorded=recorded,
        state=states[group],
    )
