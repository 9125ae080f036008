"""``hafailover check`` and ``hafailover sample`` as a user calls them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from hafailover.cli.check import check
from hafailover.cli.sample import sample
from hafailover.config.load import read_text
from tests.config.texts import PAIR, changed


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A usable file."""
    path = tmp_path / "hafailover.yaml"
    path.write_text(PAIR)
    return path


def test_a_usable_file_ends_with_0_and_tells_the_worst_cases(config: Path) -> None:
    result = CliRunner().invoke(check, ["--config", str(config), "--offline"])

    assert result.exit_code == 0
    assert "usable, seen from a" in result.output
    assert "secondary lost: writes wait at most 2.2 s" in result.output
    assert "ping: not strict: a partition in which both nodes reach the targets splits" in (
        " ".join(result.output.split())
    )


def test_an_unusable_file_ends_with_78_and_all_errors_on_standard_error(config: Path) -> None:
    config.write_text(changed("vrid: 7", "vrid: 700", changed("size: 16M", "size: 16")))

    result = CliRunner().invoke(check, ["--config", str(config)])

    assert result.exit_code == 78
    assert result.stdout == ""
    assert f'{config}:13:11: groups.web.vrid: found "700"' in result.stderr
    assert f'{config}:20:15: groups.web.volumes.data.size: found "16"' in result.stderr
    assert "2 errors: the configuration cannot be used." in result.stderr


def test_a_missing_file_ends_with_78(tmp_path: Path) -> None:
    result = CliRunner().invoke(check, ["--config", str(tmp_path / "absent")])

    assert result.exit_code == 78
    assert "cannot be read: No such file or directory" in result.stderr


def test_a_host_that_is_no_node_ends_with_78_and_says_how_to_say_which(config: Path) -> None:
    result = CliRunner().invoke(check, ["--config", str(config), "--node", "c", "--offline"])

    assert result.exit_code == 78
    assert '--node says "c", but the nodes are a, b' in result.stderr


def test_errors_of_the_host_end_with_1(config: Path) -> None:
    """This host has none of the interfaces and addresses of the file."""
    result = CliRunner().invoke(check, ["--config", str(config), "--node", "b"])

    assert result.exit_code == 1
    assert "there is no interface em0 on this host" in result.output
    assert "this host is not ready" in result.output


def test_the_text_fits_into_80_columns(config: Path) -> None:
    result = CliRunner().invoke(
        check, ["--config", str(config), "--node", "a"], env={"COLUMNS": "200"}
    )

    longest = max(result.output.splitlines()[1:], key=len)
    assert len(longest) <= 80, longest


def test_json_of_a_usable_file(config: Path) -> None:
    result = CliRunner().invoke(
        check, ["--config", str(config), "--node", "b", "--offline", "--json"]
    )

    said = json.loads(result.output)
    assert result.exit_code == 0
    assert (said["version"], said["usable"], said["node"]) == (1, True, "b")
    assert len(said["digest"]) == 64
    assert said["worst_cases"][1].startswith("secondary lost: writes wait at most")
    assert said["findings"] == []


def test_json_of_findings(config: Path) -> None:
    config.write_text(changed("interface: em1", "interface: em0"))

    result = CliRunner().invoke(check, ["--config", str(config), "--offline", "--json"])

    (finding,) = json.loads(result.output)["findings"]
    assert set(finding) == {"severity", "what", "where", "remedy"}
    assert (finding["severity"], finding["where"]) == ("warning", f"{config}:7:28")


def test_json_of_an_unusable_file(config: Path) -> None:
    config.write_text(changed("vrid: 7", "vird: 7"))

    result = CliRunner().invoke(check, ["--config", str(config), "--json"])

    said = json.loads(result.output)
    assert result.exit_code == 78
    assert said["usable"] is False
    assert said["problems"][0] == {
        "severity": "error",
        "line": 13,
        "column": 5,
        "key": "groups.web.vird",
        "text": 'unknown key; did you mean "vrid"?',
    }


def test_the_configuration_can_come_from_the_environment(config: Path) -> None:
    result = CliRunner().invoke(
        check, ["--offline"], env={"HAFAILOVER_CONFIG": str(config), "HAFAILOVER_NODE": "b"}
    )

    assert result.exit_code == 0
    assert "seen from b" in result.output


@pytest.mark.parametrize("arbiter", ["etcd", "fence", "ping", "none"])
@pytest.mark.parametrize("form", [[], ["--short"]])
def test_every_sample_is_a_usable_configuration(arbiter: str, form: list[str]) -> None:
    result = CliRunner().invoke(sample, ["--arbiter", arbiter, *form])

    assert result.exit_code == 0
    configuration = read_text(result.output, "sample")
    assert configuration.warnings == ()
    assert configuration.settings("server-b").groups[0].volumes
