"""One observation is made of looks that are shared, late, hung or not understood."""

import os
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hafailover.group.actions import Observe
from hafailover.group.events import Event, StorageObserved
from hafailover.storage.facts import ImageFacts, MirrorState, Mount, Opener, StorageFacts
from hafailover.system import observer
from hafailover.system.geom_look import GeomLook
from hafailover.system.looks import CommandLook, Seen
from hafailover.system.observer import GroupScope, HostObserver, InterfaceFacts
from hafailover.system.runner import Runner, search_path
from hafailover.system.worker import StuckWorker, Worker
from hafailover.units import milliseconds, seconds
from tests.system.conftest import Bench

CONFXML = Path(__file__).parents[1] / "data/freebsd-14.0/confxml"
LAN = InterfaceFacts(addresses=("192.0.2.1/24",), link_up=True)


class Interface:
    """An interface that answers at once with what it is told to."""

    seen: Seen[InterfaceFacts] = Seen(value=LAN)

    def ask(self, done: Callable[[Seen[InterfaceFacts]], None]) -> None:
        done(self.seen)


class Rig:
    """An observer of a host whose commands are scripts in a directory."""

    def __init__(self, bench: Bench, directory: Path) -> None:
        self.bench = bench
        self.directory = directory
        path = search_path({"HAFAILOVER_PATH": str(directory)})
        self.runner = Runner(bench.loop, path=path)
        self.worker = Worker(bench.loop, "geom", path=path)
        self.interface = Interface()
        self.events: list[tuple[str, Event]] = []
        self.images: dict[str, ImageFacts] = {}
        self.subject = HostObserver(
            bench.loop,
            self.runner,
            geom=GeomLook(bench.loop, self.worker),
            look_at_image=lambda path, done: done(self.images[path]),
            scopes={
                "data": GroupScope(interface=self.interface, has_storage=True),
                "more": GroupScope(interface=self.interface, has_storage=True),
                "plain": GroupScope(interface=self.interface, has_storage=False),
            },
            feed=lambda group, event: self.events.append((group, event)),
        )
        self.tool("sysctl", f"cat {min(CONFXML.glob('*.confxml'))}")
        self.tool("mount", "echo '/dev/ada0p2 on / (ufs, local, soft-updates)'")
        self.tool("ps", "echo '  7     1     7 Ss   ggated -a 10.0.0.1 exports'")
        self.tool("fstat", "echo 'USER     CMD          PID   FD MOUNT      INUM MODE SZ|DV R/W'")

    def tool(self, name: str, body: str) -> None:
        path = self.directory / name
        path.write_text(f"#!/bin/sh\necho x >> {self.directory}/{name}.calls\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def calls(self, name: str) -> int:
        log = self.directory / f"{name}.calls"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def look(self, group: str, look_id: int, *openers_of: str, is_routine: bool = False) -> None:
        wanted = Observe(
            id=look_id,
            images=tuple(self.images),
            openers_of=openers_of,
            is_routine=is_routine,
        )
        self.subject.observe(group, wanted)

    def facts(
        self, *openers_of: str, group: str = "data", look_id: int = 1, is_routine: bool = False
    ) -> StorageFacts:
        self.events.clear()
        self.look(group, look_id, *openers_of, is_routine=is_routine)
        self.bench.until(lambda: self.events, "the observation")
        [(name, event)] = self.events
        assert isinstance(event, StorageObserved)
        assert (name, event.id) == (group, look_id)
        return event.facts


@pytest.fixture
def rig(bench: Bench, tmp_path: Path) -> Iterator[Rig]:
    subject = Rig(bench, tmp_path)
    yield subject
    subject.worker.close()
    subject.runner.close()


def test_all_parts_come_together(rig: Rig) -> None:
    rig.images = {"/a.img": ImageFacts(exists=True, size_bytes=512)}
    facts = rig.facts("/a.img")
    assert facts.is_complete
    assert facts.memory_disks is not None
    assert facts.mounts == (
        Mount(device="/dev/ada0p2", mount_point="/", kind="ufs", is_read_only=False),
    )
    assert [process.program for process in facts.processes or ()] == ["ggated"]
    assert facts.images == (("/a.img", ImageFacts(exists=True, size_bytes=512)),)
    assert facts.openers == (("/a.img", ()),)
    assert (facts.addresses, facts.link_up) == (("192.0.2.1/24",), True)


def test_every_recorded_document_is_understood(rig: Rig) -> None:
    states: set[MirrorState] = set()
    for document in CONFXML.glob("*.confxml"):
        rig.tool("sysctl", f"cat {document}")
        facts = rig.facts()
        assert facts.is_complete, document
        states |= {mirror.state for mirror in facts.mirrors or ()}
    assert MirrorState.COMPLETE in states


def test_a_part_that_fails_is_unknown_and_the_others_are_not(rig: Rig) -> None:
    rig.tool("mount", "echo 'mount: boom' >&2; exit 1")
    facts = rig.facts()
    assert facts.mounts is None
    assert facts.processes is not None
    assert facts.problem == "mount ended with 1: mount: boom"


def test_a_part_that_is_not_understood_is_unknown(rig: Rig) -> None:
    rig.tool("sysctl", "echo '<mesh><class'")
    facts = rig.facts()
    assert facts.mirrors is None
    assert "confxml" in facts.problem


def test_an_interface_that_cannot_be_seen_is_unknown(rig: Rig) -> None:
    rig.interface.seen = Seen(value=None, problem="no lnc1")
    facts = rig.facts()
    assert (facts.addresses, facts.link_up, facts.problem) == (None, None, "no lnc1")


def test_openers_are_read(rig: Rig) -> None:
    line = "root     ggated         77    5 /          1234 -rw-------  1048576 rw"
    rig.tool("fstat", f"echo 'USER     CMD          PID   FD MOUNT'; echo '{line}'")
    (_, openers), *_ = rig.facts("/a.img").openers
    assert [(opener.command, opener.pid) for opener in openers] == [("ggated", 77)]
    assert all(isinstance(opener, Opener) for opener in openers)


def test_groups_that_ask_together_share_one_look(rig: Rig) -> None:
    rig.look("data", 1)
    rig.look("more", 2)
    rig.bench.until(lambda: len(rig.events) == 2)
    assert {group for group, _ in rig.events} == {"data", "more"}
    assert (rig.calls("sysctl"), rig.calls("mount"), rig.calls("ps")) == (1, 1, 1)


def test_who_asks_while_a_look_is_under_way_gets_a_later_one(rig: Rig) -> None:
    rig.look("data", 1)
    rig.bench.until(lambda: rig.calls("sysctl") == 1)
    rig.look("more", 2)
    rig.bench.until(lambda: len(rig.events) == 2)
    assert rig.calls("sysctl") == 2


def test_a_routine_look_starts_nothing_while_geom_shows_what_it_showed(rig: Rig) -> None:
    first = rig.facts()
    again = rig.facts(is_routine=True)
    assert again == first
    assert (rig.calls("sysctl"), rig.calls("mount"), rig.calls("ps")) == (2, 1, 1)


def test_a_change_of_geom_makes_a_routine_look_a_whole_one(rig: Rig) -> None:
    first = rig.facts()
    rig.tool("sysctl", f"cat {max(CONFXML.glob('*.confxml'))}")
    rig.tool("mount", "echo '/dev/ada0p3 on / (ufs, local)'")
    again = rig.facts(is_routine=True)
    assert again.mounts != first.mounts
    assert (rig.calls("sysctl"), rig.calls("mount"), rig.calls("ps")) == (2, 2, 2)


def test_what_a_routine_look_tells_is_never_old(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.facts()
    monkeypatch.setattr(observer, "LATELY_S", 0.0)
    rig.facts(is_routine=True)
    assert (rig.calls("mount"), rig.calls("ps")) == (2, 2)


def test_where_a_mirror_stands_the_rest_is_looked_at_less_often(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "LATELY_S", 0.0)
    rig.tool("sysctl", f"cat {CONFXML / '06-complete-idle.confxml'}")
    rig.facts()
    rig.facts(is_routine=True)
    assert (rig.calls("mount"), rig.calls("ps")) == (1, 1)
    monkeypatch.setattr(observer, "LATELY_MIRRORED_S", 0.0)
    rig.facts(is_routine=True)
    assert (rig.calls("mount"), rig.calls("ps")) == (2, 2)


@pytest.mark.parametrize("state", ["tentative", "duplicated"])
def test_an_address_that_is_not_usable_yet_is_looked_at_again(rig: Rig, state: str) -> None:
    """What comes of duplicate address detection changes nothing that GEOM shows."""
    rig.tool("sysctl", f"cat {CONFXML / '06-complete-idle.confxml'}")
    waiting = InterfaceFacts(addresses=("192.0.2.1/24", f"2001:db8::1/64 {state}"), link_up=True)
    rig.interface.seen = Seen(value=waiting)
    assert rig.facts().addresses == waiting.addresses
    rig.interface.seen = Seen(value=LAN)
    assert rig.facts(is_routine=True).addresses == LAN.addresses
    assert rig.facts(is_routine=True).addresses == LAN.addresses
    assert rig.calls("mount") == 2


def test_after_an_incomplete_look_a_routine_one_is_whole(rig: Rig) -> None:
    rig.facts()
    rig.tool("mount", "exit 1")
    rig.facts()
    rig.tool("mount", "echo '/dev/ada0p3 on / (ufs, local)'")
    assert rig.facts(is_routine=True).is_complete
    assert rig.calls("mount") == 3


def test_a_hung_kernel_is_asked_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hafailover.system.geom_look.LOOK", milliseconds(1500))
    rig.tool("sysctl", "exec sleep 1000")
    assert "did not end in time" in rig.facts().problem
    stuck = StuckWorker(pid=1, worker="", operation="", arguments={}, since_ns=0)
    monkeypatch.setattr(Worker, "stuck", (stuck,))
    assert "sysctl kern.geom.confxml has hung for " in rig.facts().problem
    assert rig.calls("sysctl") == 1


def test_a_plain_group_costs_no_storage_command(rig: Rig) -> None:
    facts = rig.facts(group="plain")
    assert facts.is_complete
    assert rig.calls("sysctl") + rig.calls("mount") + rig.calls("ps") == 0


def test_a_hung_look_is_never_doubled(bench: Bench, tmp_path: Path) -> None:
    runner = Runner(bench.loop, path=search_path({"HAFAILOVER_PATH": str(tmp_path)}))
    tool = tmp_path / "sysctl"
    tool.write_text("#!/bin/sh\nexec sleep 1000\n")
    tool.chmod(0o755)
    look = CommandLook(bench.loop, runner, argv=("sysctl",), deadline=milliseconds(200), parse=len)
    seen: list[Seen[int]] = []
    look.ask(seen.append)
    bench.until(lambda: runner.running == 1, "the start")
    [child] = runner._children.values()
    # As if it waited inside the kernel: the kill has no effect.
    child._kill = lambda: None  # type: ignore[method-assign]
    bench.until(lambda: len(seen) == 1, "the first answer")
    assert seen[0].problem == "sysctl did not end within 0.2 s and was killed"
    look.ask(seen.append)
    bench.until(lambda: len(seen) == 2, "the second answer")
    assert seen[1].problem.startswith("sysctl has hung for ")
    assert runner.running == 1
    os.kill(child.pid, signal.SIGKILL)
    bench.until(lambda: runner.running == 0, "the end of the hung one")
    tool.write_text("#!/bin/sh\nprintf 12345\n")
    look.ask(seen.append)
    bench.until(lambda: len(seen) == 3, "the third answer")
    assert seen[2] == Seen(value=5)
    runner.close()


def test_units_of_stuck_children_are_held(rig: Rig) -> None:
    child = rig.runner.start(
        ["sleep", "1000"], deadline=seconds(1000), done=lambda _: None, unit="ggate11"
    )
    assert child is not None
    kill = child._kill
    child._kill = lambda: None  # type: ignore[method-assign]
    child._abandon()
    assert rig.facts().held_units == ("ggate11",)
    kill()
    rig.bench.until(lambda: not rig.runner.stuck)
    assert rig.facts().held_units == ()
