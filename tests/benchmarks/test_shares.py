"""The parts of a promotion are read from the journal of the node that took over."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.shares import Shares, of_promotion

MS = 1_000_000


def line(at_ms: int, event: dict[str, Any], *actions: dict[str, Any]) -> str:
    return json.dumps(
        {"line": "step", "group": "web", "now": at_ms * MS, "event": event, "actions": actions}
    )


def note(text: str) -> dict[str, Any]:
    return {"is": "Note", "text": text}


JOURNAL = "\n".join(
    (
        json.dumps({"line": "start"}),
        line(10, {"is": "DeadlineReached"}, note("standby -> promoting")),
        line(5100, {"is": "DeadlineReached"}, note("standby -> promoting"), {"is": "Observe", "id": 1}),
        line(5150, {"is": "ProbeFinished", "id": 9}),
        line(5300, {"is": "StorageObserved", "id": 1}, {"is": "RunStep", "id": 2}),
        line(
            5410,
            {"is": "StepFinished", "id": 2, "outcome": {"took_ns": 100 * MS}},
            {"is": "WriteRecords", "id": 3},
        ),
        line(5430, {"is": "RecordsWritten", "id": 3}, {"is": "RunService", "id": 4}),
        line(
            5735,
            {"is": "ServiceFinished", "id": 4, "outcome": {"took_ns": 300 * MS}},
            {"is": "AnnounceAddresses"},
        ),
        line(9000, {"is": "DeadlineReached"}, {"is": "AnnounceAddresses"}),
    )
)  # fmt: skip


def test_the_parts_add_up_to_the_whole(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text(JOURNAL)
    assert of_promotion(tmp_path, 100 * MS) == Shares(
        detection_ms=5000.0, commands_ms=400.0, looks_ms=200.0, asked_ms=20.0, own_ms=15.0
    )


def test_what_happens_at_the_same_time_counts_once(tmp_path: Path) -> None:
    text = "\n".join(
        (
            line(
                1000,
                {"is": "DeadlineReached"},
                note("standby -> promoting"),
                {"is": "Observe", "id": 1},
                {"is": "AskArbiter", "id": 2},
            ),
            line(1100, {"is": "StepFinished", "id": 3, "outcome": {"took_ns": 500 * MS}}),
            line(1250, {"is": "StorageObserved", "id": 1}),
            line(1300, {"is": "ArbiterAnswered", "id": 2}, {"is": "AnnounceAddresses"}),
        )
    )
    (tmp_path / "journal.jsonl").write_text(text)
    assert of_promotion(tmp_path, 0) == Shares(
        detection_ms=1000.0, commands_ms=100.0, looks_ms=150.0, asked_ms=50.0, own_ms=0.0
    )


@pytest.mark.parametrize("kept", [3, 6])
def test_a_promotion_that_did_not_end_has_no_parts(tmp_path: Path, kept: int) -> None:
    text = "\n".join(JOURNAL.splitlines()[:kept])
    (tmp_path / "journal.jsonl").write_text(text)
    assert of_promotion(tmp_path, 100 * MS) is None
