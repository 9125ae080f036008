"""When is a drill begun, and what of it is left behind?"""

import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from hafailover.drill import conduct, forecast, rehearsal
from hafailover.drill import pair as pair_module
from hafailover.drill.exercises import Scenario
from hafailover.drill.outcome import Verdict
from hafailover.drill.pair import AbandonedError, Pair
from hafailover.drill.probing import Prober, command
from hafailover.errors import RequestRefusedError
from hafailover.group.settings import Automatism, GroupSettings
from hafailover.override import override
from hafailover.runtime.foresight import Foresight, Goal
from hafailover.runtime.settings import DrillSettings
from tests.cli.settings import data_node
from tests.cli.test_status_text import GROUP

cli = import_module("hafailover.cli.drill")
HEALTHY: dict[str, Any] = {
    **GROUP,
    "health": "healthy",
    "headline": "A serves; both copies are in sync",
    "switchover_possible": True,
    "alerts": [],
    "unprotected_ms": None,
    "peer": {**GROUP["peer"], "same_configuration": True},
}
PEER = HEALTHY["peer"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"volumes": []}, "no data to fail over"),
        ({"role": "standby", "serving_node": "B"}, "A is standby: run it on B"),
        ({"paused": {"until": 0, "reason": ""}}, "paused"),
        ({"peer": {**PEER, "paused": True}}, "paused"),
        ({"health": "degraded", "headline": "A serves alone"}, "not healthy: A serves alone"),
        ({"switchover_possible": False}, "B could not take over"),
        ({"alerts": [{"kind": "lateness", "text": "A was away", "age_ms": 1}]}, "A was away"),
    ],
)
def test_a_drill_is_not_begun_in_a_pair_that_is_not_healthy(
    change: dict[str, Any], words: str
) -> None:
    assert conduct.obstacle(HEALTHY) == ""
    assert words in conduct.obstacle({**HEALTHY, **change})


class Standing(Pair):
    """A pair that stands as the test says, one look after the other, and remembers its orders."""

    def __init__(self, *looks: dict[str, Any]) -> None:
        super().__init__(Path("/nowhere"), "web")
        self.looks = list(looks)
        self.orders: list[str] = []

    @override
    def look(self) -> dict[str, Any]:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    @override
    def order(self, word: str, reason: str = "", *, seen_epoch: int = -1) -> str:  # noqa: ARG002 - as it is called
        self.orders.append(word)
        return "done"


AWAY = {**HEALTHY, "role": "standby", "serving_node": "B"}


def test_a_group_that_was_left_elsewhere_is_brought_home_once_that_is_safe() -> None:
    pair = Standing(
        {**AWAY, "serving_node": None}, AWAY, {**AWAY, "health": "degraded"}, AWAY, HEALTHY
    )
    assert conduct.settle(pair, "A", print) == "A serves; both copies are in sync"
    assert pair.orders == ["switchover"]


def test_a_group_that_cannot_be_brought_home_is_left_where_it_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conduct, "_HOME_S", 0.2)
    degraded = {
        **AWAY,
        "health": "degraded",
        "headline": "B serves; this node's copy is not in sync",
    }
    pair = Standing(degraded)
    text = conduct.settle(pair, "A", print)
    assert pair.orders == []
    assert text.startswith("B serves; this node's copy is not in sync; not within")
    assert "hafailover switchover" in text


class Slow(Standing):
    """A pair that refuses so many orders before it takes one."""

    def __init__(self, refusals: int) -> None:
        super().__init__(AWAY)
        self.refusals = refusals

    @override
    def order(self, word: str, reason: str = "", *, seen_epoch: int = -1) -> str:
        if self.refusals:
            self.refusals -= 1
            raise RequestRefusedError("etcd counts the copy of B only")
        self.looks = [HEALTHY]
        return super().order(word, reason, seen_epoch=seen_epoch)


def test_a_group_is_brought_home_once_the_arbiter_counts_its_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pair_module, "_AGAIN_S", 0.01)
    pair = Slow(refusals=3)
    assert conduct.settle(pair, "A", print) == "A serves; both copies are in sync"
    assert pair.orders == ["switchover"]


def test_an_order_that_stays_refused_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_module, "_AGAIN_S", 0.01)
    with pytest.raises(RequestRefusedError, match="counts the copy of B only"):
        Slow(refusals=1000).order_once_possible("switchover", "a drill", 0.1)


def test_what_does_not_come_is_not_waited_for_without_end() -> None:
    with pytest.raises(AbandonedError, match="not within 0 s: peace"):
        Standing(HEALTHY).wait("peace", lambda _: False, 0.1)
    with pytest.raises(AbandonedError, match="not in sync again"):
        Standing({**HEALTHY, "health": "degraded"}).wait_for_copies(0.2, lambda _: None)


