"""Workers: real children that hang, die and are replaced."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from hafailover.system import worker as worker_module
from hafailover.system.worker import AnswerKind, Worker
from hafailover.units import milliseconds, seconds

PATIENT = seconds(60)
"""A deadline that only a broken worker misses, however busy the machine."""
SHORT = milliseconds(200)

Scenario = Callable[[Worker], Coroutine[Any, Any, None]]


def play(scenario: Scenario) -> None:
    """Run a scenario with a worker of its own, which is gone afterwards."""

    async def whole() -> None:
        worker = Worker(asyncio.get_running_loop(), "a test")
        try:
            await scenario(worker)
        finally:
            pid = worker.pid
            worker.close()
            if pid is not None:
                await eventually(lambda: is_gone(pid))

    asyncio.run(whole())


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds; the test's own time limit is the end of patience."""
    while not holds():  # noqa: ASYNC110 - nothing announces what is waited for
        await asyncio.sleep(0.01)


def is_gone(pid: int) -> bool:
    """Whether a child of this process has ended and nobody has to reap it any more."""
    try:
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return True


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[str]:
    """Return a path that hangs whoever opens it for reading."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    yield str(path)
    # Whoever still waits in open(2) is let go.
    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))


def read(path: str) -> dict[str, Any]:
    return {"path": path, "limit": 100}


def test_an_operation_is_performed_and_the_child_stays(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abc")

    async def scenario(worker: Worker) -> None:
        answer = await worker.call("read_file", read(str(file)), PATIENT)
        assert answer.kind is AnswerKind.DONE
        assert answer.result == {"exists": True, "data": b"abc".hex(), "size": 3}
        assert answer.took_ns > 0
        first = worker.pid
        await worker.call("read_file", read(str(file)), PATIENT)
        assert worker.pid == first
        assert worker.stuck == ()

    play(scenario)


def test_operations_are_performed_in_order(tmp_path: Path) -> None:
    path = str(tmp_path / "file")

    async def scenario(worker: Worker) -> None:
        calls = [
            worker.call("write_file", {"path": path, "data": f"{number:02x}"}, PATIENT)
            for number in range(20)
        ]
        calls.append(worker.call("read_file", read(path), PATIENT))
        answers = await asyncio.gather(*calls)
        assert answers[-1].result["data"] == "13"

    play(scenario)


def test_what_the_host_refuses_is_told(tmp_path: Path) -> None:
    async def scenario(worker: Worker) -> None:
        missing = str(tmp_path / "missing")
        failed = await worker.call("sync_image", {"path": missing}, PATIENT)
        assert failed.kind is AnswerKind.FAILED
        assert failed.problem == f"{missing}: No such file or directory"
        unknown = await worker.call("make_coffee", {}, PATIENT)
        assert (unknown.kind, unknown.problem) == (AnswerKind.FAILED, "no operation 'make_coffee'")
        wrong = await worker.call("sync_image", {"wrong": 1}, PATIENT)
        assert wrong.kind is AnswerKind.FAILED
        refused = await worker.call(
            "canary", {"mount_point": str(tmp_path), "sequence": 1}, PATIENT
        )
        assert refused.kind is AnswerKind.REFUSED
        assert refused.problem == f"nothing is mounted on {tmp_path}"

    play(scenario)


def test_a_hung_operation_is_abandoned_and_a_fresh_child_takes_over(fifo: str) -> None:
    async def scenario(worker: Worker) -> None:
        worker.start()
        hung = worker.pid
        answer = await worker.call("read_file", read(fifo), SHORT)
        assert answer.kind is AnswerKind.ABANDONED
        assert "read_file" in answer.problem
        following = await worker.call("read_file", read("/nowhere"), PATIENT)
        assert following.result["exists"] is False
        assert worker.pid != hung
        await eventually(lambda: worker.stuck == ())

    play(scenario)


def test_a_stopped_child_is_replaced_too() -> None:
    async def scenario(worker: Worker) -> None:
        await worker.call("read_file", read("/nowhere"), PATIENT)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGSTOP)
        answer = await worker.call("read_file", read("/nowhere"), SHORT)
        assert answer.kind is AnswerKind.ABANDONED
        following = await worker.call("read_file", read("/nowhere"), PATIENT)
        assert following.is_done

    play(scenario)


def test_what_waited_behind_a_hung_operation_was_never_begun(fifo: str, tmp_path: Path) -> None:
    victim = tmp_path / "file"

    async def scenario(worker: Worker) -> None:
        hung = worker.call("read_file", read(fifo), PATIENT)
        behind = worker.call("write_file", {"path": str(victim), "data": "00"}, SHORT)
        answer = await behind
        assert answer.kind is AnswerKind.NOT_BEGUN
        assert answer.problem == "write_file waited behind read_file"
        assert not hung.done()
        worker.close()
        assert (await hung).kind is AnswerKind.ABANDONED
        assert not victim.exists()

    play(scenario)


def test_a_child_killed_in_the_middle_is_told_from_a_slow_one(fifo: str) -> None:
    async def scenario(worker: Worker) -> None:
        hung = worker.call("read_file", read(fifo), PATIENT)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        answer = await hung
        assert answer.kind is AnswerKind.LOST
        assert (await worker.call("read_file", read("/nowhere"), PATIENT)).is_done

    play(scenario)


def test_a_child_killed_while_idle_costs_no_answer() -> None:
    async def scenario(worker: Worker) -> None:
        await worker.call("read_file", read("/nowhere"), PATIENT)
        idle = worker.pid
        assert idle is not None
        os.kill(idle, signal.SIGKILL)
        await eventually(lambda: worker.pid is None)
        assert (await worker.call("read_file", read("/nowhere"), PATIENT)).is_done
        assert worker.pid != idle

    play(scenario)


def test_a_child_that_cannot_be_killed_is_remembered_until_it_is_gone(
    fifo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One in the D state takes the signal and stays; here the signal is what gets lost."""
    really = os.killpg
    monkeypatch.setattr(os, "killpg", lambda *_signal: None)

    async def scenario(worker: Worker) -> None:
        await worker.call("read_file", read(fifo), SHORT)
        (stuck,) = worker.stuck
        assert (stuck.operation, stuck.arguments) == ("read_file", read(fifo))
        assert stuck.worker == "a test"
        assert worker.stuck == (stuck,)
        assert (await worker.call("read_file", read("/nowhere"), PATIENT)).is_done
        really(stuck.pid, signal.SIGKILL)
        await eventually(lambda: worker.stuck == ())

    play(scenario)


