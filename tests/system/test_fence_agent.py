"""A node counts as off only when the device says so, and no secret is ever shown."""

import asyncio
from pathlib import Path

import pytest

from hafailover.arbiter.answers import IsOff, IsOn, NotOff, Unknown
from hafailover.arbiter.requests import PowerOff
from hafailover.group.events import ArbiterAnswered, Event
from hafailover.runtime.settings import FenceAgentSettings
from hafailover.system.fence_agent import FenceAgent, Power
from hafailover.system.fence_arbiter import FenceArbiter
from hafailover.system.runner import Runner
from hafailover.units import seconds
from tests.system.conftest import Bench

SWITCH = """#!/bin/sh
# A power switch whose one outlet is a file; what it is asked is written down.
while IFS= read -r line; do
    printf '%s\\n' "$line" >>{directory}/asked
    case $line in
    action=*) action=${{line#action=}} ;;
    esac
done
printf '%s\\n' "$*" >>{directory}/arguments
{action}
case $action in
off | on) echo "$action" >{directory}/outlet ;;
status)
    read -r state <{directory}/outlet
    [ "$state" = on ] && {{ echo "Status: ON"; exit 0; }}
    echo "Status: OFF"
    exit 2
    ;;
esac
"""


def agent(
    runner: Runner, directory: Path, action: str = "", *, deadline: float = 20, outlet: str = "on"
) -> FenceAgent:
    """A fence agent on a switch; ``action`` is shell that comes before the switch does anything."""
    program = directory / "fence_test"
    program.write_text(SWITCH.format(directory=directory, action=action))
    program.chmod(0o755)
    (directory / "outlet").write_text(f"{outlet}\n")
    settings = FenceAgentSettings(
        command=(str(program),),
        options=(("B", (("port", "2"), ("passwd", "top-secret"))),),
        deadline=seconds(deadline),
    )
    assert "top-secret" not in repr(settings)
    return FenceAgent(runner, settings)


def test_off_is_ordered_and_proved(bench: Bench, runner: Runner, tmp_path: Path) -> None:
    subject = agent(runner, tmp_path)
    assert bench.loop.run_until_complete(subject.power_off("B")) == IsOff()
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == [
        "port=2", "passwd=top-secret", "action=off", "port=2", "passwd=top-secret", "action=status"
    ]  # fmt: skip
    assert (tmp_path / "arguments").read_text().split() == []


def test_on_follows_and_is_seen(bench: Bench, runner: Runner, tmp_path: Path) -> None:
    subject = agent(runner, tmp_path, outlet="off")
    assert bench.loop.run_until_complete(subject.power_on("B")) == IsOn()


@pytest.mark.parametrize(
    ("action", "answer", "words"),
    [
        # Says that it did it, and did nothing.
        ("[ $action = off ] && exit 0", NotOff, "status: on"),
        ("[ $action = off ] && { echo 'outlet 2 is locked' >&2; exit 1; }", NotOff, "locked"),
        # A broken script ends with 2, and so would a node that is off.
        ("[ $action = status ] && exit 2", Unknown, "exit status 2"),
        ('[ $action = status ] && { echo "usage: $0 on|off|status"; exit 2; }', Unknown, "usage"),
        ("[ $action = status ] && { echo 'Status: OFF'; exit 1; }", Unknown, "exit status 1"),
        ("[ $action = status ] && { echo 'Status: OFF'; exit 0; }", NotOff, "without the word on"),
        ("exit 127", Unknown, "exit status 127"),
        ("[ $action = off ] && sleep 60; [ $action = status ] && exit 1", Unknown, "within"),
    ],
)
def test_nothing_but_its_status_proves_it(
    bench: Bench, runner: Runner, tmp_path: Path, action: str, answer: type, words: str
) -> None:
    subject = agent(runner, tmp_path, action, deadline=1.2)
    found = bench.loop.run_until_complete(subject.power_off("B"))
    assert type(found) is answer
    assert isinstance(found, NotOff | Unknown)
    assert words in found.reason


