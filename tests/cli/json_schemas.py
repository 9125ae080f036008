"""Holds documents against the schemas that docs/json publishes."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

DIRECTORY = Path(__file__).parents[2] / "docs" / "json"
NAMES = sorted(path.name.removesuffix(".schema.json") for path in DIRECTORY.glob("*.schema.json"))


@cache
def validator(name: str) -> Draft202012Validator:
    """Return the validator of one schema, which must be one itself."""
    schema = json.loads((DIRECTORY / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def assert_fits(name: str, document: Any) -> None:
    """Fail with every place that does not fit."""
    problems = [
        f"{each.json_path}: {each.message}" for each in validator(name).iter_errors(document)
    ]
    assert not problems, f"{name}: {problems}"
