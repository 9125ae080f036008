"""The runbook has an answer to every alert and to every sentence that refuses something."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import hafailover
from hafailover.group.actions import AlertKind

ROOT = Path(hafailover.__file__).parent
RUNBOOK = (ROOT.parent / "docs" / "runbook.md").read_text()
SOURCES: dict[str, tuple[str, ...] | None] = {
    "candidacy": (
        "_standing_refusal",
        "_copy_refusal",
        "beside_peer",
        "beside_silence",
        "_isolation",
    ),
    "arbiters": ("own_refusal", "pending", "beside_silence"),
    "fencing": ("beside_silence",),
    "handover": ("obstacle", "_peer_obstacle"),
    "orders": None,
    "drilling": ("_obstacle",),
}
"""Modules of the group, and their functions that return refusals; None: all of them."""
LETTERS_MIN = 12
"""Shorter pieces are parts of sentences."""


def text_of(node: ast.expr) -> str | None:
    """Return a text with ``…`` for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values
        )
    return None


def texts_in(node: ast.AST) -> Iterator[str]:
    """Yield the texts that an expression may become, not those inside of calls."""
    if isinstance(node, ast.expr) and (text := text_of(node)) is not None:
        yield text
    elif isinstance(node, ast.BinOp):
        right = text_of(node.right)
        yield "".join(texts_in(node.left)) + ("…" if right is None else right)
    elif not isinstance(node, ast.Call):
        for below in ast.iter_child_nodes(node):
            yield from texts_in(below)


def refusals() -> set[str]:
    found: set[str] = set()
    for module, names in SOURCES.items():
        tree = ast.parse((ROOT / "group" / f"{module}.py").read_text())
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            if names is not None and function.name not in names:
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Return) and node.value is not None:
                    found |= set(texts_in(node.value))
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_refuse":
                    found |= set(texts_in(node.args[2]))
    return {text for text in found if sum(char.isalpha() for char in text) >= LETTERS_MIN}


def rows() -> set[str]:
    return set(re.findall(r"^\| (.+?) \| .+ \|$", RUNBOOK, re.MULTILINE)) - {"sentence", "---"}


def test_every_alert_is_in_the_runbook_and_no_other() -> None:
    headings = re.findall(r"^### `(.+)`$", RUNBOOK, re.MULTILINE)

    assert set(headings) == {kind.value for kind in AlertKind}
    assert len(headings) == len(set(headings))


def test_every_refusal_is_in_the_runbook_and_no_other() -> None:
    assert refusals() == rows()


def test_the_sources_of_refusals_are_really_read() -> None:
    assert len(refusals()) > 40
    assert "interface … has no link" in refusals()
