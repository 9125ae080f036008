"""hafailover import, as it is called."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from hafailover.cli.import_ import import_
from hafailover.config.load import read_file
from tests.cli.json_schemas import assert_fits
from tests.migration.handbook import DATA, NODES

KINDS = {"freevrrpd": "freevrrpd.conf", "exports": "gg.exports", "rc-conf": "rc.conf"}
SCRIPTS = ("become_master.sh", "become_backup.sh")


def arguments(*more: str) -> list[str]:
    given = []
    for node in NODES:
        for option, name in KINDS.items():
            given += [f"--{option}", str(DATA / node / name)]
        for name in SCRIPTS:
            given += ["--script", str(DATA / node / name)]
    return [*given, *more]


def run(*words: str) -> Any:
    return CliRunner().invoke(import_, words)


def test_the_configuration_goes_where_it_is_wanted_and_can_be_used(tmp_path: Path) -> None:
    target = tmp_path / "new.yaml"

    done = run(*arguments("--size", "500m", "--output", str(target)))

    assert done.exit_code == 0, done.output
    assert "written" in done.stderr
    assert read_file(target).nodes == NODES
    assert target.stat().st_mode & 0o777 == 0o600
    again = run(*arguments("--output", str(target)))
    assert again.exit_code == 2
    assert "exists already" in again.stderr


def test_what_has_to_be_filled_in_is_an_exit_status() -> None:
    done = run(*arguments())

    assert done.exit_code == 1
    assert "size-unknown" in done.stderr
    assert done.stdout.startswith("# Made by hafailover import")


def test_findings_are_told_by_file_and_line() -> None:
    done = run(*arguments("--json"))

    document = json.loads(done.stdout)
    assert_fits("import", document)
    assert (document["version"], document["usable"], document["problems"]) == (1, True, [])
    found = next(each for each in document["findings"] if each["rule"] == "vrid-differs")
    assert found["file"].endswith("server-b/freevrrpd.conf")
    assert found["line"] == 2
    assert found["weight"] == "error"


def test_what_is_no_freevrrpd_file_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("# nothing\n")

    done = run("--freevrrpd", str(empty))

    assert done.exit_code == 78
    assert "no virtual router" in done.stderr


def test_nodes_are_named_by_hand_if_need_be() -> None:
    done = run(
        "--freevrrpd",
        str(DATA / "server-a" / "freevrrpd.conf"),
        "--node",
        "one=192.0.2.1/10.0.0.1",
        "--node",
        "two",
    )

    assert done.exit_code == 2
    assert "NAME=LAN" in done.stderr
