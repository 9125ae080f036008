"""Every example configuration under docs/examples is one that both of its nodes can use."""

from pathlib import Path

import pytest

from hafailover.config.load import read_file

EXAMPLES = sorted((Path(__file__).parents[2] / "docs" / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_usable(path: Path) -> None:
    configuration = read_file(path)

    for node in configuration.nodes:
        assert configuration.settings(node).groups


@pytest.mark.parametrize("name", ["apache", "nfs", "mysql"])
def test_the_examples_of_services_stop_in_time(name: str) -> None:
    configuration = read_file(EXAMPLES[0].parent / f"{name}.yaml")

    assert configuration.warnings == ()
    settings = configuration.settings("server-a")
    for service in settings.groups[0].services:
        assert service.start
        assert service.stop
