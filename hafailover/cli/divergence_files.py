"""Which files do two copies differ in? What each node found where the blocks differ, put side by side."""

import json
import time
from collections.abc import Iterator
from typing import Any, Final

SHOWN: Final = 20
_OWN: Final = (".hafailover", ".sujournal")
"""What always differs: the agents' canary and marks, and the journal of the file system."""


def named(row: dict[str, Any], nodes: tuple[str, str]) -> dict[str, Any]:
    """Return a row of the agent's answer, with what the two nodes say of the files put side by side.

    ``files`` has a row for each path, ``files_left_out`` says how many a node did not name, and ``files_unknown``
    why it names none.
    """
    row = dict(row)
    told = (row.pop("own_files"), row.pop("their_files"))
    sides: dict[str, dict[str, Any]] = {}
    unknown: dict[str, str] = {}
    for name, (text, problem) in zip(nodes, told, strict=True):
        if problem:
            unknown[name] = problem
        elif text:
            sides[name] = json.loads(text)
    found: dict[str, dict[str, Any]] = {}
    for name, side in sides.items():
        for file in side["files"]:
            found.setdefault(file["path"], {})[name] = file
    rows = [_row(path, by_node) for path, by_node in found.items() if not _is_same(by_node, sides)]
    return {
        **row,
        "files": sorted(rows, key=lambda each: (-each["differing_bytes"], each["path"])),
        "files_left_out": {
            name: side["left_out"] for name, side in sides.items() if side["left_out"]
        },
        "files_unknown": unknown,
    }


def _is_same(by_node: dict[str, Any], sides: dict[str, Any]) -> bool:
    """Whether nothing of a file differs: only the block differs in which its inode lies beside others."""
    files = list(by_node.values())
    if any(each["bytes_there"] for each in files) or len(sides) < 2:
        return False
    return len(files) == 2 and files[0]["stamp"] == files[1]["stamp"]


def _row(path: str, by_node: dict[str, Any]) -> dict[str, Any]:
    return {
        "path": path,
        "is_directory": any(each["is_directory"] for each in by_node.values()),
        "differing_bytes": max(each["bytes_there"] for each in by_node.values()),
        "on": {
            name: {
                "size_bytes": each["size_bytes"],
                "modified": _moment(each["modified_s"]),
                "differing_bytes": each["bytes_there"],
            }
            for name, each in by_node.items()
        },
    }


def lines(volume: dict[str, Any], nodes: tuple[str, str]) -> Iterator[str]:
    """Yield the files for a person, one a line, those of the file system and of the agents last."""
    files = volume["files"]
    ordered = sorted(files, key=lambda each: (_is_own(each), each["is_directory"]))
    for each in ordered[:SHOWN]:
        yield f"    {_shown(each, nodes, volume)}"
    more = len(files) - SHOWN + sum(volume["files_left_out"].values())
    if len(files) > SHOWN or volume["files_left_out"]:
        yield f"    and {max(more, 1)} more: --json names those that are known"
    if not files and len(volume["files_unknown"]) < 2:
        yield "    no file lies there: the blocks are free, or the file system's own"
    for name, problem in volume["files_unknown"].items():
        yield f"    which files these are on {name} is not known: {problem}"


def _shown(file: dict[str, Any], nodes: tuple[str, str], volume: dict[str, Any]) -> str:
    path = file["path"] if not file["is_directory"] else file["path"].rstrip("/") + "/"
    on = file["on"]
    told = [
        f"{name}: {on[name]['size_bytes']} bytes of {_short(on[name]['modified'])}"
        for name in nodes
        if name in on
    ]
    missing = [name for name in nodes if name not in on and name not in volume["files_unknown"]]
    if missing and not volume["files_left_out"]:
        told.append(f"not on {missing[0]}")
    note = " (differs always)" if _is_own(file) else ""
    return f"{path}{note}: {'; '.join(told)}"


def _is_own(file: dict[str, Any]) -> bool:
    return file["path"].split("/")[0] in _OWN


def _moment(wall_s: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(wall_s))


def _short(moment: str) -> str:
    return moment[:19].replace("T", " ")
