"""The language of the contracts says what differs, and lets nothing pass that is not named."""

import pytest

from tests.freebsd.contract import Answer, Step, differences, read_steps

NAMES = {"dir": "/tmp/x", "one": "/tmp/x/one.img"}


def found(step: Step, *, stdout: str = "", stderr: str = "", status: int = 0) -> int:
    return len(list(differences(step, Answer(stdout=stdout, stderr=stderr, status=status), NAMES)))


def test_a_script_is_read_line_by_line() -> None:
    steps = read_steps(
        "; why\nimage one 16\n~ 5 $ a b\n| out {one}\n|  two blanks\n! err\n= 3\nunderstood geom\n"
    )
    assert steps == [
        Step(line=2, words="image one 16"),
        Step(
            line=3,
            words="$ a b",
            seconds=5.0,
            stdout=["out {one}", " two blanks"],
            stderr=["err"],
            status=3,
            understood=["geom"],
        ),
    ]


def test_what_is_not_named_must_not_come() -> None:
    step = Step(line=1, words="$ x")
    assert found(step) == 0
    assert found(step, stdout="a\n") == found(step, stderr="a\n") == found(step, status=1) == 1


@pytest.mark.parametrize(
    ("wanted", "came", "count"),
    [
        (["id <n>"], "id -12\n", 0),
        (["id <n>"], "id x\n", 1),
        (["0x<x>"], "0xff0\n", 0),
        (["a.c"], "abc\n", 1),
        (["<*>ggated<*> rw"], "root     ggated 5 rw\n", 0),
        (["file {one}"], "file /tmp/x/one.img\n", 0),
        (["a", "...", "z"], "a\nb\nc\nz\n", 0),
        (["a", "...", "z"], "a\nz\n", 0),
        (["a", "..."], "b\na\n", 1),
        (["md1\\t"], "md1\t\n", 0),
        (["a"], "a", 1),
    ],
)
def test_patterns(wanted: list[str], came: str, count: int) -> None:
    assert found(Step(line=1, words="$ x", stdout=wanted), stdout=came) == count


def test_what_the_product_cannot_read_differs() -> None:
    step = Step(line=1, words="$ sysctl", stdout=["..."], understood=["geom"])
    assert found(step, stdout="<mesh/>\n") == 0
    assert found(step, stdout="<mesh>\n") == 1
