"""Every command line in the documents is one that the program takes."""

import re
import shlex
from pathlib import Path

import click
import pytest

from hafailover.cli.main import entry

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINE = re.compile(r"^    (?:\S+ \S+ \S+ \S+ \S+ +\S+ +)?hafailover ([a-z].*)$", re.MULTILINE)
"""Indented, perhaps as a line of crontab(5)."""
EXAMPLES = [
    (document.name, match[1].split("  #")[0].split(" > ")[0].split(" | ")[0].strip())
    for document in DOCUMENTS
    for match in LINE.finditer(re.sub(r"\\\n +", "", document.read_text()))
]


def parse(command: click.Command, name: str, words: list[str]) -> None:
    """Parse words as the program would, below a group of commands too."""
    context = command.make_context(name, words)
    if isinstance(command, click.Group):
        below, found, rest = command.resolve_command(
            context, [*context.protected_args, *context.args]
        )
        assert below is not None
        assert found is not None
        parse(found, below, rest)


@pytest.mark.parametrize(("document", "example"), EXAMPLES)
@pytest.mark.filterwarnings("ignore:'protected_args' is deprecated")
def test_an_example_is_understood(
    document: str, example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The files that are named are the reader's.
    monkeypatch.setattr(click.Path, "convert", lambda _self, value, _param, _context: value)
    assert document
    parse(entry, "hafailover", shlex.split(example))


def test_the_documents_have_examples() -> None:
    assert len(EXAMPLES) > 20
