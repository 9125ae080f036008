"""What must both nodes have in common, in one form that has one hash?

The canonical form is the whole file with its defaults filled in, each value as its kind shows it,
keys sorted. It does not change with comments, order, or ``1s`` written as ``1000ms``. Secrets stand
in it as hashes only.
"""

import hashlib
import json
from typing import Any

from hafailover.config.checked import Checked, PerNodeValue
from hafailover.config.schema import ROOT
from hafailover.config.shape import (
    ListOf,
    Named,
    Options,
    PerNode,
    Scalar,
    Section,
    Shape,
    Variant,
)

_OUTSIDE_THE_GROUPS = ("version", "nodes", "networks", "channel", "arbiter", "timers", "recovery")


def canonical_form(root: Checked) -> dict[str, Any]:
    """Return the file as plain data; the file must be free of errors."""
    form = _shown(ROOT, root)
    return form if isinstance(form, dict) else {}


def cluster_digest(form: dict[str, Any]) -> str:
    """Return SHA-256 over all that both nodes must have in common, as hexadecimal."""
    return _digest(form)


def group_digest(form: dict[str, Any], group: str) -> str:
    """Return SHA-256 over what one group depends on; alerts, say, may differ without harm."""
    shared = {key: form[key] for key in _OUTSIDE_THE_GROUPS}
    return _digest({**shared, "group": group, "settings": form["groups"][group]})


def hashed(secret: str) -> str:
    """Return what stands for a secret."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


def _digest(form: dict[str, Any]) -> str:
    text = json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _shown(shape: Shape, value: Any) -> Any:
    if value is None:
        return None
    match shape:
        case Scalar():
            return shape.kind.show(value)
        case PerNode():
            return _per_node(shape, value)
        case ListOf():
            return [_shown(shape.item, item) for item in value]
        case Options():
            return {word: shape.kind.show(item) for word, item in value.items()}
        case Named():
            return {name: _shown(shape.section, section) for name, section in value.items()}
        case Section():
            return _section(shape, value)
        case Variant():
            kind = value.values[shape.tag]
            section = dict(shape.sections)[kind]
            return {shape.tag: kind, **_section(section, value)}


def _per_node(shape: PerNode, value: PerNodeValue) -> Any:
    if value.by_node is not None:
        return {node: shape.kind.show(item) for node, item in value.by_node.items()}
    return shape.kind.show(value.shared)


def _section(shape: Section, value: Checked) -> dict[str, Any]:
    form = {key.name: _shown(key.shape, value.values[key.name]) for key in shape.keys}
    for key in shape.keys:
        if key.is_secret and form[key.name] not in (None, {}):
            form[key.name] = hashed(json.dumps(form[key.name], sort_keys=True))
    return form
