"""Reading YAML: plain data only, and no traceback for anything else."""

import pytest

from hafailover.config.tree import MapNode, ScalarNode, UnreadableError, parse_yaml
from tests.config.texts import errors


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "f:1:1: the file is empty"),
        ("# nothing\n", "f:1:1: the file is empty"),
        ("- a\n", "f:1:1: found a list, allowed is a mapping of keys"),
        ("a: 1\nb: *x\n", "f:2:4: aliases (*name) are not read here; write the value out"),
        ("a: &x 1\n", "f:1:4: anchors (&name) are not read here; write the value out"),
        ("a: &x [*x]\n", "f:1:4: anchors (&name) are not read here; write the value out"),
        ("a: !!python/object:os.system x\n", "f:1:4: tags (!name) are not read here"),
        ("[a]: 1\n", "f:1:1: a key must be a word"),
        ("a: 1\n---\nb: 2\n", "f:2:1: not YAML: but found another document"),
        ("a: 'x\n", "f:2:1: not YAML: found unexpected end of stream"),
        ("a: b: c\n", "f:1:5: not YAML: mapping values are not allowed here"),
        ("a:\n\t- b\n", "f:2:1: not YAML: found character '\\t' that cannot start any token"),
        ("[" * 30, "f:1:21: nested deeper than 20 levels"),
        (
            "a: \x07\n",
            "f:1:1: not YAML: unacceptable character #x0007: special characters are not allowed",
        ),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_place(text: str, expected: str) -> None:
    assert errors(text)[0] == expected


def test_an_escape_beyond_unicode_is_an_error_and_no_traceback() -> None:
    assert errors('a: "\\UFFFFFFFF"\n')[0].startswith("f:1:1: not YAML: ")


def test_a_huge_file_is_refused_unread() -> None:
    assert errors("a" * (2 << 20)) == ["f:1:1: the file is longer than 1048576 characters"]


def test_scalars_are_kept_as_written() -> None:
    tree = parse_yaml("a: no\nb: 0644\nc: 12:30\nd: '1'\n")

    assert isinstance(tree, MapNode)
    values = [value for _, value in tree.entries]
    assert [v.text for v in values if isinstance(v, ScalarNode)] == ["no", "0644", "12:30", "1"]
    assert [v.is_plain for v in values if isinstance(v, ScalarNode)] == [True, True, True, False]


def test_places_count_from_one() -> None:
    tree = parse_yaml("a:\n  b: c\n")

    assert isinstance(tree, MapNode)
    assert (tree.entries[0][1].mark.line, tree.entries[0][1].mark.column) == (2, 3)


def test_a_second_document_ends_the_reading() -> None:
    with pytest.raises(UnreadableError):
        parse_yaml("a: 1\n--- \nb: 2\n")
