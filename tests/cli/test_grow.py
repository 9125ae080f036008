"""What hafailover grow says: the order over both nodes, what comes first, and which size it means."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from hafailover.cli.grow import grow
from hafailover.cli.grow_text import Procedure, render_procedure, what_follows
from hafailover.cli.growing import judge
from hafailover.config.resize import NotEditableError, with_size
from hafailover.system.agent_lock import AgentLock
from tests.cli.json_schemas import assert_fits
from tests.setup.bench import text_of

PROCEDURE = Procedure(
    node="a", source="a", other="b", volume="web/data", size="20G", more_bytes=10 << 30
)


def test_the_order_stops_the_node_without_the_data_first_and_names_the_outage() -> None:
    shown = render_procedure(PROCEDURE)
    lines = [line.split()[1:] for line in shown.splitlines()[1:7]]
    assert [line[:4] for line in lines] == [
        ["b", "service", "hafailover", "stop"],
        ["b", "hafailover", "grow", "web/data"],
        ["a", "service", "hafailover", "stop"],
        ["a", "hafailover", "grow", "web/data"],
        ["b", "service", "hafailover", "start"],
        ["a", "service", "hafailover", "start"],
    ]
    assert "Nobody serves from 3 to 6: 53 s of writing" in shown
    assert all(len(line) <= 100 for line in shown.splitlines())
    assert "Next, if b is done as well" in what_follows(PROCEDURE)


def test_giving_it_up_concerns_one_node_only() -> None:
    back = replace(PROCEDURE, size="10G", goes_back=True)

    shown = render_procedure(back)

    assert [line.split()[1:3] for line in shown.splitlines()[1:]] == [
        ["a", "hafailover"],
        ["a", "service"],
    ]
    assert [move.is_served for move in back.order()] == [False, True]
    assert what_follows(back) == "a is as it was. Next: service hafailover start"


@pytest.mark.parametrize(
    ("role", "health", "heard", "advice", "source"),
    [
        ("primary", "healthy", True, "begin on the other node, b", "a"),
        ("standby", "healthy", True, "begin here", "b"),
        ("primary", "degraded", False, "go on here", "a"),
        ("primary", "degraded", True, "mend the pair first: a serves alone", "a"),
        ("standby", "not served", True, "mend the pair first", "b"),
    ],
)
def test_a_running_agent_says_what_comes_first(
    role: str, health: str, heard: bool, advice: str, source: str
) -> None:
    said: dict[str, Any] = {
        "role": role,
        "health": health,
        "headline": "a serves alone",
        "peer": {"heard": heard},
    }
    found = judge(SimpleNamespace(node="a", peer="b"), said)  # type: ignore[arg-type]
    assert advice in found.advice
    assert found.source == source


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HAFAILOVER_LAB", "1")
    path = tmp_path / "hafailover.yaml"
    path.write_text(text_of(tmp_path))
    return path


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("web/mail", "20G"), "not one of: web/data"),
        (("data", "20"), "the unit is missing"),
        (("data", "much"), "is no size; 20G is one"),
    ],
)
def test_a_word_that_means_nothing_is_named(
    config: Path, words: tuple[str, str], text: str
) -> None:
    ended = CliRunner().invoke(grow, ["--config", str(config), "--node", "a", *words])
    assert ended.exit_code == 2
    assert text in ended.output


def test_the_plan_beside_a_running_agent_fits_its_schema(config: Path, tmp_path: Path) -> None:
    lock = AgentLock(tmp_path / "run")
    words = ["--config", str(config), "--node", "a", "data", "1G", "--json"]
    ended = CliRunner().invoke(grow, words)
    lock.release()
    found = json.loads(ended.output)
    assert_fits("grow", found)
    assert (found["is_agent_running"], found["steps"]) == (True, [])
    assert [each["served"] for each in found["order"]] == [True, True, False, False, False, True]


def test_a_smaller_size_is_refused_before_anything_was_stopped_for_it(
    config: Path, tmp_path: Path
) -> None:
    lock = AgentLock(tmp_path / "run")
    words = ["--config", str(config), "--node", "a", "data", "1M"]
    for form in ((), ("--plan",), ("--json",)):
        ended = CliRunner().invoke(grow, [*words, *form])
        assert ended.exit_code == 1
        assert "no volume is shrunk" in ended.output
        assert "service hafailover stop" not in ended.output
    lock.release()


TEXT = """\
groups:
  web:
    volumes:
      # the customers' sites
      data: {image: /a, size: 10G}  # as agreed
      mail:
        size: 3G
"""


def test_a_size_is_changed_where_it_stands() -> None:
    assert with_size(TEXT, "web", "data", "20G") == TEXT.replace("10G", "20G")
    assert with_size(TEXT, "web", "mail", "7G") == TEXT.replace("3G", "7G")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (TEXT, "news is there 0 times"),
        ("groups: {web: {volumes: {news: {size: '3G'}}}}", "not written as a plain word"),
        ("groups: {web: {volumes: {news: {size: [3G]}}}}", "not written as a plain word"),
        ("groups: {web: {volumes: {news: {size: 3G, size: 4G}}}}", "size is there 2 times"),
    ],
)
def test_what_a_person_has_to_change_is_left_alone(text: str, problem: str) -> None:
    with pytest.raises(NotEditableError, match=problem):
        with_size(text, "web", "news", "7G")
