"""The dashboard and the alert rules speak of metrics that there are."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from hafailover.web.metrics import families

MONITORING = Path(__file__).parents[2] / "docs" / "monitoring"
KNOWN = {name: set(labels) for name, labels, _ in families()}


def assert_known(expression: str) -> None:
    names = re.findall(r"\bhafailover_\w+", expression)
    assert names, expression
    for name in names:
        assert name in KNOWN, name


def test_the_alert_rules_are_made_of_metrics_that_there_are() -> None:
    document = yaml.safe_load((MONITORING / "alert-rules.yaml").read_text())
    rules: list[dict[str, Any]] = document["groups"][0]["rules"]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 5
    for rule in rules:
        assert_known(rule["expr"])
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"].keys() == {"summary", "action"}


def test_the_dashboard_is_made_of_metrics_that_there_are() -> None:
    document = json.loads((MONITORING / "grafana.json").read_text())
    panels = document["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 5
    for panel in panels:
        for target in panel["targets"]:
            assert_known(target["expr"])
            labels = set(re.findall(r"(\w+)=~", target["expr"])) | set(
                re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
            )
            names = re.findall(r"\bhafailover_\w+", target["expr"])
            assert labels <= {"instance"}.union(*(KNOWN[name] for name in names)), panel["title"]