def test_a_refused_drill_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Standing({**HEALTHY, "health": "degraded"})
    monkeypatch.setattr(conduct, "Pair", lambda _socket, _group: pair)
    plan = conduct.Plan(
        socket=Path("/nowhere"),
        group="web",
        scenarios=(Scenario.PLANNED,),
        settings=DrillSettings(),
    )
    found = conduct.conduct(plan, print)
    assert found.verdict is Verdict.NOT_RUN
    assert pair.orders == []
    assert found.refusal.startswith("the pair is not healthy")


def test_a_gap_between_answers_is_measured() -> None:
    silent = False
    prober = Prober("x", lambda: not silent, 0.01)
    begin_ns = time.monotonic_ns()
    time.sleep(0.1)
    silent = True
    time.sleep(0.3)
    silent = False
    time.sleep(0.1)
    prober.stop()
    gap = prober.longest_gap("move", begin_ns, time.monotonic_ns(), begin_ns)
    assert gap is not None
    assert gap.length_ms >= 250
    assert gap.end_ms > gap.begin_ms
    assert prober.has_answers


def test_a_probe_by_command_goes_by_its_exit_status() -> None:
    assert command(("true",))()
    assert not command(("false",))()
    assert not command(("/nowhere/probe",))()


def line(event: str, number: int, now_ms: int, actions: str = "") -> bytes:
    text = (
        f'{{"line":"step","group":"web","now":{now_ms * 1_000_000},"event":{{"is":"{event}","id":{number},'
        f'"outcome":{{"status":0}}}},"actions":[{actions}]}}\n'
    )
    return text.encode()


def test_an_outage_is_foretold_from_what_steps_took_before() -> None:
    mount = '{"is":"RunStep","id":7,"step":{"is":"CommandStep","verb":"mount"}}'
    start = '{"is":"RunService","id":8,"verb":"start","service":"apache"}'
    lines = [
        line("DeadlineReached", 0, 1_000, mount),
        line("StepFinished", 7, 1_200, start),
        line("ServiceFinished", 8, 1_900),
        b"torn",
    ]
    spans = forecast.read_spans(lines, "web")
    assert spans == {"mount": [200], "start apache": [700]}
    settings = data_node().groups[0]
    planned, lost = forecast.forecast(settings, spans)
    assert planned.total_ms == 200
    assert "umount" in planned.unknown
    assert lost.parts[0][0] == "silence of the lost node"
    assert lost.total_ms == lost.parts[0][1] + 200


@pytest.mark.parametrize(
    "change",
    [
        {"paused": {"until": 0, "reason": ""}},
        {"peer": {**PEER, "paused": True}},
        {"peer": {**PEER, "same_configuration": False}},
        {"peer": {**PEER, "hears_us_on": []}},
        {"peer": {**PEER, "link_up": False}},
        {"alerts": [{"kind": "flapping", "text": "", "age_ms": 1}]},
    ],
)
def test_an_order_is_not_given_again_for_what_does_not_pass_by_itself(
    change: dict[str, Any],
) -> None:
    pair = Slow(refusals=3)
    pair.looks = [{**AWAY, **change}]
    with pytest.raises(RequestRefusedError):
        pair.order_once_possible("switchover", "a drill", 60)
    assert pair.refusals == 2


class Interrupted(Standing):
    """A pair beside which somebody presses Ctrl-C, so many times, whenever it is waited for."""

    def __init__(self, times: int) -> None:
        super().__init__(HEALTHY)
        self.times = times

    @override
    def wait(
        self, what: str, holds: Callable[[dict[str, Any]], bool], limit_s: float
    ) -> dict[str, Any]:
        if self.times:
            self.times -= 1
            raise KeyboardInterrupt
        return super().wait(what, holds, limit_s)


def plan_of(*scenarios: Scenario, probe: tuple[str, ...] = ("true",)) -> conduct.Plan:
    return conduct.Plan(
        socket=Path("/nowhere"),
        group="web",
        scenarios=scenarios,
        settings=DrillSettings(probe=probe),
    )


