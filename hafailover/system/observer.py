"""How is one look at the whole host put together from the looks at its parts?

All parts of one observation are looked at at once. Each has its own deadline, and a part that could
not be seen is None in the facts, with the reason in ``problem``: the others still count.

A routine observation begins with the GEOM tree. While that shows what it showed (a mount, an unmount, a
lost component and a rebuild all change it), the other parts are told as they were seen last, if that
was complete, settled and not long ago: started once a second, their programs would cost more than all the rest.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, Protocol

from hafailover.group.actions import Observe
from hafailover.group.events import Event, StorageObserved
from hafailover.storage import observing
from hafailover.storage.facts import ImageFacts, Opener, StorageFacts
from hafailover.storage.geom_facts import GeomFacts
from hafailover.storage.mounts import parse_mounts
from hafailover.storage.openers import parse_openers
from hafailover.storage.processes import parse_processes
from hafailover.storage.steps import CommandStep
from hafailover.system.looks import CommandLook, Seen, SharedLook
from hafailover.system.runner import Runner

LATELY_S: Final = 2.9
"""So old may be what a routine observation tells of everything but GEOM; with looks every second, three of them."""
LATELY_MIRRORED_S: Final = 9.9
"""The same where a mirror stands: GEOM shows its components and who has it open, and the canary runs through it.

A standby's tree shows nothing, so what it exports is looked at more often.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceFacts:
    """One network interface: its addresses as ``A/len`` text, and its carrier (None = unknown)."""

    addresses: tuple[str, ...]
    link_up: bool | None


class InterfaceLook(Protocol):
    """Shows the interface of a group."""

    def ask(self, done: Callable[[Seen[InterfaceFacts]], None]) -> None:
        """Look; ``done`` is called later, exactly once."""
        ...


