"""Whatever is done to a file: settings for both nodes, or errors with places; never a traceback."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from hafailover.config.kinds import Duration, Size
from hafailover.config.load import read_text
from hafailover.config.problems import ConfigErrors
from hafailover.config.spans import (
    parse_duration,
    parse_size,
    parse_window,
    render_duration,
    render_size,
    render_window,
)
from hafailover.units import MICROSECOND
from tests.config.texts import EXAMPLES

WEB = (EXAMPLES / "web-pair.yaml").read_text()
PLAIN = (EXAMPLES / "plain-vrrp.yaml").read_text()
WORDS = [
    "~", "null", "[]", "{}", "0", "-1", "1e9", "true", "*x", "&x", "!!int", "255", "300ms", "4s",
    "'", '"', ":", "- ", "\t", "\n", "#", "fe80::1/64", "2001:db8::1", "0.0.0.0", "/", "/home/sites",
    "{Server_A: 1}", "etcd", "none", "fence", "vrid", "volumes: {}", "\U0001f4a5", "\x00", "..", "192.168.1.100",
]  # fmt: skip


def judge(text: str) -> None:
    """Read a text as the product would; anything but settings or placed errors is a failure."""
    lines = text.count("\n") + 2
    try:
        configuration = read_text(text, "f")
    except ConfigErrors as errors:
        problems = errors.problems
    else:
        for node in configuration.nodes:
            assert configuration.settings(node).node == node
        configuration.promises()
        return
    assert problems
    for problem in problems:
        assert problem.text
        assert 1 <= problem.mark.line <= lines
        assert problem.mark.column >= 1


@given(seed=st.integers(0, 2**32), text=st.sampled_from([WEB, PLAIN]), count=st.integers(1, 4))
@settings(max_examples=150, deadline=None)
def test_mutated_words_and_lines(seed: int, text: str, count: int) -> None:
    rng = random.Random(seed)
    lines = text.splitlines()
    for _ in range(count):
        place = rng.randrange(len(lines))
        match rng.randrange(5):
            case 0:
                lines[place] = lines[place].replace(
                    rng.choice(lines[place].split() or [""]), rng.choice(WORDS)
                )
            case 1:
                del lines[place]
            case 2:
                lines.insert(place, lines[rng.randrange(len(lines))])
            case 3:
                lines[place] = " " * rng.randrange(8) + lines[place].strip()
            case _:
                head, colon, _ = lines[place].partition(":")
                lines[place] = head + colon + " " + rng.choice(WORDS)
        lines = lines or [""]
    judge("\n".join(lines) + "\n")


@given(text=st.text(max_size=300))
@settings(max_examples=150, deadline=None)
def test_arbitrary_text(text: str) -> None:
    judge(text)


@given(place=st.integers(0, len(WEB)), insert=st.text(max_size=6))
@settings(max_examples=100, deadline=None)
def test_arbitrary_insertions(place: int, insert: str) -> None:
    judge(WEB[:place] + insert + WEB[place:])


@given(span=st.integers(0, 10**15).map(lambda value: value * MICROSECOND))
def test_a_duration_is_read_back_as_it_was_shown(span: int) -> None:
    assert parse_duration(render_duration(span)) == span


@given(size=st.integers(0, 2**50))
def test_a_size_is_read_back_as_it_was_shown(size: int) -> None:
    assert parse_size(render_size(size)) == size


@given(window=st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(lambda w: w[0] != w[1]))
def test_a_window_is_read_back_as_it_was_shown(window: tuple[int, int]) -> None:
    assert parse_window(render_window(window)) == window


@given(text=st.text(alphabet="0123456789.msuhdKMGTB -", max_size=10))
def test_only_shown_forms_are_accepted(text: str) -> None:
    for kind in (Duration(low=0, high=10**18), Size(low=0, high=2**62)):
        try:
            value = kind.parse(text)
        except ValueError:
            continue
        assert kind.parse(kind.show(value)) == value
