"""What is told of a configuration file that is no longer what the agent runs with?"""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from hafailover.config.load import load
from hafailover.group.actions import AlertKind, Severity
from hafailover.system.configuration_file import ConfigurationFile
from hafailover.system.runner import Runner
from tests.config.texts import PAIR
from tests.system.conftest import Bench

ROOT = str(Path(__file__).parents[2])


@pytest.mark.parametrize(
    ("text", "digest", "severity", "words"),
    [
        (PAIR, None, None, "unchanged"),
        (PAIR, "0" * 64, Severity.NOTE, "no longer what the agent runs with"),
        ("version: 1\nnodes: 7\n", None, Severity.WARNING, "cannot be used, line "),
    ],
)
def test_what_has_become_of_the_file_is_told(
    bench: Bench,
    tmp_path: Path,
    text: str,
    digest: str | None,
    severity: Severity | None,
    words: str,
) -> None:
    path = tmp_path / "hafailover.yaml"
    path.write_text(PAIR)
    settings = load(path, "a")
    if digest is not None:
        settings = replace(settings, digest=digest)
    path.write_text(text)
    told: list[tuple[str, AlertKind, Severity, str]] = []
    said: list[str] = []
    runner = Runner(bench.loop)
    subject = ConfigurationFile(
        path,
        settings,
        runner,
        {**os.environ, "PYTHONPATH": ROOT},
        tell=lambda *alert: told.append(alert),
        say=said.append,
    )

    subject.look()
    bench.until(lambda: told or said)
    runner.close()

    if severity is None:
        assert words in said[0]
        assert told == []
        return
    assert {kind for _, kind, _, _ in told} == {AlertKind.CONFIGURATION_CHANGED}
    assert told[0][2] is severity
    assert words in told[0][3]
