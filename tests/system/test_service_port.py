"""What a service's command says comes back, and what it leaves running may go on speaking."""

import os
import stat
from pathlib import Path

import pytest

from hafailover.group.actions import ServiceVerb
from hafailover.group.events import Event, ServiceFinished
from hafailover.group.settings import ServiceSettings
from hafailover.storage.steps import StepOutcome
from hafailover.system import output_file
from hafailover.system.runner import KEEP_BYTES, Runner
from hafailover.system.service_port import ServicePort
from tests.system.conftest import Bench

DAEMON = """
(while [ ! -e {0}/ended ]; do sleep 0.05; done; echo late; echo late >&2; echo alive > {0}/alive) &
echo began; echo complaint >&2
"""


class Rig:
    """A service port, and what it answered."""

    def __init__(self, bench: Bench, runner: Runner, directory: Path) -> None:
        self.bench = bench
        self.directory = directory
        self.files = directory / "run"
        self.settings = ServiceSettings(
            name="s",
            start=("sh", "-c", DAEMON.format(directory)),
            stop=("sh", "-c", "echo busy >&2; exit 3"),
            check=("sh", "-c", "echo unwell; exit 1"),
        )
        self.answers: list[Event] = []
        self.port = ServicePort(
            bench.loop,
            runner,
            {("g", "s"): self.settings},
            lambda _, event: self.answers.append(event),
            directory=self.files,
        )

    def run(self, verb: ServiceVerb) -> StepOutcome:
        self.answers.clear()
        self.port.run("g", 1, "s", verb)
        self.bench.until(lambda: self.answers, f"the end of {verb}")
        [answer] = self.answers
        assert isinstance(answer, ServiceFinished)
        return answer.outcome

    def end(self) -> None:
        """Let what was left running say its last words."""
        (self.directory / "ended").touch()
        self.bench.until((self.directory / "alive").exists, "the daemon's last word")

    def file(self, name: str) -> Path:
        return self.files / f"g:s.{name}"


@pytest.fixture
def rig(bench: Bench, runner: Runner, tmp_path: Path) -> Rig:
    return Rig(bench, runner, tmp_path)


def test_what_a_start_leaves_running_outlives_its_first_word(rig: Rig) -> None:
    outcome = rig.run(ServiceVerb.START)
    assert (outcome.status, outcome.stdout, outcome.stderr) == (0, "began\n", "complaint\n")
    rig.end()
    assert rig.file("start.out").read_text() == "began\nlate\n"
    assert rig.file("start.err").read_text() == "complaint\nlate\n"
    assert stat.S_IMODE(rig.file("start.err").stat().st_mode) == 0o600


def test_each_run_begins_anew_and_no_other_command_speaks_for_it(rig: Rig) -> None:
    rig.run(ServiceVerb.START)
    for _ in range(2):
        outcome = rig.run(ServiceVerb.STOP)
        assert (outcome.status, outcome.stdout, outcome.stderr) == (3, "", "busy\n")
    assert rig.run(ServiceVerb.CHECK).stdout == "unwell\n"
    assert rig.file("start.out").read_text() == "began\n"
    rig.end()


def test_where_no_file_can_be_made_the_command_runs_all_the_same(rig: Rig) -> None:
    rig.files.write_text("in the way")
    outcome = rig.run(ServiceVerb.START)
    assert (outcome.status, outcome.stdout, outcome.stderr) == (0, "", "")
    rig.end()


def test_a_planted_link_is_not_followed(rig: Rig) -> None:
    rig.files.mkdir()
    rig.file("stop.err").symlink_to(rig.directory / "precious")
    assert rig.run(ServiceVerb.STOP).stderr == ""
    assert not (rig.directory / "precious").exists()


def test_only_the_end_of_much_is_told(rig: Rig) -> None:
    object.__setattr__(rig.settings, "stop", ("sh", "-c", "seq 1 100000"))
    outcome = rig.run(ServiceVerb.STOP)
    assert outcome.stdout.endswith("\n99999\n100000\n")
    assert len(outcome.stdout) == KEEP_BYTES


def test_a_daemon_that_writes_much_is_bounded_by_the_checks(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.run(ServiceVerb.START)
    monkeypatch.setattr(output_file, "BYTES_MAX", len("began\n"))
    rig.run(ServiceVerb.CHECK)
    assert rig.file("start.out").read_text() == "began\n"
    with rig.file("start.out").open("a") as out:
        os.write(out.fileno(), b"more")
    rig.run(ServiceVerb.CHECK)
    rig.end()
    assert rig.file("start.out").read_text() == "late\n"
