"""Scenario files say what they mean, and every mistake in one is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hafailover.cli.lab import SCENARIOS
from hafailover.lab.faults import SIMULATOR_ONLY
from hafailover.lab.scenario import (
    Fault,
    Operator,
    Pass,
    Promise,
    ScenarioError,
    Truth,
    Verb,
    Wait,
    load,
    parse,
)

CORPUS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.yaml"))
NEEDED = {
    "primary-power",
    "primary-agent-killed",
    "secondary-power",
    "replication-cut",
    "lan-cut",
    "switchover",
    "return-and-rebuild",
}


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_scenario_of_the_lab_can_be_read(path: Any) -> None:
    scenario = load(path)
    assert scenario.about
    assert any(isinstance(step, (Fault, Operator)) for step in scenario.steps)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_no_story_names_the_lab_that_the_lab_cannot_play(path: Path) -> None:
    story = load(path)
    if "lab" not in story.where:
        return
    verbs = {step.verb for step in story.steps if isinstance(step, Fault)}
    orders = [step.arguments for step in story.steps if isinstance(step, Operator)]
    assert not verbs & SIMULATOR_ONLY
    assert story.tuning.volumes == 1
    assert story.tuning.rebuild_rate == 0
    for words in orders:
        # Nobody is there to type what a person has to.
        assert words[0] != "resolve" or "--confirm" in words
        assert words[0] != "promote" or len(words) == 1 or "--yes" in words


def test_the_scenarios_that_are_promised_are_there() -> None:
    assert {path.stem for path in SCENARIOS.glob("*.yaml")} >= NEEDED


def test_every_kind_of_step() -> None:
    scenario = parse(
        "x",
        {
            "lab": {"arbiter": "none"},
            "promise": {"outage": "1.5s", "writes_lost": 2},
            "steps": [
                {"pass": "300ms"},
                {"fault": "cut replication A to-node"},
                {"operator": "hafailover switchover web on B"},
                {"wait": {"primary": "none", "within": "2s"}},
            ],
        },
    )
    assert scenario.steps == (
        Pass(span_ns=300_000_000),
        Fault(verb=Verb.CUT, words=("replication", "A", "to-node")),
        Operator(node="B", arguments=("switchover", "web")),
        Wait(truth=Truth(primary="none"), within_ns=2_000_000_000),
    )
    assert scenario.promise == Promise(outage_ms=1500, writes_lost=2)
    assert scenario.tuning.arbiter == "none"


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"step": []}, "'step' is none of about, where, lab, steps, promise"),
        ({}, "a list of steps is needed"),
        ({"steps": [{"jump": 1}]}, "step 1: 'jump' is none of phase"),
        ({"steps": [{"fault": "explode A"}]}, "a fault begins with one of power-off"),
        ({"steps": [{"fault": "power-off"}]}, "names its machine"),
        ({"steps": [{"pass": "1s"}, {"wait": {"primry": "A"}}]}, "step 2: what is true: 'primry'"),
        ({"steps": [{"wait": {"primary": "C"}}]}, "primary: A, B or none, not 'C'"),
        ({"steps": [{"wait": {"within": "soon"}}]}, "'soon' is no span of time"),
        ({"steps": [{"operator": "switchover"}]}, "an order reads"),
        ({"steps": [{"pass": "1s"}], "promise": {"luck": 1}}, "promise: 'luck' is none of"),
        ({"steps": [{"pass": "1s"}], "lab": {"size": 1}}, "lab: 'size' is none of"),
    ],
)
def test_mistakes_are_named(document: Any, sentence: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse("x", document)
    assert sentence in str(caught.value)
