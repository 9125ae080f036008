"""What can be said at all, and what syslog gets when something is said over and over."""

import os
from pathlib import Path

from hafailover.system.log import LIMIT_LINES, LIMIT_SPAN_S, Limit, Log
from hafailover.system.writer_thread import LineWriter


def test_a_flood_is_cut_and_counted() -> None:
    limit = Limit()
    said = [each for number in range(LIMIT_LINES + 30) for each in limit.let(f"{number}", 100.0)]
    assert said == [f"{number}" for number in range(LIMIT_LINES)]
    assert limit.let("later", 100.0 + LIMIT_SPAN_S) == ("30 lines were left out here", "later")
    assert limit.let("more", 101.0 + LIMIT_SPAN_S) == ("more",)


def test_a_clock_that_is_set_back_silences_nothing() -> None:
    limit = Limit()
    assert limit.let("one", 1000.0) == ("one",)
    assert limit.let("two", 10.0) == ("two",)


def test_a_text_that_is_no_unicode_is_said_with_escapes(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = Log(LineWriter("log", os.open(path, os.O_WRONLY | os.O_CREAT)), node="A")
    log.say("f\udcfcr")
    log.close(30.0)
    assert path.read_text().endswith("Z f\\udcfcr\n")
