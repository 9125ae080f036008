"""The source stays readable: short modules, short functions, no leftovers."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "hafailover"
MODULE_LINES_MAX = 350
FUNCTION_LINES_MAX = 60
BANNED_WORDS = {"manager", "handler", "helper", "helpers", "util", "utils", "common", "misc"}
MAY_PRINT = ("cli", "lab")
PROGRAM = 'if __name__ == "__main__":'
MARKS = ("TO" + "DO", "FIX" + "ME", "XX" + "X")


def sources() -> Iterator[Path]:
    yield from sorted(PACKAGE.rglob("*.py"))


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_module_is_too_long() -> None:
    long = {
        shown(path): lines
        for path in sources()
        if (lines := len(path.read_text().splitlines())) > MODULE_LINES_MAX
    }

    assert long == {}


def test_no_function_is_too_long() -> None:
    long = {}
    for path in sources():
        for function in functions(ast.parse(path.read_text())):
            lines = (function.end_lineno or 0) - function.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                long[f"{shown(path)}:{function.name}"] = lines

    assert long == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        shown(path) for path in sources() if not ast.get_docstring(ast.parse(path.read_text()))
    ]

    assert silent == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = [shown(path) for path in sources() if BANNED_WORDS & set(path.stem.split("_"))]

    assert vague == []


def test_nothing_is_left_for_later_in_the_source() -> None:
    places = [*sources(), *(path for path in (ROOT / "scripts").glob("*") if path.is_file())]
    left = [
        f"{shown(path)}:{number}"
        for path in places
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if any(mark in line for mark in MARKS)
    ]

    assert left == []


def test_only_what_a_person_runs_prints() -> None:
    """The command line, the lab, and modules that are programs of their own."""
    loud = []
    for path in sources():
        text = path.read_text()
        if path.relative_to(PACKAGE).parts[0] in MAY_PRINT or PROGRAM in text:
            continue
        for node in ast.walk(ast.parse(text)):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id == "print":
                loud.append(f"{shown(path)}:{called.lineno}")

    assert loud == []


def test_scapy_is_imported_by_its_layers_never_as_a_whole() -> None:
    whole = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if "scapy.all" in names or "scapy" in names:
                whole.append(shown(path))

    assert whole == []
