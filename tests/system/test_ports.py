"""The small ports: steps, addresses, services, watchers, alerts, host."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path

import pytest

from hafailover.group.actions import ServiceVerb
from hafailover.group.events import CanaryWritten, Event, ImageSynced, ServiceFinished, StepFinished
from hafailover.group.settings import ServiceSettings, TimerSettings
from hafailover.storage.steps import CommandStep, FileStep, FileTask, SignalStep, StepOutcome
from hafailover.system import watchers as watchers_module
from hafailover.system.address_port import AddressScope, IfconfigAddressPort
from hafailover.system.host import HostPort, boot_id
from hafailover.system.interface_looks import interface_facts
from hafailover.system.runner import Runner, search_path
from hafailover.system.service_port import ServicePort
from hafailover.system.step_port import StepPort, send_signal
from hafailover.system.watchers import WatcherPort
from hafailover.system.worker_pool import WorkerPool
from hafailover.units import milliseconds, seconds
from tests.system.conftest import Bench


class Rig:
    """A runner over a directory of tools, and the events that came."""

    def __init__(self, bench: Bench, directory: Path) -> None:
        self.bench = bench
        self.directory = directory
        path = search_path({"HAFAILOVER_PATH": str(directory)})
        self.runner = Runner(bench.loop, path=path)
        self.pool = WorkerPool(bench.loop, path)
        self.events: list[tuple[str, Event]] = []

    def feed(self, group: str, event: Event) -> None:
        self.events.append((group, event))

    def tool(self, name: str, body: str) -> None:
        path = self.directory / name
        path.write_text(f'#!/bin/sh\necho "$@" >> {self.directory}/{name}.calls\n{body}\n')
        path.chmod(0o755)

    def calls(self, name: str) -> list[str]:
        log = self.directory / f"{name}.calls"
        return log.read_text().splitlines() if log.exists() else []

    def outcomes(self) -> list[tuple[int, StepOutcome]]:
        return [
            (event.id, event.outcome)
            for _, event in self.events
            if isinstance(event, StepFinished | ServiceFinished)
        ]


@pytest.fixture
def rig(bench: Bench, tmp_path: Path) -> Iterator[Rig]:
    subject = Rig(bench, tmp_path)
    yield subject
    subject.pool.close()
    subject.runner.close()


@pytest.fixture
def steps(rig: Rig) -> StepPort:
    return StepPort(rig.bench.loop, rig.runner, rig.pool.for_steps, rig.feed)


def command(*argv: str, unit: int = -1, deadline: float = 60.0) -> CommandStep:
    return CommandStep(
        verb="test",
        argv=argv,
        deadline=seconds(deadline),
        destroys=False,
        seen_by="nothing",
        unit=unit,
    )


def test_a_command_step_comes_back_with_its_id(rig: Rig, steps: StepPort) -> None:
    steps.run("g", 5, command("sh", "-c", "echo out; echo err >&2; exit 2"))
    rig.bench.until(lambda: rig.events)
    [(number, outcome)] = rig.outcomes()
    assert (number, outcome.status, outcome.stdout, outcome.stderr) == (5, 2, "out\n", "err\n")


def test_a_command_that_hangs_holds_its_unit(rig: Rig, steps: StepPort) -> None:
    rig.tool("ggatec", "exec sleep 1000")
    steps.run("g", 6, command("ggatec", "create", unit=11, deadline=0.3))
    [child] = rig.runner._children.values()
    child._kill = lambda: None  # type: ignore[method-assign]
    rig.bench.until(lambda: rig.events)
    assert rig.outcomes()[0][1].timed_out
    assert [stuck.unit for stuck in rig.runner.stuck] == ["ggate11"]
    os.kill(child.pid, signal.SIGKILL)
    rig.bench.until(lambda: not rig.runner.stuck)


def test_a_program_that_exits_before_it_listens_is_tried_by_connecting(
    rig: Rig, steps: StepPort
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        there = f"127.0.0.1:{server.getsockname()[1]}"
        step = replace(command("true"), listens_at=there)
        steps.run("g", 1, step)
        rig.bench.until(lambda: rig.events)
    steps.run("g", 2, step)
    rig.bench.until(lambda: len(rig.events) == 2)
    (_, good), (_, bad) = rig.outcomes()
    assert good.status == 0
    assert bad.status == 1
    assert bad.stderr == (f"true exited 0, but nothing listens at {there}; the reason is in syslog")


def test_a_command_step_that_is_cut_short_is_answered_later_and_killed(
    rig: Rig, steps: StepPort
) -> None:
    rig.tool("fsck_ffs", "exec sleep 1000")
    step = CommandStep(
        verb="fsck_ffs -p",
        argv=("fsck_ffs", "-p", "/dev/mirror/d"),
        deadline=seconds(600),
        destroys=False,
        seen_by="",
    )
    steps.run("web", 7, step)
    rig.bench.until(lambda: rig.calls("fsck_ffs"))

    steps.cut_short("web", 7)
    steps.cut_short("web", 7)
    steps.cut_short("web", 8)

    assert rig.events == []
    rig.bench.until(lambda: rig.events)
    ((number, outcome),) = rig.outcomes()
    assert (number, outcome.status) == (7, None)
    assert outcome.problem == "fsck_ffs was killed: its work is not wanted any more"
    rig.bench.until(lambda: rig.runner.running == 0)


def test_a_command_step_that_has_ended_is_not_cut_short(rig: Rig, steps: StepPort) -> None:
    rig.tool("true", "exit 0")
    step = CommandStep(
        verb="true", argv=("true",), deadline=seconds(60), destroys=False, seen_by=""
    )
    steps.run("web", 7, step)
    rig.bench.until(lambda: rig.events)

    steps.cut_short("web", 7)
    rig.bench.until(lambda: rig.runner.running == 0)

    assert len(rig.events) == 1


def test_a_file_step_is_work_of_a_worker(rig: Rig, steps: StepPort) -> None:
    image = rig.directory / "a.img"
    image.write_bytes(b"x" * 4096)
    step = FileStep(task=FileTask.SYNC_IMAGE, path=str(image), deadline=seconds(60), volume="v")
    steps.run("g", 7, step)
    rig.bench.until(lambda: rig.events)
    assert rig.outcomes()[0][0] == 7
    assert rig.outcomes()[0][1].status == 0


def test_a_signal_step_ends_a_whole_group(rig: Rig, steps: StepPort) -> None:
    process = subprocess.Popen(["/bin/sh", "-c", "sleep 1000 & wait"], start_new_session=True)
    step = SignalStep(process_group=process.pid, pid=0, signal="KILL", what="ggated")
    steps.run("g", 8, step)
    assert process.wait(30) == -signal.SIGKILL
    rig.bench.until(lambda: rig.events)
    assert rig.outcomes() == [(8, StepOutcome(status=0))]


def test_a_signal_to_nobody_is_done() -> None:
    process = subprocess.Popen(["/bin/true"], start_new_session=True)
    process.wait(30)
    step = SignalStep(process_group=process.pid, pid=0, signal="TERM", what="ggated")
    assert send_signal(step) == StepOutcome(status=0, stdout="already gone")


@pytest.mark.parametrize(("group", "pid"), [(0, 0), (1, 0), (os.getpgrp(), 0), (0, os.getpid())])
def test_the_agent_never_signals_itself(group: int, pid: int) -> None:
    step = SignalStep(process_group=group, pid=pid, signal="KILL", what="nonsense")
    outcome = send_signal(step)
    assert outcome.status == 1
    assert "refused" in outcome.problem


@pytest.fixture
def addresses(rig: Rig) -> IfconfigAddressPort:
    rig.tool("ifconfig", "sleep 0.1")
    scope = AddressScope(
        interface="lnc1",
        addresses=(ip_interface("192.0.2.1/32"), ip_interface("2001:db8::1/128")),
    )
    return IfconfigAddressPort(rig.runner, {"g": scope}, rig.feed)


def test_addresses_are_put_on_and_taken_off_in_order(
    rig: Rig, addresses: IfconfigAddressPort
) -> None:
    addresses.assign("g", 1)
    rig.bench.until(lambda: rig.events)
    addresses.release("g", 2)
    rig.bench.until(lambda: len(rig.events) == 2)
    assert [number for number, _ in rig.outcomes()] == [1, 2]
    assert rig.calls("ifconfig") == [
        "lnc1 inet 192.0.2.1/32 alias",
        "lnc1 inet6 2001:db8::1/128 alias",
        "lnc1 inet 192.0.2.1 -alias",
        "lnc1 inet6 2001:db8::1 -alias",
    ]


def test_no_address_goes_on_any_more_once_it_is_to_come_off(
    rig: Rig, addresses: IfconfigAddressPort
) -> None:
    addresses.assign("g", 1)
    addresses.release("g", 2)
    rig.bench.until(lambda: len(rig.events) == 2)
    (_, cut), (_, released) = sorted(rig.outcomes(), key=lambda each: each[0])
    assert (cut.status, released.status) == (None, 0)
    assert rig.calls("ifconfig") == [
        "lnc1 inet 192.0.2.1/32 alias",
        "lnc1 inet 192.0.2.1 -alias",
        "lnc1 inet6 2001:db8::1 -alias",
    ]


def test_a_look_before_addresses_go_on_is_not_acted_on_once_they_are_to_come_off(
    rig: Rig, addresses: IfconfigAddressPort
) -> None:
    addresses.assign("g", 1)
    rig.bench.until(lambda: rig.events)
    rig.tool("ifconfig", "echo 'lnc1: flags=8843<UP> metric 0 mtu 1500'; sleep 0.1")
    before = len(rig.calls("ifconfig"))
    addresses.assign("g", 2)
    addresses.release("g", 3)
    rig.bench.until(lambda: len(rig.events) == 3)
    assert rig.calls("ifconfig")[before:] == [
        "lnc1",
        "lnc1 inet 192.0.2.1 -alias",
        "lnc1 inet6 2001:db8::1 -alias",
    ]


def test_a_newer_order_replaces_one_that_waits(rig: Rig, addresses: IfconfigAddressPort) -> None:
    addresses.assign("g", 1)
    addresses.release("g", 2)
    addresses.assign("g", 3)
    rig.bench.until(lambda: len(rig.events) == 3)
    found = dict(rig.outcomes())
    assert found[2].problem == "replaced by a newer order"
    assert (found[1].status, found[3].status) == (None, 0)
    assert all(call.endswith(" alias") for call in rig.calls("ifconfig"))


SECOND_TIME = """\
lnc1: flags=8863<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> metric 0 mtu 1500
\tinet 192.0.2.1 netmask 0xffffffff broadcast 192.0.2.1
\tinet6 2001:db8::1 prefixlen 128 duplicated
"""


def test_a_second_time_only_what_is_not_usable_is_put_on(
    rig: Rig, addresses: IfconfigAddressPort
) -> None:
    addresses.assign("g", 1)
    rig.bench.until(lambda: len(rig.events) == 1)
    rig.tool("ifconfig", f"[ $# -gt 1 ] || printf '%s' '{SECOND_TIME}'")
    addresses.assign("g", 2)
    rig.bench.until(lambda: len(rig.events) == 2)
    assert rig.calls("ifconfig")[2:] == [
        "lnc1",
        "lnc1 inet6 2001:db8::1 -alias",
        "lnc1 inet6 2001:db8::1/128 alias",
    ]


def test_an_address_with_another_prefix_is_taken_off_before_it_is_put_on(
    rig: Rig, addresses: IfconfigAddressPort
) -> None:
    addresses.assign("g", 1)
    rig.bench.until(lambda: len(rig.events) == 1)
    shown = SECOND_TIME.replace("prefixlen 128 duplicated", "prefixlen 64")
    rig.tool("ifconfig", f"[ $# -gt 1 ] || printf '%s' '{shown}'")
    addresses.assign("g", 2)
    rig.bench.until(lambda: len(rig.events) == 2)
    assert rig.calls("ifconfig")[3:] == [
        "lnc1 inet6 2001:db8::1 -alias",
        "lnc1 inet6 2001:db8::1/128 alias",
    ]


def test_of_very_many_addresses_none_is_overlooked(
    rig: Rig, addresses: IfconfigAddressPort
) -> None:
    addresses.assign("g", 1)
    rig.bench.until(lambda: len(rig.events) == 1)
    others = "".join(
        f"\tinet 198.51.100.{number} netmask 0xffffffff broadcast 198.51.100.{number}\n"
        for number in range(100)
    )
    rig.tool("ifconfig", f"[ $# -gt 1 ] || printf '%s' '{SECOND_TIME}{others}'")
    addresses.assign("g", 2)
    rig.bench.until(lambda: len(rig.events) == 2)
    assert "lnc1 inet 192.0.2.1/32 alias" not in rig.calls("ifconfig")[2:]
    assert "lnc1 inet6 2001:db8::1/128 alias" in rig.calls("ifconfig")[2:]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("echo huh", "what ifconfig says of lnc1 is not understood"),
        (f"printf '%s' '{SECOND_TIME}'; echo lost it >&2; exit 1", "lost it"),
    ],
)
def test_where_nothing_was_seen_nothing_is_put_on(
    rig: Rig, addresses: IfconfigAddressPort, body: str, problem: str
) -> None:
    addresses.assign("g", 1)
    rig.bench.until(lambda: len(rig.events) == 1)
    rig.tool("ifconfig", body)
    addresses.assign("g", 2)
    rig.bench.until(lambda: len(rig.events) == 2)
    assert rig.calls("ifconfig")[2:] == ["lnc1"]
    outcome = dict(rig.outcomes())[2]
    assert (outcome.status, outcome.problem) == (None, problem)


def test_a_refusal_of_ifconfig_is_told(rig: Rig, addresses: IfconfigAddressPort) -> None:
    rig.tool("ifconfig", "echo no >&2; exit 1")
    addresses.release("g", 4)
    rig.bench.until(lambda: rig.events)
    [(number, outcome)] = rig.outcomes()
    assert (number, outcome.status, outcome.stderr, outcome.problem) == (4, 1, "no; no", "")


def test_interface_facts_mark_what_the_kernel_does_not_answer_for() -> None:
    text = (
        "lnc1: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> metric 0 mtu 1500\n"
        "\tether 08:00:27:00:00:01\n"
        "\tinet 192.0.2.1 netmask 0xffffffff broadcast 192.0.2.1\n"
        "\tinet6 2001:db8::1 prefixlen 128 tentative\n"
        "\tstatus: active\n"
    )
    facts = interface_facts(text)
    assert facts.addresses == ("192.0.2.1/32", "2001:db8::1/128 tentative")
    assert facts.link_up is True
    assert interface_facts(text.replace("active", "no carrier")).link_up is False


def test_services_run_and_a_missing_check_is_a_success(rig: Rig) -> None:
    service = ServiceSettings(
        name="s", start=("sh", "-c", "exit 0"), stop=("sh", "-c", "echo busy >&2; exit 3")
    )
    port = ServicePort(
        rig.bench.loop, rig.runner, {("g", "s"): service}, rig.feed, directory=rig.directory / "run"
    )
    for number, verb in enumerate(ServiceVerb, start=1):
        port.run("g", number, "s", verb)
    rig.bench.until(lambda: len(rig.events) == 3)
    found = dict(rig.outcomes())
    assert [found[number].status for number in (1, 2, 3)] == [0, 3, 0]
    assert found[2].stderr == "busy\n"


@pytest.fixture
def watchers(rig: Rig) -> Iterator[WatcherPort]:
    timers = TimerSettings(canary_period=milliseconds(50), canary_deadline=milliseconds(500))
    subject = WatcherPort(rig.bench.loop, {"g": timers}, rig.feed)
    yield subject
    subject.close()


def watched_image(
    rig: Rig, watchers: WatcherPort, patch: pytest.MonkeyPatch, period: int = milliseconds(50)
) -> Path:
    """Have an image synced so often, in ns; return where it is."""
    patch.setattr(watchers_module, "SYNC_PERIOD", period)
    image = rig.directory / "a.img"
    image.write_bytes(bytes(512))
    watchers.watch_image("g", "v", str(image), is_on=True)
    return image


def test_an_image_is_synced_again_and_again_until_told_otherwise(
    rig: Rig, watchers: WatcherPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = watched_image(rig, watchers, monkeypatch)
    rig.bench.until(lambda: heard(watchers) and len(rig.events) >= 3)
    ages = [age_of(event) for _, event in rig.events]
    wanted = [("g", ImageSynced(volume="v", age_ns=age)) for age in ages]
    assert rig.events == wanted
    assert min(ages) >= 0
    watchers.watch_image("g", "v", str(image), is_on=False)
    rig.bench.turn()
    count = len(rig.events)
    assert not watchers._pulses
    watchers.watch_image("g", "v", str(rig.directory / "gone.img"), is_on=True)
    rig.bench.until(lambda: heard(watchers) and len(rig.events) > count)
    assert "No such file" in problem_of(rig.events[-1][1])


def test_what_goes_well_waits_to_be_read_and_counts_from_when_it_was(
    rig: Rig, watchers: WatcherPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched_image(rig, watchers, monkeypatch)
    rig.bench.until(lambda: heard(watchers) and rig.events)
    count = len(rig.events)
    rig.bench.loop.run_until_complete(asyncio.sleep(0.5))
    assert len(rig.events) == count
    watchers.read()
    ages = [age_of(event) for _, event in rig.events[count:]]
    assert len(ages) > 1
    assert ages[0] > ages[-1] >= 0


def test_the_first_that_comes_back_is_told_though_nobody_reads(
    rig: Rig, watchers: WatcherPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be the first after one that hung, in another process: what it waited for may be gone."""
    watched_image(rig, watchers, monkeypatch)
    rig.bench.until(lambda: rig.events)
    assert problem_of(rig.events[0][1]) == ""


