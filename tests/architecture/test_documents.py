"""The documents say what the program does: their generated parts are up to date, their examples work."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from hafailover.cli.main import COMMANDS, entry
from hafailover.config.describe import describe_schema
from hafailover.config.load import read_text
from hafailover.config.sample import render_sample
from hafailover.config.schema import ROOT as SCHEMA
from hafailover.config.shape import (
    ListOf,
    Named,
    PerNode,
    Presence,
    Scalar,
    Section,
    Shape,
    Variant,
)

Described = tuple[str, Shape, object, str]

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_generated_parts_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "generate-docs", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_manual_page(command: str) -> None:
    page = (ROOT / "docs" / "man" / "hafailover.8").read_text()

    assert re.search(rf"^\.It Ic {command.replace('-', '.*')}( |$)", page, re.MULTILINE)


def test_every_key_is_in_both_references() -> None:
    page = (ROOT / "docs" / "man" / "hafailover.yaml.5").read_text().replace("\\-", "-")
    reference = (ROOT / "docs" / "configuration.md").read_text()

    for row in describe_schema():
        assert f".It Ic {row.path}\n" in page
        assert f"| `{row.path}` |" in reference


def keys_below(shape: Shape) -> list[Described]:
    """Return name, shape, default and example of every key below a shape."""
    found: list[Described] = []
    match shape:
        case Section():
            for key in shape.keys:
                found.append((key.name, key.shape, key.default, key.sample))
                found += keys_below(key.shape)
        case Named():
            found += keys_below(shape.section)
        case ListOf():
            found += keys_below(shape.item)
        case Variant():
            for _, section in shape.sections:
                found += keys_below(section)
        case _:
            pass
    return found


def test_every_default_and_example_of_the_schema_is_allowed_by_it() -> None:
    for name, shape, default, sample in keys_below(SCHEMA):
        if isinstance(shape, Scalar | PerNode):
            if isinstance(default, str):
                shape.kind.parse(default)
            elif name != "i_accept_split_brain" and not sample.startswith("{"):
                assert sample, f"{name} has neither default nor example"
                shape.kind.parse(re.sub(r"\{.*?\}", "1", sample).strip('"'))
        elif default is Presence.REQUIRED and isinstance(shape, ListOf):
            assert sample or isinstance(shape.item, Section), name


@pytest.mark.parametrize("arbiter", ["etcd", "fence", "ping", "none"])
def test_every_key_of_the_schema_is_in_the_sample(arbiter: str) -> None:
    sample = render_sample(arbiter=arbiter)

    for name, *_ in keys_below(SCHEMA):
        others = {"etcd", "fence", "ping", "none"} - {arbiter}
        below = {key for other in others for key, *_ in keys_below(variant_section(other))} - {
            key for key, *_ in keys_below(variant_section(arbiter))
        }
        if name not in below:
            assert re.search(rf"^[ #-]*{name}:", sample, re.MULTILINE), name


def variant_section(word: str) -> Section:
    shape = SCHEMA.key("arbiter").shape
    assert isinstance(shape, Variant)
    return dict(shape.sections)[word]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_the_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_the_documents_exist(document: Path) -> None:
    for command in re.findall(r"^    hafailover ([a-z-]+)", document.read_text(), re.MULTILINE):
        assert command in COMMANDS, command
    for script in re.findall(r"\bscripts/[a-z-]+", document.read_text()):
        assert (ROOT / script).exists(), script


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_who_installs_by_pip_gets_the_service_that_is_started_later(document: Path) -> None:
    """pip puts the rc.d script where service(8) does not look."""
    text = document.read_text()
    if re.search(r"^    .*pip install", text, re.MULTILINE):
        assert re.search(
            r"^    install .*rc\.d/hafailover /usr/local/etc/rc\.d/$", text, re.MULTILINE
        )


def test_the_readme_says_what_scapys_licence_means() -> None:
    readme = (ROOT / "README.md").read_text()

    assert "BSD-2-Clause" in readme
    assert "GPL-2.0-only" in readme


def test_the_manual_pages_are_well_formed() -> None:
    mandoc = shutil.which("mandoc")
    if mandoc is None:
        pytest.skip("needs mandoc")
    pages = sorted((ROOT / "docs" / "man").glob("hafailover*.[58]"))

    done = subprocess.run(
        [mandoc, "-T", "lint", "-W", "warning", *pages],
        capture_output=True,
        text=True,
        check=False,
    )

    assert len(pages) == 2
    assert done.stdout == ""


def test_every_command_explains_itself_and_its_options() -> None:
    def walk(command: click.Command, name: str) -> None:
        assert command.help, name
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{name} {option.name}"
        if isinstance(command, click.Group):
            context = click.Context(command)
            for below in command.list_commands(context):
                found = command.get_command(context, below)
                assert found is not None
                walk(found, f"{name} {below}")

    walk(entry, "hafailover")


def test_the_timers_example_of_the_document_is_usable() -> None:
    text = (ROOT / "docs" / "timers.md").read_text()
    block = re.search(r"((?:^    .*\n)+)", text, re.MULTILINE)
    assert block is not None
    lines = "".join(line[4:] for line in block[1].splitlines(keepends=True))

    assert yaml.safe_load(lines) == {"timers": {"profile": "lan"}}
    pair = (ROOT / "docs" / "examples" / "web-pair.yaml").read_text()
    assert read_text(pair + lines, "f").promises()


def test_what_an_attacker_cannot_do_is_tried_by_tests_that_exist() -> None:
    named = re.findall(
        r"`(tests/\S+\.py)::(test_\w+)`", (ROOT / "docs" / "security.md").read_text()
    )
    assert len(named) > 20
    missing = [
        f"{path}::{name}" for path, name in named if f"def {name}(" not in (ROOT / path).read_text()
    ]
    assert missing == []
