"""Children get what they need and nothing else, and nobody waits for them."""

import os
import signal
from pathlib import Path

import pytest

from hafailover.system.child import Ended
from hafailover.system.python_child import SEARCH_PATH
from hafailover.system.runner import KEEP_BYTES, PATH_VARIABLE, Runner, search_path
from hafailover.units import seconds
from tests.system.conftest import Bench, few_descriptors

LONG = seconds(60)


def run(bench: Bench, runner: Runner, *argv: str, keep: int = KEEP_BYTES) -> Ended:
    ended: list[Ended] = []
    runner.start(argv, deadline=LONG, done=ended.append, keep=keep)
    bench.until(lambda: ended, f"the end of {argv}")
    assert len(ended) == 1
    return ended[0]


def test_status_and_both_outputs_come_back(bench: Bench, runner: Runner) -> None:
    ended = run(bench, runner, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (ended.status, ended.stdout, ended.stderr, ended.problem) == (3, b"out\n", b"err\n", "")
    assert ended.took_ns > 0


def test_a_signal_is_a_negative_status(bench: Bench, runner: Runner) -> None:
    assert run(bench, runner, "sh", "-c", "kill -TERM $$").status == -signal.SIGTERM


def test_the_environment_is_fixed(bench: Bench, runner: Runner) -> None:
    os.environ["HAFAILOVER_OTHER"] = "x"
    try:
        text = run(bench, runner, "env").stdout.decode()
    finally:
        del os.environ["HAFAILOVER_OTHER"]
    names = {line.partition("=")[0] for line in text.splitlines()}
    assert names - {"_", "PWD", "SHLVL"} == {"LC_ALL", "PATH", "HOME"}


def test_a_child_has_no_input_and_its_own_group(bench: Bench, runner: Runner) -> None:
    text = run(bench, runner, "sh", "-c", "cat; ps -o pgid= -p $$; echo $$").stdout.split()
    assert len(text) == 2
    assert text[0] == text[1]


def test_no_descriptor_of_ours_is_inherited(bench: Bench, runner: Runner, tmp_path: Path) -> None:
    with (tmp_path / "open-in-the-agent").open("w"):
        text = run(bench, runner, "sh", "-c", "ls -l /proc/self/fd").stdout
    assert b"/dev/null" in text
    assert b"open-in-the-agent" not in text


def test_the_end_of_a_long_output_is_kept(bench: Bench, runner: Runner) -> None:
    ended = run(bench, runner, "sh", "-c", "seq 1 100000", keep=100)
    assert ended.is_cut
    assert len(ended.stdout) == 100
    assert ended.stdout.endswith(b"99999\n100000\n")


def test_a_long_output_is_whole_when_it_may_be(bench: Bench, runner: Runner) -> None:
    ended = run(bench, runner, "sh", "-c", "seq 1 100000", keep=10**6)
    assert not ended.is_cut
    assert ended.stdout.split() == [b"%d" % number for number in range(1, 100001)]


def test_a_missing_program_is_answered_for(bench: Bench, runner: Runner) -> None:
    ended = run(bench, runner, "no-such-program")
    assert ended.status == 127
    assert ended.problem == f"no-such-program: no such program in {SEARCH_PATH}"


@pytest.mark.parametrize("spare", range(6))
def test_a_start_that_fails_for_want_of_descriptors_keeps_none(
    bench: Bench, runner: Runner, spare: int
) -> None:
    ended: list[Ended] = []
    before = descriptors()
    with few_descriptors(spare):
        child = runner.start(["true"], deadline=LONG, done=ended.append, given=b"x")
    assert child is None
    bench.until(lambda: ended)
    assert ended[0].problem == "true: cannot be started: Too many open files"
    assert descriptors() == before


def test_what_cannot_be_executed_is_answered_for(
    bench: Bench, runner: Runner, tmp_path: Path
) -> None:
    script = tmp_path / "broken"
    script.write_text("no interpreter line")
    script.chmod(0o755)
    ended = run(bench, runner, str(script))
    assert ended.status == 127
    assert "Exec format error" in ended.problem


def test_at_its_deadline_the_group_is_killed_and_answered_for_at_once(
    bench: Bench, runner: Runner, tmp_path: Path
) -> None:
    ended: list[Ended] = []
    pidfile = tmp_path / "pid"
    script = f"sleep 1000 & echo $! > {pidfile}; echo begun; wait"
    runner.start(["sh", "-c", script], deadline=seconds(1), done=ended.append)
    bench.until(lambda: ended)
    assert ended[0].status is None
    assert ended[0].stdout == b"begun\n"
    assert ended[0].problem == "sh did not end within 1 s and was killed"
    grandchild = int(pidfile.read_text())
    bench.until(lambda: is_gone(grandchild), "the grandchild's end")
    bench.until(lambda: runner.running == 0, "the reaping")


def test_a_stuck_child_is_remembered_until_it_ends(bench: Bench, runner: Runner) -> None:
    ended: list[Ended] = []
    child = runner.start(["sleep", "1000"], deadline=seconds(1000), done=ended.append)
    assert child is not None
    # A child in the D state: killed, and yet still there. Reaping is held back to make one.
    child._kill = lambda: None  # type: ignore[method-assign]
    child._abandon()
    assert ended[0].status is None
    assert [(stuck.pid, stuck.argv) for stuck in runner.stuck] == [(child.pid, ("sleep", "1000"))]
    os.kill(child.pid, signal.SIGKILL)
    bench.until(lambda: not runner.stuck, "the stuck child's end")
    assert len(ended) == 1


def test_a_daemon_that_keeps_the_pipes_does_not_keep_the_answer(
    bench: Bench, runner: Runner, tmp_path: Path
) -> None:
    pidfile = tmp_path / "pid"
    ended = run(bench, runner, "sh", "-c", f"sleep 1000 & echo $! > {pidfile}; echo started")
    assert (ended.status, ended.stdout) == (0, b"started\n")
    os.kill(int(pidfile.read_text()), signal.SIGKILL)


def test_what_the_variable_names_is_searched_first(bench: Bench, tmp_path: Path) -> None:
    tool = tmp_path / "gmirror"
    tool.write_text("#!/bin/sh\necho emulated\n")
    tool.chmod(0o755)
    subject = Runner(bench.loop, path=search_path({PATH_VARIABLE: str(tmp_path)}))
    assert run(bench, subject, "gmirror").stdout == b"emulated\n"
    subject.close()


def descriptors() -> set[str]:
    return {each.name for each in Path("/proc/self/fd").iterdir()}


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except FileNotFoundError:
        return True