def test_what_goes_wrong_is_told_though_nobody_reads(
    rig: Rig, watchers: WatcherPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = watched_image(rig, watchers, monkeypatch)
    rig.bench.until(lambda: heard(watchers) and rig.events)
    image.unlink()
    rig.bench.until(lambda: "No such file" in problem_of(rig.events[-1][1]))


def test_one_that_takes_longer_than_its_period_goes_on(
    rig: Rig, watchers: WatcherPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched_image(rig, watchers, monkeypatch, period=1)
    rig.bench.until(lambda: heard(watchers) and rig.events)
    [pulse] = watchers._pulses.values()
    pid, count = pulse.pid, len(rig.events)
    rig.bench.until(lambda: heard(watchers) and len(rig.events) > count + 20)
    assert pulse.pid == pid


def test_a_canary_needs_a_mounted_volume(rig: Rig, watchers: WatcherPort) -> None:
    watchers.watch_canary("g", "v", str(rig.directory), is_on=True)
    bare = f"nothing is mounted on {rig.directory}"
    # On a busy machine the first one may be late.
    rig.bench.until(
        lambda: heard(watchers) and bare in [problem_of(event) for _, event in rig.events]
    )


def test_a_hung_canary_is_no_error_and_never_doubled(rig: Rig, watchers: WatcherPort) -> None:
    watchers.watch_canary("g", "v", str(rig.directory), is_on=True)
    rig.bench.until(lambda: heard(watchers) and rig.events)
    [pulse] = watchers._pulses.values()
    pid = pulse.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    # Killed, and so replaced: a later one answers again.
    rig.bench.until(lambda: heard(watchers) and pulse.pid not in (pid, None))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    rig.events.clear()
    rig.bench.until(lambda: heard(watchers) and rig.events)
    assert all("nothing is mounted" in problem_of(event) for _, event in rig.events)


def test_one_that_dies_is_replaced(rig: Rig, watchers: WatcherPort) -> None:
    watchers.watch_canary("g", "v", str(rig.directory), is_on=True)
    rig.bench.until(lambda: heard(watchers) and rig.events)
    [pulse] = watchers._pulses.values()
    pid = pulse.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    rig.bench.until(lambda: heard(watchers) and pulse.pid not in (pid, None))
    rig.events.clear()
    rig.bench.until(lambda: heard(watchers) and rig.events)


def heard(watchers: WatcherPort) -> bool:
    """Have it tell what it knows, as the agent does whenever it is awake."""
    watchers.read()
    return True


def age_of(event: Event) -> int:
    assert isinstance(event, CanaryWritten | ImageSynced)
    return event.age_ns


def problem_of(event: Event) -> str:
    assert isinstance(event, CanaryWritten | ImageSynced)
    return event.problem


def test_the_host_is_reset_by_one_command(rig: Rig) -> None:
    rig.tool("reboot", "sleep 1000")
    said: list[str] = []
    alarms: list[tuple[str, str]] = []
    port = HostPort(
        rig.bench.loop,
        rig.runner,
        frozenset({"g"}),
        say=said.append,
        alarm=lambda *words: alarms.append(words),
        finished=lambda: None,
    )
    port.reset("g", "the demotion is stuck")
    port.reset("g", "the demotion is stuck")
    rig.bench.until(lambda: rig.calls("reboot"))
    assert rig.calls("reboot") == ["-nq"]
    assert said == ["g: the host is reset: the demotion is stuck"] * 2
    assert alarms == [("g", "the host is reset: the demotion is stuck")]


def test_a_reset_without_effect_is_tried_again(rig: Rig) -> None:
    rig.tool("reboot", "exit 1")
    port = HostPort(
        rig.bench.loop,
        rig.runner,
        frozenset(),
        say=lambda _: None,
        alarm=lambda *_: None,
        finished=lambda: None,
    )
    port.reset("g", "r")
    rig.bench.until(lambda: len(rig.calls("reboot")) >= 2)


def test_the_agent_ends_when_every_group_says_so(rig: Rig) -> None:
    ended: list[bool] = []
    port = HostPort(
        rig.bench.loop,
        rig.runner,
        frozenset({"g", "h"}),
        say=lambda _: None,
        alarm=lambda *_: None,
        finished=lambda: ended.append(True),
    )
    port.stop("g")
    port.stop("g")
    assert not ended
    port.stop("h")
    assert ended


def test_the_boot_is_named_by_the_lab_or_by_the_kernel() -> None:
    assert boot_id({"HAFAILOVER_BOOT_ID": "seven"}) == "seven"
    assert boot_id({}) == boot_id({})
    assert len(boot_id({})) >= 16