def test_there_is_a_limit_to_stuck_children(fifo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    really = os.killpg
    monkeypatch.setattr(os, "killpg", lambda *_signal: None)
    monkeypatch.setattr(worker_module, "STUCK_MAX", 1)

    async def scenario(worker: Worker) -> None:
        await worker.call("read_file", read(fifo), SHORT)
        answers = [await worker.call("read_file", read("/nowhere"), PATIENT) for _ in range(2)]
        assert [answer.kind for answer in answers] == [AnswerKind.NOT_BEGUN] * 2
        assert "stuck" in answers[0].problem
        for stuck in worker.stuck:
            really(stuck.pid, signal.SIGKILL)
        await eventually(lambda: worker.stuck == ())
        assert (await worker.call("read_file", read("/nowhere"), PATIENT)).is_done

    play(scenario)


def test_a_request_larger_than_any_pipe_arrives_whole(tmp_path: Path) -> None:
    file = tmp_path / "large"
    content = os.urandom(2_000_000)

    async def scenario(worker: Worker) -> None:
        arguments = {"path": str(file), "data": content.hex()}
        assert (await worker.call("write_file", arguments, PATIENT)).is_done
        assert file.read_bytes() == content

    play(scenario)


def test_without_an_agent_a_child_ends() -> None:
    async def scenario(worker: Worker) -> None:
        await worker.call("read_file", read("/nowhere"), PATIENT)
        pid = worker.pid
        assert pid is not None
        worker.close()
        await eventually(lambda: is_gone(pid))

    play(scenario)


def test_when_no_process_can_be_started_the_call_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_arguments: object, **_options: object) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    async def scenario(worker: Worker) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(os, "posix_spawn", refuse)
            answer = await worker.call("read_file", read("/nowhere"), PATIENT)
        assert answer.kind is AnswerKind.NOT_BEGUN
        assert "Resource temporarily unavailable" in answer.problem
        assert (await worker.call("read_file", read("/nowhere"), PATIENT)).is_done

    play(scenario)


def test_a_caller_that_lost_interest_disturbs_nobody(fifo: str) -> None:
    async def scenario(worker: Worker) -> None:
        worker.call("read_file", read(fifo), SHORT).cancel()
        assert (await worker.call("read_file", read("/nowhere"), PATIENT)).is_done

    play(scenario)