@pytest.mark.parametrize("words", ["outlet 2 is off", "10.0.0.9, on port 2: Status: OFF"])
def test_a_report_that_it_is_off_is_taken_for_one(
    bench: Bench, runner: Runner, tmp_path: Path, words: str
) -> None:
    subject = agent(runner, tmp_path, f"[ $action = status ] && {{ echo '{words}'; exit 2; }}")
    assert bench.loop.run_until_complete(subject.power_off("B")) == IsOff()


def test_a_hanging_order_leaves_time_for_a_look(
    bench: Bench, runner: Runner, tmp_path: Path
) -> None:
    subject = agent(
        runner, tmp_path, "[ $action = off ] && { echo off >$0.d; echo off >"
        f"{tmp_path}/outlet; sleep 60; }}", deadline=2
    )  # fmt: skip
    assert bench.loop.run_until_complete(subject.power_off("B")) == IsOff()


def test_a_device_that_comes_to_its_senses_is_asked_again(
    bench: Bench, runner: Runner, tmp_path: Path
) -> None:
    action = (
        f"[ $action = off ] && [ ! -e {tmp_path}/once ] && {{ touch {tmp_path}/once; exit 1; }}"
    )
    subject = agent(runner, tmp_path, action)
    assert bench.loop.run_until_complete(subject.power_off("B")) == IsOff()


def test_an_agent_that_is_not_there_is_unknown(bench: Bench, runner: Runner) -> None:
    settings = FenceAgentSettings(command=("/no/fence_agent",), deadline=seconds(0.4))
    found = bench.loop.run_until_complete(FenceAgent(runner, settings).power_off("B"))
    assert isinstance(found, Unknown)
    assert "/no/fence_agent" in found.reason


def test_what_it_says_is_shown_without_the_secrets(
    bench: Bench, runner: Runner, tmp_path: Path
) -> None:
    subject = agent(runner, tmp_path, "echo 'login with top-secret failed, port 2' >&2; exit 1")
    power, said = bench.loop.run_until_complete(subject.status("B", seconds(10)))
    assert power is Power.UNKNOWN
    assert said == "status: exit status 1, login with *** failed, port 2"


def test_two_groups_that_lose_a_node_wait_for_one_proof(
    bench: Bench, runner: Runner, tmp_path: Path
) -> None:
    heard: list[tuple[str, Event]] = []
    port = FenceArbiter(
        bench.loop, agent(runner, tmp_path), lambda group, event: heard.append((group, event))
    )
    port.ask("web", 1, PowerOff(node="B"))
    port.ask("mail", 7, PowerOff(node="B"))
    bench.until(lambda: len(heard) == 2)
    assert dict(heard) == {
        "web": ArbiterAnswered(id=1, answer=IsOff()),
        "mail": ArbiterAnswered(id=7, answer=IsOff()),
    }
    assert (tmp_path / "asked").read_text().count("action=off") == 1
    port.ask("web", 2, PowerOff(node="B"))
    bench.until(lambda: len(heard) == 3)
    assert (tmp_path / "asked").read_text().count("action=off") == 2


def test_closing_waits_for_no_device(bench: Bench, runner: Runner, tmp_path: Path) -> None:
    heard: list[Event] = []
    port = FenceArbiter(
        bench.loop, agent(runner, tmp_path, "sleep 60"), lambda _, event: heard.append(event)
    )
    port.ask("web", 1, PowerOff(node="B"))
    bench.turn()
    bench.loop.run_until_complete(asyncio.wait_for(port.close(), 5))
    assert heard == []


def test_an_agent_that_ends_after_the_close_is_no_mistake(
    bench: Bench, runner: Runner, tmp_path: Path
) -> None:
    mistakes: list[object] = []
    bench.loop.set_exception_handler(lambda _, context: mistakes.append(context))
    port = FenceArbiter(bench.loop, agent(runner, tmp_path, "sleep 0.1"), lambda *_: None)
    port.ask("web", 1, PowerOff(node="B"))
    bench.turn()
    bench.loop.run_until_complete(port.close())
    bench.until(lambda: runner.running == 0)
    assert mistakes == []