class ImageLook(Protocol):
    """Shows image files, through a worker process."""

    def __call__(self, path: str, done: Callable[[ImageFacts], None]) -> None:
        """Look; ``done`` is called later, exactly once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupScope:
    """What is to be looked at for one group besides what the observation names."""

    interface: InterfaceLook
    has_storage: bool


@dataclass(slots=True, kw_only=True)
class _Gathering:
    """One observation under way."""

    group: str
    look_id: int
    began: float
    wanted: int
    values: dict[str, Any] = field(default_factory=dict)
    images: dict[str, ImageFacts] = field(default_factory=dict)
    openers: dict[str, tuple[Opener, ...]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Complete:
    """The last observation of a group that was complete, and which images it was of."""

    at: float
    images: frozenset[str]
    geom: GeomFacts
    facts: StorageFacts


class HostObserver:
    """Performs the observations of all groups, and feeds what was seen."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        runner: Runner,
        *,
        geom: SharedLook[GeomFacts],
        look_at_image: ImageLook,
        scopes: Mapping[str, GroupScope],
        feed: Callable[[str, Event], None],
    ) -> None:
        self._loop = loop
        self._runner = runner
        self._look_at_image = look_at_image
        self._scopes = scopes
        self._feed = feed
        self._geom = geom
        self._mounts = self._look(observing.look_at_mounts(), parse_mounts)
        self._processes = self._look(observing.look_at_processes(), parse_processes)
        self._openers: dict[str, CommandLook[tuple[Opener, ...]]] = {}
        self._complete: dict[str, _Complete] = {}

    def observe(self, group: str, wanted: Observe) -> None:
        """Begin to look; ``StorageObserved`` with its id follows, whatever hangs."""
        if wanted.is_routine and self._lately(group, wanted) is not None:
            self._geom.ask(partial(self._got_routine, group, wanted))
        else:
            self._look_at_all(group, wanted)

    def _lately(self, group: str, wanted: Observe) -> _Complete | None:
        last = self._complete.get(group)
        if last is None or last.images != frozenset(wanted.images) or wanted.openers_of:
            return None
        old_s = LATELY_MIRRORED_S if last.geom.mirrors else LATELY_S
        return last if self._loop.time() - last.at <= old_s else None

    def _got_routine(self, group: str, wanted: Observe, seen: Seen[GeomFacts]) -> None:
        last = self._lately(group, wanted)
        if last is None or seen.value != last.geom:
            self._look_at_all(group, wanted, seen)
            return
        facts = replace(last.facts, held_units=self._held_units())
        self._feed(group, StorageObserved(id=wanted.id, facts=facts))

    def _look_at_all(
        self, group: str, wanted: Observe, geom: Seen[GeomFacts] | None = None
    ) -> None:
        scope = self._scopes[group]
        shared: dict[str, SharedLook[Any]] = {}
        if scope.has_storage:
            shared = {"mounts": self._mounts, "processes": self._processes}
            if geom is None:
                shared["geom"] = self._geom
        gathering = _Gathering(
            group=group,
            look_id=wanted.id,
            began=self._loop.time(),
            wanted=1 + len(shared) + len(wanted.images) + len(wanted.openers_of),
        )
        if geom is not None:
            gathering.wanted += 1
            self._got(gathering, "geom", geom)
        scope.interface.ask(partial(self._got, gathering, "interface"))
        for name, look in shared.items():
            look.ask(partial(self._got, gathering, name))
        for path in wanted.images:
            self._look_at_image(path, partial(self._got_image, gathering, path))
        for path in wanted.openers_of:
            self._opener_look(path).ask(partial(self._got_openers, gathering, path))

    def _look(self, step: CommandStep, parse: Callable[[str], Any]) -> CommandLook[Any]:
        return CommandLook(
            self._loop, self._runner, argv=step.argv, deadline=step.deadline, parse=parse
        )

    def _opener_look(self, path: str) -> CommandLook[tuple[Opener, ...]]:
        if path not in self._openers:
            self._openers[path] = self._look(observing.look_at_openers(path), parse_openers)
        return self._openers[path]

    def _got(self, gathering: _Gathering, name: str, seen: Seen[Any]) -> None:
        gathering.values[name] = seen.value
        self._note(gathering, seen.problem)

    def _got_image(self, gathering: _Gathering, path: str, facts: ImageFacts) -> None:
        gathering.images[path] = facts
        self._note(gathering, f"{path}: {facts.problem}" if facts.problem else "")

    def _got_openers(
        self, gathering: _Gathering, path: str, seen: Seen[tuple[Opener, ...]]
    ) -> None:
        if seen.value is not None:
            gathering.openers[path] = seen.value
        self._note(gathering, seen.problem)

    def _note(self, gathering: _Gathering, problem: str) -> None:
        if problem:
            gathering.problems.append(problem)
        gathering.wanted -= 1
        if gathering.wanted == 0:
            facts = self._facts(gathering)
            self._remember(gathering, facts)
            self._feed(gathering.group, StorageObserved(id=gathering.look_id, facts=facts))

    def _remember(self, gathering: _Gathering, facts: StorageFacts) -> None:
        self._complete.pop(gathering.group, None)
        geom: GeomFacts | None = gathering.values.get("geom")
        if facts.is_complete and geom is not None and not _is_waiting(facts):
            self._complete[gathering.group] = _Complete(
                at=gathering.began,
                images=frozenset(gathering.images),
                geom=geom,
                facts=replace(facts, openers=()),
            )

    def _held_units(self) -> tuple[str, ...]:
        return tuple(sorted({stuck.unit for stuck in self._runner.stuck if stuck.unit}))

    def _facts(self, gathering: _Gathering) -> StorageFacts:
        values = gathering.values
        # A group without volumes asks for nothing but its interface, and has nothing else.
        absent = None if self._scopes[gathering.group].has_storage else ()
        geom: GeomFacts | None = values.get("geom")
        interface: InterfaceFacts | None = values["interface"]
        return StorageFacts(
            memory_disks=geom.memory_disks if geom else absent,
            gates=geom.gates if geom else absent,
            mirrors=geom.mirrors if geom else absent,
            label_providers=geom.label_providers if geom else (),
            mounts=values.get("mounts", absent),
            processes=values.get("processes", absent),
            images=tuple(sorted(gathering.images.items())),
            openers=tuple(sorted(gathering.openers.items())),
            addresses=interface.addresses if interface else None,
            link_up=interface.link_up if interface else None,
            held_units=self._held_units(),
            problem="; ".join(sorted(gathering.problems)),
        )


def _is_waiting(facts: StorageFacts) -> bool:
    """Whether an address is not usable, which may change and neither GEOM nor a routing message tells of it."""
    states = {address.partition(" ")[2] for address in facts.addresses or ()}
    return not states.isdisjoint({"tentative", "duplicated"})
