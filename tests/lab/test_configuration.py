"""The lab's configuration is one that the product accepts, on both nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from hafailover.config.findings import judge
from hafailover.config.load import read_file
from hafailover.lab.configuration import Paths, Tuning, configuration
from hafailover.lab.plan import WEB_PAIR


@pytest.mark.parametrize("tuning", [Tuning(), Tuning(arbiter="none", failback="auto")])
@pytest.mark.parametrize("node", ["A", "B"])
def test_it_is_without_a_finding(tmp_path: Path, tuning: Tuning, node: str) -> None:
    file = tmp_path / "hafailover.yaml"
    file.write_text(configuration(WEB_PAIR, Paths(own=Path("/lab/self")), tuning))
    read = read_file(file)
    judgement = judge(read, read.settings(node), None)
    assert [finding.what for finding in judgement.findings] == []