@pytest.fixture
def no_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ICMP reach nobody, and nobody be waited for long."""
    monkeypatch.setattr(conduct, "echo", lambda _address: lambda: False)
    monkeypatch.setattr(conduct, "_FIRST_ANSWER_S", 0.5)


@pytest.mark.usefixtures("no_echo")
@pytest.mark.parametrize(
    ("times", "words"), [(1, "both copies are in sync"), (2, "left as it is. 'hafailover switch")]
)
def test_an_interrupted_drill_brings_the_group_home_unless_interrupted_again(
    monkeypatch: pytest.MonkeyPatch, times: int, words: str
) -> None:
    pair = Interrupted(times)
    monkeypatch.setattr(conduct, "Pair", lambda _socket, _group: pair)
    found = conduct.conduct(plan_of(*Scenario), print)
    assert [each.problem for each in found.exercises] == ["interrupted"]
    assert found.verdict is Verdict.MISSED
    assert words in found.left_behind
    assert pair.orders == []


@pytest.mark.usefixtures("no_echo")
def test_an_exercise_that_could_not_begin_is_one_that_was_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = Standing(HEALTHY, {**HEALTHY, "health": "degraded"})
    monkeypatch.setattr(conduct, "Pair", lambda _socket, _group: pair)
    monkeypatch.setattr(conduct, "_SETTLE_S", 0.1)
    found = conduct.conduct(plan_of(Scenario.PLANNED), print)
    assert found.verdict is Verdict.MISSED
    assert found.exercises[0].problem.startswith("not begun: not within")
    assert found.notes == (
        "not measured, nothing ever answered: this node by ICMP to 192.168.1.102",
    )


@pytest.mark.usefixtures("no_echo")
@pytest.mark.parametrize(
    ("probe", "words"), [((), "by ICMP to"), (("false",), "this node by false")]
)
def test_a_drill_is_not_begun_where_nothing_answers(
    monkeypatch: pytest.MonkeyPatch, probe: tuple[str, ...], words: str
) -> None:
    pair = Standing(HEALTHY)
    monkeypatch.setattr(conduct, "Pair", lambda _socket, _group: pair)
    found = conduct.conduct(plan_of(Scenario.PLANNED, probe=probe), print)
    assert found.verdict is Verdict.NOT_RUN
    assert words in found.refusal
    assert pair.orders == []


UNCOUNTED = {**HEALTHY, "switchover_possible": False}


@pytest.mark.usefixtures("no_echo")
def test_a_peer_that_the_arbiter_counts_a_moment_later_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = Standing(UNCOUNTED, UNCOUNTED, HEALTHY)
    monkeypatch.setattr(conduct, "Pair", lambda _socket, _group: pair)
    assert conduct.conduct(plan_of(), print).refusal == ""


@pytest.mark.parametrize(
    ("limit_s", "change"),
    [
        (0.2, {}),
        (3600, {"alerts": [{"kind": "diverged", "text": "", "age_ms": 1}]}),
        (3600, {"role": "standby"}),
        (3600, {"health": "degraded"}),
    ],
)
def test_what_does_not_pass_by_itself_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, limit_s: float, change: dict[str, Any]
) -> None:
    monkeypatch.setattr(conduct, "_COUNTED_S", limit_s)
    pair = Standing({**UNCOUNTED, **change})
    monkeypatch.setattr(conduct, "Pair", lambda _socket, _group: pair)
    assert conduct.conduct(plan_of(), print).refusal


@pytest.mark.parametrize("scenario", [Scenario.LOSE_PRIMARY, Scenario.LOSE_SECONDARY])
def test_no_copy_is_lost_that_would_wait_for_a_person(
    monkeypatch: pytest.MonkeyPatch, scenario: Scenario
) -> None:
    pair = Standing(HEALTHY)
    monkeypatch.setattr(conduct, "Pair", lambda _socket, _group: pair)
    plan = replace(plan_of(Scenario.PLANNED, scenario), rejoin=Automatism.MANUAL)

    found = conduct.conduct(plan, print)

    assert found.verdict is Verdict.NOT_RUN
    assert f"rejoin: manual nobody rebuilds the copy that {scenario.value}" in found.refusal
    assert pair.orders == []
    assert conduct.copy_obstacle((Scenario.PLANNED,), Automatism.MANUAL) == ""
    assert conduct.copy_obstacle(tuple(Scenario), Automatism.AUTO) == ""


def test_a_rehearsal_shows_that_a_lost_copy_would_wait_for_a_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rehearsal, "echo", lambda _address: lambda: True)
    group = replace(data_node().groups[0], rejoin=Automatism.MANUAL)
    what = "a lost copy is rebuilt without asking"

    def judged(settings: GroupSettings, *scenarios: Scenario) -> list[bool]:
        planned = Foresight(goal=Goal.SECONDARY, refusal="", steps=())
        checks = rehearsal.rehearse(HEALTHY, settings, DrillSettings(), planned, scenarios)
        return [each.is_ok for each in checks if each.what == what]

    assert judged(group, Scenario.LOSE_SECONDARY) == [False]
    assert judged(replace(group, rejoin=Automatism.AUTO), Scenario.LOSE_SECONDARY) == [True]
    assert judged(group, Scenario.PLANNED) == []


def test_an_agent_that_falls_silent_before_a_drill_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def silent(*_: object) -> None:
        raise AbandonedError("no agent answers")

    node = data_node()
    known = SimpleNamespace(settings=replace(node.groups[0], name="web"))
    monkeypatch.setattr(cli, "ask_state", lambda *_: known)
    monkeypatch.setattr(cli, "load", lambda *_: node)
    monkeypatch.setattr(conduct, "conduct", silent)

    ended = CliRunner().invoke(cli.drill, ["--yes"], standalone_mode=False)

    assert ended.return_value == 2
    assert "not run: no agent answers" in ended.output
